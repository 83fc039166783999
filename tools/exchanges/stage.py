"""What the fake hubs have for the exchanges: models, and weights that never come to their end."""

from __future__ import annotations

from typing import Any, Final

from yarl import URL

from tests.faults.gguf_files import without_template
from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub

_WEIGHTS: Final = 8 << 20
_SENT: Final = 1 << 20  # of them, before the hub falls silent

_CARD: Final = "---\nlicense: apache-2.0\npipeline_tag: text-generation\n---\n# A model\n"


def furnish(hub: FakeHub) -> None:
    """Puts in what the plan asks for."""
    files: dict[str, Any] = {
        "README.md": _CARD,
        "model-q4_k_m.gguf": seeded(_WEIGHTS, "q4"),
        "model-q8_0.gguf": seeded(2 * _WEIGHTS, "q8"),
    }
    about: dict[str, Any] = {"downloads": 1_250_000, "likes": 12, "license": "apache-2.0"}
    hub.modelscope.add(
        "qwen/Qwen-7B-Chat", files, tags=["chat", "gguf"], tasks=["text-generation"], **about
    )
    hub.huggingface.add(
        "microsoft/DialoGPT-medium", files, tags=["gguf"], task="text-generation", **about
    )
    hub.huggingface.add("funland/mute", {"mute.gguf": without_template()}, tags=["gguf"], **about)
    hub.faults.add(kinds.stall(after=_SENT), path="*model-q*", method="GET")
    hub.faults.add(kinds.status(429, retry_after=7), path="*busy*")
    hub.faults.add(kinds.status(503), path="*away*")


def settings(hub: FakeHub) -> dict[str, str]:
    """The variables with which a service asks these hubs, and gives each API a port."""
    return {
        "FUNLAND_SERVER__HUBS": "modelscope, huggingface",
        "FUNLAND_SERVER__MODELSCOPE_ENDPOINT": hub.modelscope.url,
        "FUNLAND_SERVER__HUGGINGFACE_ENDPOINT": hub.huggingface.url,
        # Where the hubs redirect to; their own addresses may be asked, for they are set.
        "FUNLAND_SERVER__ALLOWED_PRIVATE_HOSTS": URL(hub.cdn.url).host or "",
        "FUNLAND_GATEWAY__LISTEN": "0=manager, 0=hellovm, 0=platform, 0=scheduler",
    }


def places(hub: FakeHub) -> dict[str, str]:
    """The hubs' addresses, which are others in each run, and what they are called."""
    return {
        hub.modelscope.url: "http://modelscope",
        hub.huggingface.url: "http://huggingface",
        hub.cdn.url: "http://cdn",
    }
