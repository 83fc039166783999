"""What vLLM can't do, by the contract's name of it."""

from __future__ import annotations

from funland_server.workers.errors import EngineUnsupportedError


def unsupported(feature: str, why: str, **metadata: str) -> EngineUnsupportedError:
    """The error for a call that asks for a feature; `why` goes on after "vLLM can't do it: "."""
    return EngineUnsupportedError(
        f"{feature}: vLLM, which runs this model, can't do it: {why}.",
        engine="VLLM",
        feature=feature,
        **metadata,
    )
