"""What older APIs call the hubs, the formats of weights and the states of downloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import Model, Origin

HUBS: Final[Mapping[str, Origin.Hub.ValueType]] = {
    "huggingface": Origin.HUGGINGFACE,
    "ollama": Origin.OLLAMA,
    "modelscope": Origin.MODELSCOPE,
}

FORMATS: Final[Mapping[str, Model.Format.ValueType]] = {
    "gguf": Model.GGUF,
    "openvino_ir": Model.OPENVINO_IR,
    "ctranslate2": Model.CTRANSLATE2,
    "safetensors": Model.SAFETENSORS,
}

STATES: Final[Mapping[str, tuple[Download.State.ValueType, ...]]] = {
    # These APIs know no download that waits for its hub, nor one that is being installed.
    "pending": (Download.QUEUED, Download.WAITING),
    "downloading": (Download.DOWNLOADING, Download.INSTALLING),
    "paused": (Download.PAUSED,),
    "completed": (Download.COMPLETED,),
    "failed": (Download.FAILED,),
    "cancelled": (Download.CANCELLED,),
}
"""The contract's states by the word for them."""

NAME_IS_TAKEN: Final[Mapping[int, str]] = {
    ErrorReason.MODEL_EXISTS: "An installed model has the name that this one would get: delete it"
    " first, or choose the name yourself by the native API or `funland pull`."
}
"""The words for what the contract tells of a field that these APIs do not have."""

_HUB_NAMES = {hub: name for name, hub in HUBS.items()}
_FORMAT_NAMES = {form: name for name, form in FORMATS.items()}
_WORDS = {state: word for word, states in STATES.items() for state in states}


def hub_name(hub: Origin.Hub.ValueType) -> str | None:
    """The word for a hub; None if it is not said, or newer than this gateway."""
    return _HUB_NAMES.get(hub)


def format_name(form: Model.Format.ValueType) -> str | None:
    """The word for a format; None if it is not said, or newer than this gateway."""
    return _FORMAT_NAMES.get(form)


def status_word(state: Download.State.ValueType) -> str:
    """The word for a download's state; a state that is newer than this gateway is `pending`."""
    return _WORDS.get(state, "pending")


def model_id(download: Download) -> str:
    """The model's id on its hub, with the tag where that is part of it; as it was asked for until
    it is known."""
    origin = download.origin
    tag = origin.variant if origin.hub == Origin.OLLAMA else ""
    if tag in ("", "latest"):
        return origin.model_id or download.source
    return f"{origin.model_id}:{tag}"
