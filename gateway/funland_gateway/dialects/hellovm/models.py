"""`models/search` and `models/{model_id}`: what ModelScope has."""

from __future__ import annotations

from typing import Any, Final

from funland.v1 import downloads_pb2, hub_pb2
from funland.v1.downloads_pb2 import Download
from funland.v1.models_pb2 import Model, Origin
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.hellovm.answers import checked_id, done
from funland_gateway.dialects.hellovm.formats import FORMAT_SCHEMA, read_format
from funland_gateway.dialects.hellovm.tasks import progress
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.query import Parameter, text, whole_number
from funland_gateway.dialects.reading import missing
from funland_gateway.dialects.rpcs import GET_HUB_MODEL, LIST_DOWNLOADS, SEARCH_HUB_MODELS
from funland_gateway.dialects.sizes import size, weights
from funland_gateway.dialects.sources import format_name
from funland_gateway.dialects.times import moment

QUERY: Final = text("query", "Words that the name, owner, description or tags hold. Required.")
FORMAT: Final[Parameter[Model.Format.ValueType]] = Parameter(
    "format",
    "How the weights are stored.",
    FORMAT_SCHEMA,
    lambda key, query: read_format(key, query.get(key, "")),
)
QUANTIZATION: Final = text("quantization", "Only models that have this one, such as `q4_k_m`.")
LIMIT: Final = whole_number("limit", "At most this many.", 1, 100, 20)
OFFSET: Final = whole_number("offset", "Pass over so many.", 0, 10_000, 0)

SEARCH_QUERY: Final[tuple[Parameter[Any], ...]] = (QUERY, FORMAT, QUANTIZATION, LIMIT, OFFSET)

_UNFINISHED: Final = (
    Download.QUEUED, Download.DOWNLOADING, Download.WAITING, Download.PAUSED, Download.INSTALLING,
)  # fmt: skip
NOT_TOLD: Final[tuple[str, ...]] = (
    "reasoning_score",
    "knowledge_score",
    "coding_score",
    "math_score",
)
"""The document's performance metrics."""


def search_models(incoming: Incoming) -> Unary:
    """Asks for a page of models, each with the variant that is wanted."""
    query = QUERY.of(incoming.query)
    if not query.strip():
        raise missing(QUERY.name)
    limit, offset = LIMIT.of(incoming.query), OFFSET.of(incoming.query)
    wanted = QUANTIZATION.of(incoming.query), FORMAT.of(incoming.query)
    request = hub_pb2.SearchHubModelsRequest(
        query=query,
        hub=Origin.MODELSCOPE,
        format=wanted[1],
        quantization=wanted[0],
        page_size=limit,
        skip=offset,
        with_files=True,  # for sizes, sums and addresses
    )

    def answer(found: hub_pb2.SearchHubModelsResponse) -> Reply:
        data = {
            "models": [_model(model, _variant(model, *wanted)) for model in found.models],
            "total": optional(found, "total_size"),
            "page": offset // limit + 1,
            "page_size": limit,
            "has_next": bool(found.next_page_token),
        }
        return done(incoming, data)

    return Unary(SEARCH_HUB_MODELS, request, answer, _search_names)


def get_model(incoming: Incoming) -> Unary:
    """Asks for all that ModelScope tells of a model, and then how far its download is."""
    model_id = checked_id(incoming.path["model_id"])

    def answer(model: hub_pb2.HubModel) -> Unary:
        request = downloads_pb2.ListDownloadsRequest(
            states=_UNFINISHED, model=model_id, page_size=1
        )
        return Unary(
            LIST_DOWNLOADS, request, lambda found: done(incoming, _details(model, found.downloads))
        )

    request = hub_pb2.GetHubModelRequest(hub=Origin.MODELSCOPE, model_id=model_id)
    return Unary(GET_HUB_MODEL, request, answer)


def _search_names(path: str) -> str:
    return {"skip": OFFSET.name, "page_size": LIMIT.name}.get(path, path)


def _variant(
    model: hub_pb2.HubModel,
    quantization: str = "",
    form: Model.Format.ValueType = Model.FORMAT_UNSPECIFIED,
) -> hub_pb2.HubVariant:
    """The first that is as wanted, the best for this machine; an empty one if there is none."""
    for variant in model.variants:
        fits = not quantization or variant.quantization.lower() == quantization.lower()
        if fits and form in (Model.FORMAT_UNSPECIFIED, variant.format):
            return variant
    return hub_pb2.HubVariant()


def _model(model: hub_pb2.HubModel, variant: hub_pb2.HubVariant) -> dict[str, Any]:
    files = {file.path: file for file in model.files}
    first = files.get(variant.paths[0] if variant.paths else "", hub_pb2.HubFile())
    whole = optional(model, "size_bytes")
    size_bytes = variant.size_bytes if variant.HasField("size_bytes") else whole
    form = variant.format or (model.formats[0] if model.formats else Model.FORMAT_UNSPECIFIED)
    return {
        "id": model.model_id,
        "name": _name(model),
        "description": model.description or None,
        "size": None if size_bytes is None else size(size_bytes),
        "format": format_name(form),
        "quantization": variant.quantization.lower() or None,
        "context_length": optional(model, "context_length"),
        "tags": list(model.tags),
        "downloads": optional(model, "downloads"),
        "rating": None,  # no hub tells one
        "last_updated": moment(model, "update_time"),
        "download_url": first.url or None,
        "checksum": _checksum(first),
        "is_downloaded": bool(model.installed_model_ids),
        "local_path": None,  # where the server keeps files is its own business
    }


def _details(model: hub_pb2.HubModel, downloads: list[Download]) -> dict[str, Any]:
    counted = model.HasField("parameter_count")
    return {
        **_model(model, _variant(model)),
        "full_description": model.card or None,
        "architecture": model.architecture or None,
        "parameters": weights(model.parameter_count) if counted else None,
        "training_data": None,
        "license": model.license or None,
        "capabilities": [model.model_type.replace("-", "_")] if model.model_type else [],
        "supported_languages": list(model.languages),
        "performance_metrics": dict.fromkeys(NOT_TOLD),
        "reviews": None,
        "created_at": moment(model, "create_time"),
        "files": [
            {
                "name": file.path,
                "size": optional(file, "size_bytes"),
                "checksum": _checksum(file),
                "download_url": file.url or None,
            }
            for file in model.files
        ],
        "download_progress": progress(downloads[0]) if downloads else None,
    }


def _name(model: hub_pb2.HubModel) -> str:
    return model.display_name or model.model_id.rpartition("/")[2]


def _checksum(file: hub_pb2.HubFile) -> str | None:
    return f"sha256:{file.sha256}" if file.sha256 else None
