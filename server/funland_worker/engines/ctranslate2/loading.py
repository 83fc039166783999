"""Loads a model for CTranslate2."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import Model
from funland.worker.v1 import worker_pb2
from funland_worker.engines.ctranslate2.conversion import convert
from funland_worker.engines.ctranslate2.engine import COHORTS, CTranslate2Engine
from funland_worker.engines.ctranslate2.gguf_weights import read_gguf
from funland_worker.engines.ctranslate2.library import ctranslate2
from funland_worker.engines.ctranslate2.placing import spot_of
from funland_worker.engines.ctranslate2.safetensors_weights import read_safetensors, window
from funland_worker.engines.gguf_source import files
from funland_worker.engines.llama_cpp import library as llama_library
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import (
    Loaded,
    ModelFacts,
    context_length,
    refuse_cache_settings,
    refuse_cache_tokens,
    refuse_draft_model,
    slots,
    threads,
)
from funland_worker.engines.model_folder import folder_facts
from funland_worker.engines.protocol import EngineError
from funland_worker.engines.vocabulary import check_vocabulary

logger = logging.getLogger(__name__)

_CONVERSION = "ctranslate2-1"
"""The name of what `convert` makes; the number goes up when it would make something else."""
_SMALL_BYTES = 100_000_000
"""Sources up to this size are kept in float32: they lose most by rounding and cost least."""


def load(launch: worker_pb2.Launch, news: LoadNews | None = None) -> Loaded:
    """The model and its engine; `news` is told when the weights are there.

    Raises:
        EngineError: ENGINE_UNAVAILABLE without CTranslate2, ENGINE_UNSUPPORTED for a model that
            can't be converted or a draft model, MODEL_LOAD_FAILED.
    """
    refuse_draft_model(launch, "CTRANSLATE2")
    refuse_cache_settings(launch, "CTRANSLATE2")
    refuse_cache_tokens(launch, "CTRANSLATE2")
    package: Any = ctranslate2()
    spot = spot_of(launch, package)
    folder, facts = _prepare(launch)
    thread_count = threads(launch, (folder / "model.bin").stat().st_size)
    try:
        generator = package.Generator(
            str(folder),
            device=spot.device,
            device_index=spot.index,
            compute_type=spot.compute_type,
            inter_threads=COHORTS,
            intra_threads=thread_count,
        )
    except (RuntimeError, ValueError) as error:
        logger.error("CTranslate2 could not load the model on %s: %s", spot.name, error)
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            "CTranslate2 could not load the model: it may be damaged, or of a version that this one"
            " does not read. The server's log says more.",
        ) from error
    (news or LoadNews()).prepares()
    names = _names(folder)
    check_vocabulary(facts.vocabulary, len(names))
    engine = CTranslate2Engine(
        generator,
        names,
        facts.vocabulary,
        context_length=context_length(launch, facts.trained_context),
        slots=slots(launch),
        threads=thread_count,
        device=spot.name,
    )
    return Loaded(engine, facts)


def _prepare(launch: worker_pb2.Launch) -> tuple[Path, ModelFacts]:
    """The folder of the network, and what the model's own files say beside it."""
    path = Path(launch.model_path)
    if launch.format == Model.CTRANSLATE2:
        return path, folder_facts(path)
    if launch.format == Model.SAFETENSORS:
        facts, read, size = _within_window(path), read_safetensors, _folder_size(path)
    else:
        llama_library.start()
        facts, read = GgufFile(path, weights=False).facts, read_gguf
        size = sum(file.stat().st_size for file in files(path))
    quantization = None if size < _SMALL_BYTES else "int8"
    kept = Path(launch.conversion_folder or tempfile.mkdtemp(prefix="funland-"))
    folder = kept / f"{_CONVERSION}-{quantization or 'float32'}-{launch.model_sha256 or 'unnamed'}"
    if not (folder / "model.bin").exists():
        convert(read(path), folder, quantization)
    return folder, facts


def _within_window(folder: Path) -> ModelFacts:
    facts = folder_facts(folder)
    seen = window(folder)
    if seen is None:
        return facts
    return replace(facts, trained_context=min(facts.trained_context or seen, seen))


def _folder_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _names(folder: Path) -> list[str]:
    """The names that CTranslate2 has for the tokens, by id."""
    try:
        content: Any = orjson.loads((folder / "vocabulary.json").read_bytes())
        names = cast("list[Any]", content["tokens"] if isinstance(content, dict) else content)
        return [str(name) for name in names]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED, "The model's vocabulary.json can't be read."
        ) from error
