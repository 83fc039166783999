"""What is asked, in this order: each endpoint of four APIs once, and each error that they know;
of OpenAI's what is about sound and pictures; of Ollama's what needs no registry.

In paths and bodies, `{name}` is what an earlier step has kept under that name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Step:
    """A request, or a conversation over a WebSocket."""

    dialect: str
    """Whose port it goes to, and whose answer it is."""
    name: str
    """The file of its exchange. It, or what it has before one of its `-`, is the name of the
    document's example, if there is one."""
    method: str
    path: str
    body: Any = None
    """Sent as JSON; bytes are sent as they are."""
    form: Mapping[str, str] = field(default_factory=dict[str, str])
    """Sent as a form; `@NAME` is a file of `given.FILES`."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    status: int = 200
    keeps: Mapping[str, str] = field(default_factory=dict[str, str])
    """Under which name what is kept, by its place in the answer, such as `data.task.id`."""
    volatile: tuple[str, ...] = ()
    """Fields of its answer that are others in each run, beside those that always are."""
    cut: tuple[str, ...] = ()
    """Lists of its answer that have more items on other machines, of which the first is kept."""
    until: tuple[str, object] | None = None
    """A place in the answer, and the value there until which it is asked again."""
    executes: bool = False
    """Whether it has a plugin executed, which not every system can."""
    port: str = ""
    """The port that it goes to instead, such as `stage.ACCOUNTS`."""
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


def _openai(name: str, method: str, path: str, **rest: Any) -> Step:
    return Step("openai", name, method, path, **rest)


def _ollama(name: str, method: str, path: str, **rest: Any) -> Step:
    return Step("ollama", name, method, path, **rest)


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
_ADMIN: Final = {"Authorization": "Bearer {token}"}
_VIEWER: Final = {"Authorization": "Bearer {viewer}"}
_ANY_MODEL: Final = (
    "total", "id", "model_id", "name", "framework", "size", "format", "quantization",
)  # fmt: skip
"""Of the first of the models that are installed with extras, which are others elsewhere."""
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
_SPEECH: Final[dict[str, Any]] = {"sample_rate": 22050, "format": "wav"}
_SOUND: Final = ("audio_base64", "audio_url", "duration_ms", "execution_time_ms")
_PICTURE: Final = (*_TIMES, "base64", "url")
_PAINTED: Final = ("created", "b64_json", "url", "device_used")
_SEED: Final[dict[str, Any]] = {"prompt": "A lake", "seed": 7, "steps": 2}
_FORM: Final = {"prompt": "A lake", "seed": "7", "steps": "4", "image": "@blue.png"}
_TABLE: Final[dict[str, Any]] = {
    "input": {"table": "name,age\nAnn,42\nBob,\n"},
    "config": {"delimiter": ","},
    "output_format": "markdown",
    "async": False,
}
_LOSSES: Final = ("initial_loss", "final_loss", "best_loss", "loss")
_RUN: Final[dict[str, Any]] = {
    "model_id": "funland-tiny",
    "dataset_id": 1,
    "template_id": "lora",
    "project_id": 1,
    "experiment_name": "My experiment",
    "hyperparameters": {"learning_rate": 2e-4, "epochs": 3},
}
_SUBMIT: Final = "/api/v1/training/submit"
_LOSS: Final = "/api/v1/metrics/loss"
_GPUS: Final = (
    "total_gpus", "total_memory_mb", "used_memory_mb", "avg_utilization", "metrics",
)  # fmt: skip
_TOOK: Final = (
    "total_duration", "load_duration", "prompt_eval_duration", "eval_duration",
)  # fmt: skip
_TINY: Final[dict[str, Any]] = {"model": "funland-tiny", "stream": False}
_SAID: Final[dict[str, Any]] = {"messages": [{"role": "user", "content": "Hello!"}]}
_SURE: Final[dict[str, Any]] = {"temperature": 0, "num_predict": 8}
_BLOB: Final = f"/api/blobs/sha256:{hashlib.sha256(b'GGUF').hexdigest()}"
_NO_BLOB: Final = f"/api/blobs/sha256:{'0' * 64}"

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
    _platform(
        "error-401-password",
        "POST",
        "/api/v1/auth/token",
        form={"username": "admin", "password": "admin123"},
        status=401,
    ),
    _platform(
        "token",
        "POST",
        "/api/v1/auth/token",
        form={"username": "admin", "password": "admin's password"},
        keeps={"first": "access_token", "refresh": "refresh_token"},
    ),
    _platform(
        "token-refreshed",
        "POST",
        "/api/v1/auth/token",
        form={"grant_type": "refresh_token", "refresh_token": "{refresh}"},
        keeps={"token": "access_token", "next": "refresh_token"},
    ),
    _platform(
        "token-viewer",
        "POST",
        "/api/v1/auth/token",
        form={"grant_type": "password", "username": "viewer", "password": "viewer's password"},
        keeps={"viewer": "access_token", "last": "refresh_token"},
    ),
    _platform("me", "GET", "/api/v1/auth/me", headers=_ADMIN),
    _platform("error-401", "GET", "/api/v1/auth/me", status=401),
    _platform(
        "project-created",
        "POST",
        "/api/v1/projects",
        body={"name": "LLM Fine-tuning Demo", "description": "A first try"},
        headers=_ADMIN,
        status=201,
        keeps={"project": "project_id"},
    ),
    _platform("projects", "GET", "/api/v1/projects?skip=0&limit=100", headers=_ADMIN),
    _platform("project", "GET", "/api/v1/projects/1", headers=_ADMIN),
    _platform(
        "datasets",
        "GET",
        "/api/v1/datasets",
        headers=_ADMIN,
        keeps={"rows": "datasets.0.dataset_id"},
    ),
    _platform("training_models", "GET", "/api/v1/training/models", headers=_VIEWER),
    _platform(
        "training_templates",
        "GET",
        "/api/v1/training/templates",
        headers=_VIEWER,
        volatile=("description", "min_gpu_memory", "available", "unavailable_reason"),
    ),
    _platform("loss-of-none", "GET", _LOSS, headers=_VIEWER),
    _platform(
        "training_submit",
        "POST",
        _SUBMIT,
        body=_RUN,
        headers=_ADMIN,
        status=201,
        keeps={"run": "experiment_id", "training": "task_id"},
    ),
    _platform(
        "error-404-dataset",
        "POST",
        _SUBMIT,
        body={**_RUN, "dataset_id": 99},
        headers=_ADMIN,
        status=404,
    ),
    _platform(
        "error-422-training",
        "POST",
        _SUBMIT,
        body={**_RUN, "hyperparameters": {"lora_rank": 8}},
        headers=_ADMIN,
        status=422,
    ),
    _platform(
        "tasks-training",
        "GET",
        "/api/v1/tasks?status=completed",
        headers=_ADMIN,
        until=("total", 1),
        volatile=("id",),
    ),
    _platform(
        "loss",
        "GET",
        f"{_LOSS}?experiment_id={{run}}&steps=100",
        headers=_ADMIN,
        volatile=_LOSSES,
    ),
    _platform("loss-thinned", "GET", f"{_LOSS}?steps=2", headers=_ADMIN, volatile=_LOSSES),
    _platform(
        "error-404-experiment", "GET", f"{_LOSS}?experiment_id={{run}}", headers=_VIEWER, status=404
    ),
    _platform("error-422-steps", "GET", f"{_LOSS}?steps=0", headers=_ADMIN, status=422),
    _platform(
        "project-changed",
        "PUT",
        "/api/v1/projects/1",
        body={"name": "LLM Demo", "status": "archived"},
        headers=_ADMIN,
    ),
    _platform(
        "error-403",
        "POST",
        "/api/v1/projects",
        body={"name": "Mine"},
        headers=_VIEWER,
        status=403,
    ),
    _platform("error-404-project", "GET", "/api/v1/projects/1", headers=_VIEWER, status=404),
    _platform(
        "error-422", "POST", "/api/v1/projects", body={"name": ""}, headers=_ADMIN, status=422
    ),
    _platform("project-deleted", "DELETE", "/api/v1/projects/1", headers=_ADMIN),
    _scheduler(
        "submit-with-token",
        "POST",
        "/api/v1/llm/generate/async",
        body=_HELLO,
        headers=_ADMIN,
        port="accounts",
        keeps={"asked": "data.task_id"},
        volatile=("status_url", "estimated_completion"),
    ),
    _platform(
        "tasks",
        "GET",
        "/api/v1/tasks?status=completed&skip=0&limit=1",
        headers=_ADMIN,
        until=("total", 2),
        volatile=("id",),
    ),
    _platform(
        "models",
        "GET",
        "/api/v1/models",
        headers=_ADMIN,
        volatile=_ANY_MODEL,
        cut=("models",),
    ),
    _platform(
        "models-beside_inference",
        "GET",
        "/api/v1/models",
        headers=_ADMIN,
        port="accounts",
        volatile=(*_ANY_MODEL, "loaded", "memory_usage"),
        cut=("models",),
    ),
    _platform("gpu", "GET", "/api/v1/gpu", headers=_VIEWER, volatile=_GPUS),
    _platform("error-404", "GET", "/api/v1/gpu/0", status=404),
    _manager("health-of-accounts", "GET", "/health", port="accounts"),
    _manager("api_health-of-accounts", "GET", "/api/health", port="accounts"),
    _scheduler("health-of-accounts", "GET", "/api/v1/health", port="accounts"),
    _platform("inference_models", "GET", "/api/v1/inference/models", headers=_VIEWER),
    _platform(
        "inference",
        "POST",
        "/api/v1/inference/generate",
        body={
            "model_id": "funland-tiny",
            "prompt": "Hello!",
            "max_tokens": 512,
            "temperature": 0,
            "top_p": 0.9,
        },
        headers=_ADMIN,
        volatile=("id", "latency_ms"),
    ),
    _platform(
        "error-404-model",
        "POST",
        "/api/v1/inference/generate",
        body={"model_id": "ghost", "prompt": "Hello!"},
        headers=_ADMIN,
        status=404,
    ),
    _platform(
        "settings_system",
        "GET",
        "/api/v1/settings/system",
        headers=_VIEWER,
        volatile=("gpu_monitoring",),
    ),
    _platform(
        "settings_storage",
        "GET",
        "/api/v1/settings/storage",
        headers=_ADMIN,
        volatile=("default_storage_path", "used_storage_gb", "total_storage_gb"),
    ),
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
    _scheduler(
        "speak",
        "POST",
        "/api/v1/tts/generate",
        body={"text": "Hello.", "voice": "en-US", "parameters": _SPEECH},
        volatile=_SOUND,
    ),
    _scheduler(
        "submit-speech",
        "POST",
        "/api/v1/tts/generate/async",
        body={"text": "Hello.", "voice": "en-US", "parameters": _SPEECH},
        keeps={"work": "data.task_id"},
        volatile=("status",),
    ),
    _scheduler("task-speech", "GET", _WORK, until=("data.status", "completed"), volatile=_TIMES),
    _scheduler(
        "task-result-speech",
        "GET",
        f"{_WORK}?include_result=true",
        volatile=(*_TIMES, *_SOUND),
    ),
    _scheduler(
        "batch",
        "POST",
        "/api/v1/tts/batch",
        body={
            "items": [
                {"text": "First.", "voice": "en-US"},
                {"text": "Second.", "voice": "xx-XX"},
            ],
            "parameters": _SPEECH,
        },
        keeps={"work": "data.task_id"},
        volatile=("status",),
    ),
    _scheduler(
        "task-result-batch",
        "GET",
        f"{_WORK}?include_result=true",
        until=("data.status", "completed"),
        volatile=(*_TIMES, *_SOUND),
    ),
    _scheduler(
        "error-404-voice",
        "POST",
        "/api/v1/tts/generate",
        body={"text": "Hello.", "voice": "xx-XX"},
        status=404,
    ),
    _scheduler(
        "error-400-speech",
        "POST",
        "/api/v1/tts/generate",
        body={"text": "Hello.", "parameters": {"speed": 9}},
        status=400,
    ),
    _scheduler(
        "paint",
        "POST",
        "/api/v1/image/generate",
        body={
            "prompt": "A beautiful sunset over mountains with lake reflection",
            "negative_prompt": "blurry, low quality, distorted",
            "parameters": {
                "width": 64,
                "height": 64,
                "steps": 2,
                "guidance_scale": 7.5,
                "seed": 42,
                "model": "painter",
            },
        },
        keeps={"work": "data.task_id"},
        volatile=("status",),
    ),
    _scheduler(
        "picture",
        "GET",
        "/api/v1/image/result/{work}?format=base64&quality=90",
        until=("data.status", "completed"),
        volatile=_PICTURE,
    ),
    _scheduler(
        "picture-url",
        "GET",
        "/api/v1/image/result/{work}?format=url",
        volatile=_PICTURE,
    ),
    _scheduler("task-result-picture", "GET", f"{_WORK}?include_result=true", volatile=_PICTURE),
    _scheduler("error-404-file", "GET", f"{_WORK}/files/ghost", status=404),
    _scheduler("error-404-picture", "GET", "/api/v1/image/result/ghost", status=404),
    _scheduler(
        "error-404-painter",
        "POST",
        "/api/v1/image/generate",
        body={"prompt": "A sunset", "parameters": {"model": "ghost"}},
        status=404,
    ),
    _openai(
        "images",
        "POST",
        "/v1/images/generations",
        body={**_SEED, "model": "gpt-image-1", "n": 2, "output_format": "webp"},
        volatile=_PAINTED,
    ),
    _openai(
        "images-enlarged",
        "POST",
        "/v1/images/generations",
        body={**_SEED, "model": "painter", "size": "100x75", "quality": "high"},
        volatile=_PAINTED,
    ),
    _openai(
        "images_url",
        "POST",
        "/v1/images/generations",
        body={**_SEED, "model": "painter", "response_format": "url"},
        volatile=_PAINTED,
    ),
    _openai(
        "images_stream",
        "POST",
        "/v1/images/generations",
        body={**_SEED, "model": "painter", "stream": True},
        volatile=_PAINTED,
    ),
    _openai("images-edits", "POST", "/v1/images/edits", form=_FORM, volatile=_PAINTED),
    _openai(
        "images-edits-masked",
        "POST",
        "/v1/images/edits",
        form={**_FORM, "mask": "@white.png", "strength": "0.5"},
        volatile=_PAINTED,
    ),
    _openai(
        "images_stream-edits",
        "POST",
        "/v1/images/edits",
        form={**_FORM, "stream": "true"},
        volatile=_PAINTED,
    ),
    _openai(
        "images-variations",
        "POST",
        "/v1/images/variations",
        form={"image": "@blue.png", "seed": "7", "model": "dall-e-2"},
        volatile=_PAINTED,
    ),
    _openai(
        "error-400-size",
        "POST",
        "/v1/images/generations",
        body={**_SEED, "size": "large"},
        status=400,
    ),
    _openai(
        "error-400-background",
        "POST",
        "/v1/images/generations",
        body={**_SEED, "background": "transparent"},
        status=400,
    ),
    _openai(
        "error-404-painter",
        "POST",
        "/v1/images/generations",
        body={**_SEED, "model": "ghost"},
        status=404,
    ),
    _openai(
        "error-400-image",
        "POST",
        "/v1/images/edits",
        form={**_FORM, "image": "@letters.txt"},
        status=400,
    ),
    _openai(
        "error-400-mask",
        "POST",
        "/v1/images/edits",
        form={**_FORM, "mask": "@letters.txt"},
        status=400,
    ),
    _openai(
        "error-400-strength",
        "POST",
        "/v1/images/variations",
        form={"image": "@blue.png", "strength": "2"},
        status=400,
    ),
    _openai(
        "error-404-voice",
        "POST",
        "/v1/audio/speech",
        body={"model": "tts-1", "input": "Hello.", "voice": "ghost"},
        status=404,
    ),
    _openai(
        "error-400-speed",
        "POST",
        "/v1/audio/speech",
        body={"model": "tts-1", "input": "Hello.", "voice": "alloy", "speed": 9},
        status=400,
    ),
    _openai(
        "error-400-instructions",
        "POST",
        "/v1/audio/speech",
        body={"model": "tts-1", "input": "Hi.", "voice": "alloy", "instructions": "Whisper."},
        status=400,
    ),
    _openai(
        "transcription",
        "POST",
        "/v1/audio/transcriptions",
        form={"file": "@silence.wav", "model": "whisper-1"},
        volatile=("device_used",),
    ),
    _openai(
        "transcription_verbose",
        "POST",
        "/v1/audio/transcriptions",
        form={
            "file": "@silence.wav",
            "model": "whisper-1",
            "language": "en",
            "response_format": "verbose_json",
        },
        volatile=("device_used",),
    ),
    _openai(
        "transcription_stream",
        "POST",
        "/v1/audio/transcriptions",
        form={"file": "@silence.wav", "model": "gpt-4o-transcribe", "stream": "true"},
        volatile=("device_used",),
    ),
    _openai(
        "error-400-recording",
        "POST",
        "/v1/audio/transcriptions",
        form={"file": "@letters.txt", "model": "whisper-1"},
        status=400,
    ),
    _openai(
        "error-400-shape",
        "POST",
        "/v1/audio/transcriptions",
        form={"file": "@silence.wav", "model": "whisper-1", "response_format": "diarized_json"},
        status=400,
    ),
    _openai(
        "error-404-translator",
        "POST",
        "/v1/audio/translations",
        form={"file": "@silence.wav", "model": "ghost"},
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
    _ollama("version", "GET", "/api/version", volatile=("funland",)),
    _ollama("tags", "GET", "/api/tags", cut=("models",)),
    _ollama("show", "POST", "/api/show", body={"model": "funland-tiny:latest"}),
    _ollama("load", "POST", "/api/generate", body=_TINY, volatile=_TOOK),
    _ollama("ps", "GET", "/api/ps", cut=("models",), volatile=("size", "expires_at")),
    _ollama("chat", "POST", "/api/chat", body={**_TINY, **_SAID, "options": _SURE}, volatile=_TOOK),
    _ollama(
        "stream",
        "POST",
        "/api/chat",
        body={"model": "funland-tiny", **_SAID, "options": {"temperature": 0, "num_predict": 1}},
        volatile=_TOOK,
    ),
    _ollama(
        "generate",
        "POST",
        "/api/generate",
        body={**_TINY, "prompt": "Hello!", "options": _SURE},
        volatile=_TOOK,
    ),
    _ollama(
        "embed",
        "POST",
        "/api/embed",
        body={"model": "funland-tiny", "input": ["a", "b"]},
        volatile=(*_TOOK, "embeddings"),
    ),
    _ollama(
        "embeddings",
        "POST",
        "/api/embeddings",
        body={"model": "funland-tiny", "prompt": "a"},
        volatile=("embedding",),
    ),
    _ollama("nothing-blob", "POST", _BLOB, body=b"GGUF", status=201),
    _ollama("nothing-blob_is_there", "HEAD", _BLOB),
    _ollama("nothing-no_blob", "HEAD", _NO_BLOB, status=404),
    _ollama("error-400-blob", "POST", _NO_BLOB, body=b"GGUF", status=400),
    _ollama("error-400", "POST", "/api/chat", body={}, status=400),
    _ollama("error-400-json", "POST", "/api/chat", body=b"{", status=400),
    _ollama(
        "error-400-option",
        "POST",
        "/api/generate",
        body={**_TINY, "prompt": "a", "options": {"mirostat": 2}},
        status=400,
    ),
    _ollama(
        "nothing-copy",
        "POST",
        "/api/copy",
        body={"source": "funland-tiny", "destination": "other"},
    ),
    _ollama("nothing-delete", "DELETE", "/api/delete", body={"model": "other"}),
    _ollama(
        "error-404-copy",
        "POST",
        "/api/copy",
        body={"source": "ghost", "destination": "other"},
        status=404,
    ),
    _ollama("error-400-push", "POST", "/api/push", body={"model": "funland-tiny"}, status=400),
    _ollama("error-400-pull", "POST", "/api/pull", body={"model": "a b"}, status=400),
    _ollama("error-400-create", "POST", "/api/create", body={"model": "x"}, status=400),
    _ollama("error-404", "POST", "/api/chat", body={"model": "ghost", **_SAID}, status=404),
    _ollama("error-404-show", "POST", "/api/show", body={"model": "ghost"}, status=404),
    _ollama("error-404-delete", "DELETE", "/api/delete", body={"model": "ghost"}, status=404),
    _ollama("error-404-path", "GET", "/api/nothing", status=404),
)
