"""Makes the id that a model gets when it is installed."""

from __future__ import annotations

import re
from typing import Final

from funland.v1.models_pb2 import Model, Origin
from funland_server.hub.clients.protocol import HubKind
from funland_server.hub.names import LATEST, parts_of
from funland_server.hub.variants import Variant
from funland_server.models.installed.model import slug

_SUFFIX: Final = re.compile(r"[-_.]gguf$", re.IGNORECASE)


def installed_id(hub: HubKind, model_id: str, variant: Variant) -> str:
    """`qwen2.5:0.5b` gives `qwen2.5-0.5b`; `Qwen/Qwen2.5-0.5B-Instruct-GGUF` and its Q4_K_M give
    `qwen2.5-0.5b-instruct-q4_k_m`."""
    if hub == Origin.OLLAMA:
        _, name, tag = parts_of(model_id)
        return slug(name if tag == LATEST else f"{name}-{tag}")
    name = _SUFFIX.sub("", model_id.rpartition("/")[2])
    if variant.format != Model.GGUF:
        return slug(name)
    if "/" in variant.name or variant.name.lower().endswith(".gguf"):
        return slug(variant.files[0].path.rpartition("/")[2])
    label = variant.name or variant.quantization
    return slug(name if label.lower() in name.lower() else f"{name}-{label}")
