"""What Ollama's clients call models: a name and a tag, `latest` where none is said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from funland.v1.models_pb2 import Model, Origin
from funland_gateway.dialects.reading import JsonObject, missing

_LATEST: Final = ":latest"
_SAYS_ITS_HUB: Final = re.compile(
    r"[^/]*\.[^/]*/.*|.*://.*|(?:modelscope|ms|huggingface|hf|ollama):.*", re.IGNORECASE
)
"""`hf.co/owner/name`, a URL, or `modelscope:owner/name`."""


def asked_name(body: JsonObject) -> str:
    """The name that a request has, as it is written; `name` is what older clients call it."""
    name = body.optional_string("model") or body.optional_string("name")
    if not name:
        raise missing(body.path_of("model"))
    return name


def plain(name: str) -> str:
    """The name as the contract knows it, where a model that has no tags has no `:latest`."""
    return name.removesuffix(_LATEST) or name


def tagged(name: str) -> str:
    """The name with its tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}{_LATEST}"


def listed(models: Iterable[Model]) -> list[tuple[str, Model]]:
    """Each model with the name that calls may use: that of Ollama's registry where it comes from
    there, else a name with an owner or a tag that it was given, else its id. Of several that came
    from one place the first has the name."""
    names: dict[str, Model] = {}
    for model in models:
        name = _own_name(model)
        names[tagged(model.model_id) if name in names else name] = model
    return list(names.items())


def _own_name(model: Model) -> str:
    origin = model.origin
    if origin.hub == Origin.OLLAMA:
        return tagged(f"{origin.model_id}:{origin.variant}" if origin.variant else origin.model_id)
    given = (alias for alias in model.aliases if "/" in alias or ":" in alias)
    return tagged(next(given, model.model_id))


def hub_of(name: str) -> Origin.Hub.ValueType:
    """Where a name is pulled from: Ollama's registry, unless it says another; then unset."""
    return Origin.HUB_UNSPECIFIED if _SAYS_ITS_HUB.fullmatch(name) else Origin.OLLAMA
