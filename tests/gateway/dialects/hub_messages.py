"""A hub's model and a download, with all that can be told of them, and with nothing."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.downloads_pb2 import Download, DownloadFile
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.hub_pb2 import HubFile, HubModel, HubVariant
from funland.v1.models_pb2 import Model, Origin

FULL_MODEL = HubModel(
    hub=Origin.MODELSCOPE,
    model_id="qwen/Qwen-7B-Chat",
    display_name="Qwen 7B Chat",
    owner="qwen",
    description="A model.",
    model_type="text-generation",
    formats=[Model.GGUF],
    tags=["chat"],
    languages=["zh", "en"],
    license="apache-2.0",
    architecture="qwen2",
    parameter_count=7_000_000_000,
    context_length=32768,
    size_bytes=20_000_000_000,
    downloads=1_250_000,
    likes=12,
    create_time=Timestamp(seconds=1_690_848_000),
    update_time=Timestamp(seconds=1_730_419_200, nanos=999),
    files=[
        HubFile(path="README.md", size_bytes=12345),
        HubFile(path="a-q8_0.gguf", size_bytes=9, sha256="8" * 64, url="https://hub/q8"),
        HubFile(path="a-q4_k_m.gguf", size_bytes=4_200_000_000, sha256="4" * 64, url="https://hub/q4"),
        HubFile(path="model.pkl"),
    ],
    variants=[
        HubVariant(name="Q8_0", format=Model.GGUF, quantization="Q8_0", paths=["a-q8_0.gguf"],
                   size_bytes=8_000_000_000),
        HubVariant(name="Q4_K_M", format=Model.GGUF, quantization="Q4_K_M",
                   paths=["a-q4_k_m.gguf"], size_bytes=4_200_000_000),
    ],
    card="# Qwen",
    favorite=True,
    installed_model_ids=["qwen-7b"],
)  # fmt: skip

BARE_MODEL = HubModel(hub=Origin.OLLAMA, model_id="qwen2.5:0.5b")

DOWNLOADING = Download(
    download_id="dl-1",
    source="qwen/Qwen-7B-Chat",
    origin=Origin(hub=Origin.MODELSCOPE, model_id="qwen/Qwen-7B-Chat"),
    format=Model.GGUF,
    quantization="Q4_K_M",
    state=Download.DOWNLOADING,
    files=[DownloadFile(path="a-q4_k_m.gguf", size_bytes=1_100_000_000)],
    downloaded_bytes=500_000_000,
    total_bytes=1_100_000_000,
    bytes_per_second=10_000_000.4,
    remaining=Duration(seconds=60),
    active_connections=6,
    max_connections=16,
    create_time=Timestamp(seconds=1_699_999_990),
    start_time=Timestamp(seconds=1_699_999_995),
    update_time=Timestamp(seconds=1_700_000_000),
    model_id="qwen-7b",
    resumable=True,
)

QUEUED = Download(
    download_id="dl-2",
    source="hf.co/a/b",
    state=Download.QUEUED,
    queue_position=2,
    create_time=Timestamp(seconds=1_699_999_990),
)

COMPLETED = Download(
    download_id="dl-3",
    source="a/b",
    origin=Origin(hub=Origin.HUGGINGFACE, model_id="a/b"),
    state=Download.COMPLETED,
    downloaded_bytes=7,
    total_bytes=7,
    create_time=Timestamp(seconds=1_699_999_990),
    start_time=Timestamp(seconds=1_699_999_991),
    end_time=Timestamp(seconds=1_699_999_999),
    update_time=Timestamp(seconds=1_699_999_999),
    verified=True,
)

FAILED = Download(
    download_id="dl-4",
    source="a/b",
    state=Download.FAILED,
    error=Error(code="NOT_FOUND", reason=ErrorReason.HUB_MODEL_NOT_FOUND, message="Gone."),
    create_time=Timestamp(seconds=1_699_999_990),
)
