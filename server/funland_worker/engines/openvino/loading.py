"""Loads a model for OpenVINO."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import Model
from funland.worker.v1 import worker_pb2
from funland_worker.engines.llama_cpp import library as llama_library
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import (
    Loaded,
    ModelFacts,
    cache_tokens,
    context_length,
    refuse_cache_settings,
    refuse_draft_model,
    slots,
    threads,
)
from funland_worker.engines.model_folder import folder_facts
from funland_worker.engines.openvino.embedding import Embedder
from funland_worker.engines.openvino.engine import OpenVinoEngine
from funland_worker.engines.openvino.gguf import MODEL, convert
from funland_worker.engines.openvino.library import check_device, openvino
from funland_worker.engines.openvino.paged import PagedNetwork
from funland_worker.engines.openvino.placing import (
    config,
    device_of,
    keep_compiled,
    kind_of,
    prompt_limit,
)
from funland_worker.engines.openvino.stateful import StatefulNetwork
from funland_worker.engines.protocol import EngineError
from funland_worker.engines.vocabulary import check_vocabulary

logger = logging.getLogger(__name__)

_CONVERSION = "openvino-2"
"""The name of what `convert` makes; the number goes up when it would make something else."""


def load(launch: worker_pb2.Launch, news: LoadNews | None = None) -> Loaded:
    """The model and its engine; `news` is told when the files are read.

    Raises:
        EngineError: ENGINE_UNAVAILABLE without OpenVINO or the device, ENGINE_UNSUPPORTED for a
            GGUF file that OpenVINO can't read or a draft model, MODEL_LOAD_FAILED.
    """
    refuse_draft_model(launch, "OPENVINO")
    refuse_cache_settings(launch, "OPENVINO")
    core: Any = openvino().Core()
    device = device_of(launch)
    check_device(core, device)
    keep_compiled(launch)
    folder, facts = _prepare(launch)
    length = context_length(launch, facts.trained_context)
    # What the model weighs on the disk tells how large it is, for the choice of threads.
    thread_count = threads(launch, (folder / MODEL).with_suffix(".bin").stat().st_size)
    slot_count = slots(launch)
    told = config(launch, device, thread_count)
    (news or LoadNews()).prepares()
    try:
        if kind_of(device) == "NPU":
            slot_count = 1
            network = StatefulNetwork(
                core,
                folder / MODEL,
                device,
                told,
                context_length=length,
                max_prompt_tokens=prompt_limit(launch, length),
            )
        else:
            cells = min(slot_count * length, max(length, cache_tokens(launch)))
            network = PagedNetwork(core, folder / MODEL, device, told, cells)
    except (RuntimeError, ValueError) as error:
        logger.error("OpenVINO could not prepare the model for %s: %s", device, error)
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            f"OpenVINO could not prepare the model for {device}; the server's log says more.",
        ) from error
    check_vocabulary(facts.vocabulary, network.vocabulary_size)
    engine = OpenVinoEngine(
        network,
        facts.vocabulary,
        Embedder(core, folder / MODEL, device, told),
        context_length=length,
        slots=slot_count,
        threads=thread_count,
    )
    held = network.block_count * network.block_size
    return Loaded(engine, facts, worker_pb2.Ready(cache_tokens=held))


def _prepare(launch: worker_pb2.Launch) -> tuple[Path, ModelFacts]:
    """The folder of the network, and what the model's own files say beside it."""
    path = Path(launch.model_path)
    if launch.format == Model.OPENVINO_IR:
        return path, folder_facts(path)
    llama_library.start()
    facts = GgufFile(path, weights=False).facts
    if launch.conversion_folder and launch.model_sha256:
        kept = Path(launch.conversion_folder)
        folder = kept / f"{_CONVERSION}-{launch.model_sha256}"
        for outdated in {*kept.glob("openvino-*")} - {folder}:
            shutil.rmtree(outdated, ignore_errors=True)
    else:
        folder = Path(tempfile.mkdtemp(prefix="funland-")) / _CONVERSION
    if not (folder / MODEL).exists():
        convert(path, folder)
    return folder, facts
