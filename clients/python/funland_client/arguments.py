"""The keyword arguments of calls, and the contract's messages that they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Literal, TypedDict

from funland.v1.hardware_pb2 import Acceleration
from funland.v1.inference_pb2 import (
    AdapterUse,
    GenerationOptions,
    SamplingParameters,
    Speculation,
    ToolChoice,
)
from funland.v1.models_pb2 import LoadSettings
from funland.v1.sessions_pb2 import ToolResult
from funland.v1.tasks_pb2 import Webhook
from funland_client.fields import filled

Priority = Literal["low", "normal", "high"]
SpeculationMethod = Literal["none", "prompt_lookup", "draft_model"]
Overflow = Literal["drop_oldest", "fail"]
WhenBusy = Literal["wait", "refuse"]
Hub = Literal["modelscope", "huggingface", "ollama"]
SettingValue = str | int | float | bool | Sequence[str] | None
"""A setting's value; None: none of the settings file's."""
DownloadState = Literal[
    "queued", "downloading", "waiting", "paused", "installing", "completed", "failed", "cancelled"
]
DeploymentState = Literal[
    "pending", "downloading", "starting", "running", "stopping", "stopped", "failed"
]
TaskState = Literal["pending", "processing", "completed", "failed", "cancelled"]
TaskKind = Literal[
    "chat",
    "generate",
    "embed",
    "plugin",
    "batch",
    "download",
    "speech",
    "speech_batch",
    "transcription",
    "images",
]
PluginState = Literal["enabled", "disabled", "broken"]
Moment = datetime | timedelta
"""A time, or how long it is until then. One without a zone is this machine's."""
ModelFormat = Literal["gguf", "openvino_ir", "ctranslate2", "safetensors"]
SoundFormat = Literal["wav", "pcm", "flac", "opus", "mp3", "aac"]
PictureFormat = Literal["png", "jpeg", "webp"]


class Sampling(TypedDict, total=False):
    """How to choose tokens and when to end; what is left out takes the server's default.

    Ranges and defaults stand at the fields of `funland.v1.SamplingParameters`.
    """

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    frequency_penalty: float
    presence_penalty: float
    repetition_penalty: float
    penalty_window: int
    seed: int
    stop: str | Sequence[str]
    max_tokens: int
    logit_bias: Mapping[int, float]
    ignore_end: bool
    min_tokens: int
    stop_tokens: Sequence[int]
    allowed_tokens: Sequence[int]
    banned_texts: str | Sequence[str]
    include_stop: bool


class GenerationArguments(Sampling, total=False):
    """How to run a call too: see `funland.v1.GenerationOptions`.

    `adapters` are ids, or ids with the scale of each. `speculation` is a method, or a message for
    who wants to say how far ahead to guess.
    """

    n: int
    top_logprobs: int
    priority: Priority
    adapters: str | Sequence[str] | Mapping[str, float]
    speculation: SpeculationMethod | Speculation
    prompt_logprobs: int
    last_prompt_tokens: int
    progress: bool


class ChatArguments(GenerationArguments, total=False):
    """What only chats have: see `funland.v1.ChatRequest`.

    A function as `tool_choice` is the one that must be called.
    """

    tool_choice: Literal["auto", "none", "required"] | Callable[..., Any] | ToolChoice
    parallel_tool_calls: bool
    reasoning: bool
    template_arguments: Mapping[str, Any]
    continue_last: bool
    drop_oldest: bool
    mcp_servers: Sequence[str]
    max_tool_rounds: int


class ResponseArguments(ChatArguments, total=False):
    """What only responses have: see `funland.v1.CreateResponseRequest`."""

    previous_response_id: str
    instructions: str
    store: bool
    metadata: Mapping[str, str]
    background: bool
    collection: str


class MessageArguments(Sampling, total=False):
    """How to say something in a session: see `funland.v1.SendMessageRequest`.

    A function as `tool_choice` is the one that must be called. What is said in place of
    `edit_message_id`, and an answer in place of `regenerate_message_id`, is another branch.
    """

    tool_results: Sequence[ToolResult]
    regenerate_message_id: str
    edit_message_id: str
    after_message_id: str
    name: str
    tool_choice: Literal["auto", "none", "required"] | Callable[..., Any] | ToolChoice
    reasoning: bool
    priority: Priority
    idempotency_key: str
    metadata: Mapping[str, str]


class SessionArguments(Sampling, total=False):
    """How a session is answered and what it is called: see `funland.v1.CreateSessionRequest`."""

    device_ids: Sequence[str]
    system_message: str
    reasoning: bool
    overflow: Overflow
    when_busy: WhenBusy
    title: str
    tags: Sequence[str]
    metadata: Mapping[str, str]
    mcp_servers: Sequence[str]


class SessionChanges(TypedDict, total=False):
    """What to change of a session; what is left out stays: see `funland.v1.UpdateSessionRequest`.

    `tags`, `sampling` and `mcp_servers` are put in place of all that there were.
    """

    title: str
    tags: Sequence[str]
    model: str
    system_message: str
    sampling: Sampling
    reasoning: bool
    overflow: Overflow
    when_busy: WhenBusy
    head_message_id: str
    metadata: Mapping[str, str]
    mcp_servers: Sequence[str]


Engine = Literal["llama_cpp", "openvino", "ctranslate2"]
CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]
"""The numbers that keys and values are kept as."""


class LoadArguments(TypedDict, total=False):
    """How to run a model; what is left out takes the server's setting.

    Units and ranges stand at the fields of `funland.v1.LoadSettings`.
    """

    context_length: int
    slots: int
    threads: int
    engine: Engine
    device: str
    keep_alive_seconds: float
    memory_limit_bytes: int
    cache: Literal["unified", "streams"]
    draft_model: str
    speculation: SpeculationMethod | Speculation
    device_ids: Sequence[str]
    gpu_layers: int
    device_split: Sequence[float]
    key_type: CacheType
    value_type: CacheType
    flash_attention: bool
    fallback_to_cpu: bool
    gpu_memory_fraction: float
    node_id: str
    cache_tokens: int
    cache_reuse_tokens: int


class VllmArguments(TypedDict, total=False):
    """How vLLM runs a model; what is left out takes vLLM's own default: see
    `funland.v1.VllmSettings`."""

    gpu_memory_utilization: float
    max_model_len: int
    dtype: Literal["auto", "float16", "bfloat16", "float32"]
    tensor_parallel_size: int
    max_num_seqs: int


class DeploymentArguments(TypedDict, total=False):
    """What to deploy, and how: see `funland.v1.StartDeploymentRequest`.

    `settings` are for the server's own workers, `vllm` for vLLM.
    """

    hub: Hub
    variant: str
    download: bool
    name: str
    engine: Literal["built_in", "vllm"]
    settings: LoadArguments
    vllm: VllmArguments
    replicas: int
    port: int
    metadata: Mapping[str, str]


class AccelerationArguments(TypedDict, total=False):
    """Which devices models are computed on: see `funland.v1.Acceleration`."""

    primary_device_id: str
    secondary_device_ids: Sequence[str]
    mode: Literal["automatic", "single", "hybrid"]
    cpu_threads: int
    gpu_memory_fraction: float
    npu_power_mode: Literal["balanced", "performance", "power_saving"]
    fallback_to_cpu: bool


class SourceArguments(TypedDict, total=False):
    """What to take of a model on a hub: see `funland.v1.ChooseVariantRequest`.

    A `variant` is a quantization, the name of a variant or the path of a file.
    """

    hub: Hub
    revision: str
    variant: str
    format: ModelFormat
    context_length: int


class DownloadArguments(SourceArguments, total=False):
    """How to download it too: see `funland.v1.StartDownloadRequest`."""

    model_id: str
    aliases: Sequence[str]
    priority: Priority
    max_connections: int
    paused: bool


class TaskArguments(TypedDict, total=False):
    """When, for whom and how often to do a task: see `funland.v1.SubmitTaskRequest`.

    A `webhook` is a URL, or a message for who wants a secret of its own for it. Without an
    `idempotency_key` the client makes one, so that a call whose answer is lost is made again; an
    empty one is none, and such a call is made once.
    """

    priority: int
    caller: str
    start_time: Moment
    deadline: Moment
    max_attempts: int
    retention_seconds: int
    idempotency_key: str
    webhook: str | Webhook
    metadata: Mapping[str, str]


class BatchArguments(TypedDict, total=False):
    """How long, for whom and when to answer a batch: see `funland.v1.CreateBatchRequest`."""

    window_seconds: int
    output_retention_seconds: int
    priority: int
    caller: str
    metadata: Mapping[str, str]


class SearchArguments(TypedDict, total=False):
    """Which models of the hubs to tell: see `funland.v1.SearchHubModelsRequest`."""

    hub: Hub
    format: ModelFormat
    quantization: str
    model_type: str
    owner: str
    sort: Literal["downloads", "likes", "updated"]
    page_size: int
    page_token: str
    skip: int
    local: bool
    with_files: bool


class SpeechArguments(TypedDict, total=False):
    """How to speak a text: see `funland.v1.SynthesizeRequest`."""

    model: str
    ssml: bool
    format: SoundFormat
    sample_rate: int
    speed: float
    pitch: float
    seed: int


class LiveArguments(TypedDict, total=False):
    """How to hear what comes: see `funland.v1.TranscribeLiveConfig`. What is said is written in
    English with `translate`."""

    sample_rate: int
    language: str
    translate: bool
    prompt: str
    word_timestamps: bool
    partials: bool


class TranscriptionArguments(TypedDict, total=False):
    """How to hear a recording: see `funland.v1.TranscribeRequest`. What is said is written in
    English with `translate`."""

    language: str
    translate: bool
    prompt: str
    word_timestamps: bool
    temperature: float
    voice_detection: bool


class PaintingArguments(TypedDict, total=False):
    """How to paint: see `funland.v1.GenerateImagesRequest`.

    `adapters` are ids, or ids with the scale of each.
    """

    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    seed: int
    n: int
    scheduler: Literal[
        "lcm",
        "ddim",
        "euler_discrete",
        "euler_ancestral_discrete",
        "pndm",
        "flow_match_euler_discrete",
    ]
    strength: float
    adapters: str | Sequence[str] | Mapping[str, float]
    format: PictureFormat
    quality: int
    upscale: bool
    preview_steps: int
    previews: int


def check(arguments: Mapping[str, Any], kind: type[Any]) -> None:
    """Refuses arguments that the kind of call has none of, as Python does.

    Raises:
        TypeError: It names one, and the one that was perhaps meant.
    """
    known: frozenset[str] = kind.__optional_keys__
    for name in arguments:
        if name not in known:
            meant = get_close_matches(name, known, 1)
            hint = f"; did you mean {meant[0]!r}?" if meant else ""
            raise TypeError(f"unexpected keyword argument {name!r}{hint}")


def fields_of(kind: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that are fields of a message."""
    return {name: arguments[name] for name in kind.DESCRIPTOR.fields_by_name if name in arguments}


def sampling(arguments: Mapping[str, Any]) -> SamplingParameters:
    """Takes the sampling out of a call's arguments."""
    values = fields_of(SamplingParameters, arguments)
    for name in ("stop", "banned_texts"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    return filled(SamplingParameters, "sampling", values)


def options(arguments: Mapping[str, Any]) -> GenerationOptions | None:
    """Takes how to run a call out of its arguments; None if they do not tell."""
    values = fields_of(GenerationOptions, arguments)
    if "adapters" in values:
        values["adapters"] = _adapters(values["adapters"])
    if "speculation" in values:
        values["speculation"] = _speculation("options.speculation", values["speculation"])
    return filled(GenerationOptions, "options", values) if values else None


def tool_choice(choice: str | Callable[..., Any] | ToolChoice) -> ToolChoice:
    """Says whether functions may, must or must not be called."""
    if isinstance(choice, ToolChoice):
        return choice
    if isinstance(choice, str):
        return filled(ToolChoice, "tool_choice", {"mode": choice})
    return ToolChoice(mode=ToolChoice.REQUIRED, name=choice.__name__)


def load_settings(arguments: LoadArguments) -> LoadSettings:
    """Makes the settings of a load."""
    values: dict[str, Any] = {**arguments}
    if "speculation" in values:
        values["speculation"] = _speculation("settings.speculation", values["speculation"])
    return filled(LoadSettings, "settings", values)


def acceleration(given: AccelerationArguments) -> Acceleration:
    """Makes the settings of acceleration."""
    check(given, AccelerationArguments)
    return filled(Acceleration, "acceleration", given)


def _adapters(adapters: str | Sequence[str] | Mapping[str, float]) -> list[AdapterUse]:
    if isinstance(adapters, Mapping):
        return [AdapterUse(adapter_id=name, scale=scale) for name, scale in adapters.items()]
    names = [adapters] if isinstance(adapters, str) else adapters
    return [AdapterUse(adapter_id=name) for name in names]


def _speculation(path: str, method: str | Speculation) -> Speculation:
    if isinstance(method, Speculation):
        return method
    return filled(Speculation, path, {"method": method})
