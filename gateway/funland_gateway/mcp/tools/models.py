"""Tools that find models, here and on hubs."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.rpcs import (
    ESTIMATE_MODEL,
    GET_HUB_MODEL,
    GET_MODEL,
    LIST_DEVICES,
    LIST_MODELS,
    SEARCH_HUB_MODELS,
)
from funland_gateway.mcp.fields import Field, fields
from funland_gateway.mcp.tool import LOOKS, Hints, Tool

_ASKS_HUBS: Final = Hints(reads_only=True, leaves_the_machine=True)

_MODEL: Final = (
    "model_id",
    "aliases",
    "source",
    "kind",
    "state",
    "format",
    "architecture",
    "quantization",
    "parameter_count",
    "context_length",
    "size_bytes",
    "license",
    "can_chat",
    "default",
)
_HUB_MODEL: Final = (
    "hub",
    "model_id",
    "description",
    "model_type",
    "formats",
    "license",
    "parameter_count",
    "context_length",
    "size_bytes",
    "downloads",
    "likes",
    "gated",
    "installed_model_ids",
)
_PAGE: Final = fields("next_page_token", "total_size")

MODELS: Final = (
    Tool(
        "list_models",
        "List the installed models",
        "Lists the models that are installed on this machine: what each is for, how large it is and"
        " whether it is in memory.",
        LIST_MODELS,
        fields("page_size", "page_token"),
        (Field("models", only=_MODEL), *_PAGE),
        LOOKS,
    ),
    Tool(
        "get_model",
        "Look at an installed model",
        "Tells what is known of one installed model, and how it runs if it is in memory.",
        GET_MODEL,
        fields("model_id"),
        (
            *fields(*_MODEL, "description", "display_name"),
            Field("load_error", only=("message",)),
            Field(
                "loaded",
                only=("context_length", "slots", "memory_bytes", "device_ids", "active_sequences"),
            ),
        ),
        LOOKS,
    ),
    Tool(
        "estimate_model",
        "Estimate the memory that a model takes",
        "Estimates what an installed model would take of the memory, and whether it fits now.",
        ESTIMATE_MODEL,
        fields("model_id", "settings.context_length", "settings.slots", "settings.device_ids"),
        (
            *fields("model_id", "fits", "available_bytes", "measured_bytes"),
            Field(
                "footprint",
                only=(
                    "total_bytes",
                    "weights_bytes",
                    "cache_bytes",
                    "compute_bytes",
                    "context_length",
                ),
            ),
        ),
        LOOKS,
    ),
    Tool(
        "search_models",
        "Search hubs for models",
        "Searches ModelScope, HuggingFace and what is known of Ollama's registry for models that"
        " this machine can run. pull_model installs one.",
        SEARCH_HUB_MODELS,
        (
            Field("query", must=True),
            *fields("hub", "format", "quantization", "model_type", "owner", "sort", "local"),
            *fields("page_size", "page_token"),
        ),
        (
            Field("models", only=_HUB_MODEL),
            *_PAGE,
            Field("failures", only=("hub", Field("error", only=("message",)))),
        ),
        _ASKS_HUBS,
    ),
    Tool(
        "get_hub_model",
        "Look at a model on a hub",
        "Tells what a hub says of a model, and which variants of it can be installed, the best for"
        " this machine first.",
        GET_HUB_MODEL,
        fields("model_id", "hub", "revision"),
        (
            *fields(*_HUB_MODEL),
            Field("variants", only=("name", "format", "quantization", "size_bytes", "fits")),
        ),
        _ASKS_HUBS,
    ),
    Tool(
        "list_devices",
        "List what models are computed on",
        "Lists the processors, GPUs and NPUs of this machine, what of them is in use, and which"
        " engines compute on them.",
        LIST_DEVICES,
        fields("refresh"),
        (
            Field(
                "devices",
                only=(
                    "device_id",
                    "kind",
                    "state",
                    "state_reason",
                    "name",
                    "vendor",
                    "architecture",
                    Field("engines", only=("engine", "name", "backend")),
                    Field(
                        "metrics",
                        only=("utilization_percent", "memory_used_bytes", "memory_total_bytes"),
                    ),
                ),
            ),
        ),
        LOOKS,
    ),
)
