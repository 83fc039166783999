"""What is asked, in this order: each endpoint of four APIs once, and each error that they know.

In paths and bodies, `{name}` is what an earlier step has kept under that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Step:
    """A request, or a conversation over a WebSocket."""

    dialect: str
    """Whose port it goes to."""
    name: str
    """The file of its exchange. It, or what it has before one of its `-`, is the name of the
    document's example, if there is one."""
    method: str
    path: str
    body: Any = None
    """Sent as JSON; bytes are sent as they are."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    status: int = 200
    keeps: Mapping[str, str] = field(default_factory=dict[str, str])
    """Under which name what is kept, by its place in the answer, such as `data.task.id`."""
    volatile: tuple[str, ...] = ()
    """Fields of its answer that are others in each run, beside those that always are."""
    cut: tuple[str, ...] = ()
    """Lists of its answer that have more items on other machines, of which the first is kept."""
    until: tuple[str, str] | None = None
    """A place in the answer, and the value there until which it is asked again."""
    executes: bool = False
    """Whether it has a plugin executed, which not every system can."""
    says: tuple[tuple[Any, str], ...] = ()
    """Of a conversation: what is said (None: nothing), and up to which type of message is heard."""


def _manager(name: str, method: str, path: str, **rest: Any) -> Step:
    return Step("manager", name, method, path, **rest)


def _hellovm(name: str, method: str, path: str, **rest: Any) -> Step:
    return Step("hellovm", name, method, path, **rest)


def _platform(name: str, method: str, path: str, **rest: Any) -> Step:
    return Step("platform", name, method, path, **rest)


def _scheduler(name: str, method: str, path: str, **rest: Any) -> Step:
    return Step("scheduler", name, method, path, **rest)


_DIALO: Final = "/api/models/microsoft/DialoGPT-medium"
_TASK: Final = "/api/downloads/{task}"
_DEPLOYMENT: Final = "/api/deployments/{deployment}"
_QWEN: Final = "/api/v1/models/qwen/Qwen-7B-Chat"
_CONTROL: Final = "/api/v1/downloads/{download}/control"
_SESSION: Final = "/api/v1/chat/sessions/{session}"
_DESCRIBE: Final = "/api/v1/plugins/describe_table"
_WORK: Final = "/api/v1/tasks/{work}"

_COMPLETION: Final = ("id", "created", "system_fingerprint", "timings")

_SPANS: Final = ("1min", "5min", "15min")
_PRESSURES: Final = ("cpu_percent", "memory_percent", "io_percent")
_DEVICES: Final = ("devices", "acceleration_recommendations")
_DEVICE: Final = (
    "name", "vendor", "architecture", "cores", "threads", "base_frequency", "max_frequency",
    "memory_total", "memory_available", "utilization", "temperature", "supported_instructions",
    "problems",
)  # fmt: skip
_DETAILS: Final = (
    "usable_cores", "machine_cores", "machine_threads", "sockets", "last_level_cache_bytes",
    "memory_nodes", "engines",
)  # fmt: skip
_RESOURCES: Final = ("cpu_usage", "memory_usage", "gpu_usage", "gpu_memory")
_TIMES: Final = ("started_at", "completed_at", "execution_time_ms")
_HELLO: Final[dict[str, Any]] = {
    "prompt": "Hello!",
    "model": "funland-tiny",
    "parameters": {
        "temperature": 0,
        "max_tokens": 500,
        "top_p": 0.95,
        "top_k": 40,
        "stop_sequences": ["\n\n", "<|endoftext|>"],
        "stream": False,
    },
}
_TABLE: Final[dict[str, Any]] = {
    "input": {"table": "name,age\nAnn,42\nBob,\n"},
    "config": {"delimiter": ","},
    "output_format": "markdown",
    "async": False,
}
_GPUS: Final = (
    "total_gpus", "total_memory_mb", "used_memory_mb", "avg_utilization", "metrics",
)  # fmt: skip

STEPS: Final = (
    _manager("health", "GET", "/health"),
    _manager("api_health", "GET", "/api/health"),
    _manager("resources", "GET", "/api/system/resources", volatile=("cores", "available_gb")),
    _manager("load", "GET", "/api/system/load", volatile=(*_SPANS, *_PRESSURES, "active_requests")),
    _manager(
        "system_health", "GET", "/api/system/health", volatile=("status", "message", "checked_at")
    ),
    _manager("sync", "POST", "/api/models/sync"),
    _manager("search", "GET", "/api/models/search?query=DialoGPT&source=huggingface"),
    _manager("info", "GET", f"{_DIALO}/info"),
    _manager("categories", "GET", "/api/models/categories"),
    _manager("trending", "GET", "/api/models/trending?source=huggingface&limit=1"),
    _manager("favorite", "POST", f"{_DIALO}/favorite"),
    _manager("stats", "GET", "/api/models/stats"),
    _manager("no_favorite", "DELETE", f"{_DIALO}/favorite"),
    _manager(
        "start",
        "POST",
        "/api/downloads/start",
        body={"model_id": "microsoft/DialoGPT-medium", "source": "huggingface"},
        keeps={"task": "data.task.id"},
        volatile=("status",),
    ),
    _manager("pause", "PUT", f"{_TASK}/pause"),
    _manager("task", "GET", _TASK),
    _manager("list", "GET", "/api/downloads/list?status=paused&page=1&page_size=20"),
    _manager("queue", "GET", "/api/downloads/queue"),
    _manager("storage", "GET", "/api/downloads/storage"),
    _manager(
        "watch",
        "GET",
        "/ws/downloads",
        status=101,
        says=(
            (None, "synced"),
            ({"action": "subscribe", "task_id": "{task}"}, "subscribed"),
            (None, "download"),
            ({"action": "ping"}, "pong"),
            ({"action": "subscribe", "task_id": "ghost"}, "error"),
            ({"action": "dance"}, "error"),
            ({"action": "unsubscribe"}, "subscribed"),
        ),
    ),
    _manager("resume", "PUT", f"{_TASK}/resume", volatile=("status",)),
    _manager("cancel", "PUT", f"{_TASK}/cancel"),
    _manager("error-INVALID_ACTION", "PUT", f"{_TASK}/pause", status=409),
    _manager("delete", "DELETE", _TASK),
    _manager("error-TASK_NOT_FOUND", "GET", _TASK, status=404),
    _manager("error-MODEL_NOT_FOUND", "GET", "/api/models/ghost/ghost/info", status=404),
    _manager("error-INVALID_SOURCE", "GET", "/api/models/search?source=github", status=400),
    _hellovm("hardware", "GET", "/api/v1/hardware", volatile=_DEVICE, cut=_DEVICES),
    _hellovm(
        "hardware-detailed",
        "GET",
        "/api/v1/hardware?detailed=true&refresh=true",
        volatile=(*_DEVICE, *_DETAILS),
        cut=_DEVICES,
    ),
    _hellovm("metrics", "GET", "/api/v1/hardware/cpu_0/metrics", volatile=("metrics", "history")),
    _hellovm(
        "acceleration",
        "POST",
        "/api/v1/hardware/acceleration",
        body={
            "primary_device": "cpu_0",
            "secondary_devices": [],
            "acceleration_mode": "single",
            "config": {"cpu_threads": 1, "gpu_memory_fraction": 0.8, "npu_power_mode": "balanced"},
        },
    ),
    _hellovm(
        "status",
        "GET",
        "/api/v1/system/status",
        volatile=("uptime", "status", "total_devices", "active_devices", "performance"),
    ),
    _hellovm("config", "GET", "/api/v1/system/config"),
    _hellovm("search", "GET", "/api/v1/models/search?query=Qwen-7B&format=gguf&limit=20&offset=0"),
    _hellovm("details", "GET", _QWEN),
    _hellovm(
        "start",
        "POST",
        "/api/v1/models/download",
        body={
            "model_id": "qwen/Qwen-7B-Chat",
            "format": "gguf",
            "quantization": "q4_k_m",
            "download_path": "/models",
            "options": {
                "max_threads": 8,
                "resume_download": True,
                "verify_checksum": True,
                "priority": "high",
            },
        },
        keeps={"download": "data.download_id"},
        volatile=("status",),
    ),
    _hellovm("control-pause", "POST", _CONTROL, body={"action": "pause", "reason": "Later."}),
    _hellovm("downloads", "GET", "/api/v1/downloads?model_id=qwen/Qwen-7B-Chat&limit=10"),
    _hellovm("control-resume", "POST", _CONTROL, body={"action": "resume"}, volatile=("status",)),
    _hellovm("control-cancel", "POST", _CONTROL, body={"action": "cancel"}),
    _hellovm("error-409", "POST", _CONTROL, body={"action": "pause"}, status=409),
    _hellovm("control-retry", "POST", _CONTROL, body={"action": "retry"}, volatile=("status",)),
    _hellovm("control-cancel-again", "POST", _CONTROL, body={"action": "cancel"}),
    _hellovm(
        "session",
        "POST",
        "/api/v1/chat/sessions",
        body={
            "model_id": "funland-tiny",
            "device_id": "cpu_0",
            "config": {
                "temperature": 0,
                "top_p": 0.95,
                "top_k": 40,
                "max_tokens": 512,
                "system_prompt": "You are a helpful AI assistant.",
            },
            "metadata": {"title": "AI Assistant Chat", "tags": ["general", "help"]},
        },
        keeps={"session": "data.session_id"},
        volatile=("ws_url",),
    ),
    _hellovm(
        "message",
        "POST",
        f"{_SESSION}/messages",
        body={
            "message": "Hello, how are you today?",
            "stream": False,
            "metadata": {"client_id": "user123", "timestamp": "2024-11-14T10:30:00Z"},
        },
        volatile=("message_id", "inference_time"),
    ),
    _hellovm(
        "stream",
        "GET",
        f"{_SESSION}/stream",
        status=101,
        says=(
            ({"type": "resume"}, "session"),
            ({"type": "ping", "reference": "p"}, "pong"),
            ({"type": "dance", "reference": "d"}, "error"),
            ({"type": "cancel", "message_id": "ghost", "reference": "c"}, "error"),
            ({"type": "message", "message": "Hello!", "reference": "m"}, "message"),
            (None, "message"),
            (None, "delta"),
        ),
        volatile=("number", "message_id", "content"),
    ),
    _hellovm("error-400-chat", "POST", "/api/v1/chat/sessions", body={}, status=400),
    _hellovm(
        "error-404-session",
        "POST",
        "/api/v1/chat/sessions/ghost/messages",
        body={"message": "Hello!"},
        status=404,
    ),
    _hellovm("error-400", "GET", "/api/v1/models/qwen", status=400),
    _hellovm("error-400-action", "POST", _CONTROL, body={"action": "stop"}, status=400),
    _hellovm(
        "error-400-device",
        "POST",
        "/api/v1/hardware/acceleration",
        body={"primary_device": "npu_99"},
        status=400,
        volatile=("details", "primary_device"),  # they list the devices that there are
    ),
    _hellovm("error-403", "GET", _QWEN, headers={"Host": "evil.example"}, status=403),
    _hellovm("error-404", "GET", "/api/v1/models/ghost/ghost", status=404),
    _hellovm(
        "error-404-download",
        "POST",
        "/api/v1/downloads/ghost/control",
        body={"action": "pause"},
        status=404,
    ),
    _hellovm("error-404-device", "GET", "/api/v1/hardware/gpu_99/metrics", status=404),
    _hellovm("error-422", "POST", "/api/v1/models/download", body=b"{", status=422),
    _hellovm("error-429", "GET", "/api/v1/models/busy/busy", status=429),
    _hellovm("error-503", "GET", "/api/v1/models/away/away", status=503),
    _hellovm("plugins", "GET", "/api/v1/plugins?category=analysis&status=enabled"),
    _hellovm(
        "execution",
        "POST",
        f"{_DESCRIBE}/execute",
        body=_TABLE,
        volatile=("execution_id", "execution_time"),
        executes=True,
    ),
    _hellovm(
        "execution-async",
        "POST",
        f"{_DESCRIBE}/execute",
        body={**_TABLE, "async": True},
        keeps={"execution": "data.execution_id"},
        volatile=("status",),
        executes=True,
    ),
    _hellovm(
        "execution-done",
        "GET",
        f"{_DESCRIBE}/executions/{{execution}}",
        until=("data.status", "completed"),
        volatile=("execution_time",),
        executes=True,
    ),
    _hellovm(
        "error-400-plugin",
        "POST",
        f"{_DESCRIBE}/execute",
        body={"input": {"rows": 7}},
        status=400,
        executes=True,
    ),
    _hellovm("error-404-plugin", "POST", "/api/v1/plugins/ghost/execute", body={}, status=404),
    _platform("gpu", "GET", "/api/v1/gpu", volatile=_GPUS),
    _platform("error-404", "GET", "/api/v1/gpu/0", status=404),
    _scheduler("health", "GET", "/api/v1/health", volatile=("uptime",)),
    _scheduler("status", "GET", "/api/v1/status", volatile=("uptime", *_RESOURCES)),
    _scheduler("generate", "POST", "/api/v1/llm/generate", body=_HELLO, volatile=_TIMES),
    _scheduler(
        "submit",
        "POST",
        "/api/v1/llm/generate/async",
        body=_HELLO,
        keeps={"work": "data.task_id"},
        volatile=("status",),
    ),
    _scheduler("task", "GET", _WORK, until=("data.status", "completed"), volatile=_TIMES),
    _scheduler("task-result", "GET", f"{_WORK}?include_result=true", volatile=_TIMES),
    _scheduler("cancel-too-late", "DELETE", _WORK),
    _scheduler(
        "submit-again",
        "POST",
        "/api/v1/llm/generate/async",
        body={"prompt": "Hello!", "parameters": {"max_tokens": 1000, "ignore_end": True}},
        keeps={"work": "data.task_id"},
        volatile=("status",),
    ),
    # It may have ended by itself before.
    _scheduler("cancel", "DELETE", _WORK, volatile=("status", "message")),
    _scheduler(
        "stream",
        "POST",
        "/api/v1/llm/generate/stream",
        body={
            "prompt": "Hello!",
            "parameters": {"temperature": 0, "max_tokens": 1, "stream": True},
        },
        volatile=_TIMES,
    ),
    _scheduler("error-400", "POST", "/api/v1/llm/generate", body={}, status=400),
    _scheduler(
        "error-400-parameter",
        "POST",
        "/api/v1/llm/generate",
        body={"prompt": "Hello!", "parameters": {"top_p": 7}},
        status=400,
    ),
    _scheduler("error-404", "GET", "/api/v1/tasks/ghost", status=404),
    _scheduler(
        "error-404-model",
        "POST",
        "/api/v1/llm/generate/async",
        body={"prompt": "Hello!", "model": "ghost"},
        status=404,
    ),
    # Last: what they download and install would show in the answers before.
    _manager(
        "deploy",
        "POST",
        "/api/deployments/start",
        body={
            "model_id": "funland/mute",
            "model_source": "huggingface",
            "gpu_memory_utilization": 0.8,
            "max_model_len": 256,
        },
        keeps={"deployment": "data.deployment_id"},
        volatile=("status", "download_task_id"),
    ),
    _manager(
        "deployment",
        "GET",
        _DEPLOYMENT,
        until=("data.status", "running"),
        volatile=("started_at", "download_task_id"),
    ),
    _manager(
        "error-CHAT_NOT_SUPPORTED",
        "POST",
        "/api/chat/{deployment}",
        body={"messages": [{"role": "user", "content": "Hello!"}]},
        status=400,
    ),
    _manager(
        "completion",
        "POST",
        "/api/completions/{deployment}",
        body={
            "prompt": "Once upon a time",
            "stream": False,
            "temperature": 0,
            "max_tokens": 1,
            "top_p": 0.9,
        },
        volatile=_COMPLETION,
    ),
    _manager(
        "completion-streamed",
        "POST",
        "/api/completions/{deployment}",
        body={"prompt": "Once upon a time", "stream": True, "temperature": 0, "max_tokens": 1},
        volatile=_COMPLETION,
    ),
    _manager("deployments_health", "GET", f"{_DEPLOYMENT}/health", volatile=("latency_ms",)),
    _manager("deployments_model", "GET", f"{_DEPLOYMENT}/model-info", volatile=("engine",)),
    _manager("deployments_logs", "GET", f"{_DEPLOYMENT}/logs?lines=1", volatile=("number",)),
    _manager(
        "deployments_stop",
        "PUT",
        f"{_DEPLOYMENT}/stop",
        volatile=("status", "started_at", "download_task_id"),
    ),
    _manager(
        "deployments_stopped",
        "GET",
        _DEPLOYMENT,
        until=("data.status", "stopped"),
        volatile=("started_at", "download_task_id"),
    ),
    _manager(
        "error-DEPLOYMENT_NOT_RUNNING",
        "POST",
        "/api/completions/{deployment}",
        body={"prompt": "Once upon a time"},
        status=409,
    ),
    _manager(
        "deployments_restart",
        "PUT",
        f"{_DEPLOYMENT}/restart",
        volatile=("status", "started_at", "download_task_id"),
    ),
    _manager("deployments_delete", "DELETE", _DEPLOYMENT),
    _manager("error-DEPLOYMENT_NOT_FOUND", "GET", _DEPLOYMENT, status=404),
    _manager(
        "deploy-again",
        "POST",
        "/api/deployments/start",
        body={"model_id": "funland-tiny", "max_model_len": 512},
        keeps={"deployment": "data.deployment_id"},
        volatile=("status",),
    ),
    _manager(
        "deployment-again",
        "GET",
        _DEPLOYMENT,
        until=("data.status", "running"),
        volatile=("started_at",),
    ),
    _manager(
        "deployments_list", "GET", "/api/deployments/list?status=running", volatile=("started_at",)
    ),
    _manager(
        "chat",
        "POST",
        "/api/chat/{deployment}",
        body={
            "messages": [{"role": "user", "content": "Hello!"}],
            "stream": False,
            "temperature": 0,
            "max_tokens": 1000,
            "top_p": 0.9,
        },
        volatile=_COMPLETION,
    ),
    _manager(
        "chat-streamed",
        "POST",
        "/api/chat/{deployment}",
        body={
            "messages": [{"role": "user", "content": "Hello!"}],
            "stream": True,
            "temperature": 0,
            "max_tokens": 1,
        },
        volatile=_COMPLETION,
    ),
    _manager(
        "error-INVALID_SOURCE-deployment",
        "POST",
        "/api/deployments/start",
        body={"model_id": "a/b", "model_source": "github"},
        status=400,
    ),
    _manager(
        "error-MODEL_NOT_FOUND-deployment",
        "POST",
        "/api/deployments/start",
        body={"model_id": "ghost/ghost", "model_source": "huggingface"},
        status=404,
    ),
)
