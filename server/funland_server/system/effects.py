"""When a change of a setting takes effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland.v1.system_pb2 import Setting

_AT_ONCE: Final = (
    "default_model", "speech_model", "transcription_model", "image_model", "load_wait_seconds",
    "send_timeout_seconds", "drain_seconds", "response_days", "session_linger_seconds",
    "offline", "proxy", "allowed_private_hosts",
    "hubs", "modelscope_endpoint", "huggingface_endpoint", "ollama_endpoint",
    "modelscope_mirrors", "huggingface_mirrors", "ollama_mirrors",
    "modelscope_token", "huggingface_token", "hub_timeout_seconds", "hub_catalog_hours",
    "download_jobs", "download_connections", "download_bytes_per_second",
    "download_first_byte_seconds", "download_stall_seconds", "download_patience_seconds",
    "download_reserve_bytes",
    "language_tasks", "plugin_tasks", "batch_tasks", "batch_streams", "download_tasks",
    "training_tasks",
    "speech_tasks", "picture_tasks", "image_pixels", "image_blocked_terms",
    "task_queue_limit", "task_lease_seconds", "task_days", "webhook_secret", "file_bytes",
    "upload_bytes", "dataset_bytes", "dataset_row_bytes",
    "plugin_memory_bytes", "plugin_seconds", "token_seconds", "refresh_days", "audit_days",
    "log_level",
)  # fmt: skip
_NEXT_LOAD: Final = (
    "slots", "max_context_length", "threads", "cache_type", "load_timeout_seconds",
    "keep_alive_seconds", "memory_limit_bytes", "queue_limit", "prefix_memory_bytes",
    "prefix_spill_bytes", "hang_timeout_seconds", "step_timeout_seconds",
    "vllm_environment", "vllm_start_seconds",
)  # fmt: skip
_NEXT_START: Final = (
    "home", "database_url", "host", "port", "log_format", "accounts",
    "traces_endpoint", "traces_ratio",
    "tls_certificate", "tls_key",
    "placement", "ray_address", "ray_token_path", "node_weights_path", "node_weights_bytes",
)  # fmt: skip

_OF_SERVER: Final[Mapping[str, Setting.Effect.ValueType]] = {
    **dict.fromkeys(_AT_ONCE, Setting.AT_ONCE),
    **dict.fromkeys(_NEXT_LOAD, Setting.NEXT_LOAD),
    **dict.fromkeys(_NEXT_START, Setting.NEXT_START),
}


def effect(name: str) -> Setting.Effect.ValueType:
    """Of a setting such as `server.slots`. What another part of the service is set by, such as the
    gateway, it reads at its start. Raises KeyError for one of the server's that the table lacks."""
    section, _, field = name.partition(".")
    return _OF_SERVER[field] if section == "server" else Setting.NEXT_START
