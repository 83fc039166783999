"""Voices that are imported, and the one that speaks Mandarin, over the real server."""

from __future__ import annotations

from pathlib import Path

import grpc.aio
import pytest

from funland.v1.models_pb2 import DeleteModelRequest, GetModelRequest, ImportModelRequest, Model
from funland.v1.speech_pb2 import ListVoicesRequest, SynthesizeRequest
from funland_server.app import Server
from funland_server.models.installed.kokoro import kokoro_mandarin
from tests.server.conftest import call, details
from tests.server.speech.test_speaking import samples
from tests.voice_models import kokoro_model, piper_voice, vits_voice


async def test_an_imported_voice_of_piper_speaks(server: Server, tmp_path: Path) -> None:
    folder = piper_voice(tmp_path / "tiny")
    model = await call(
        server, "ImportModel", ImportModelRequest(path=str(folder), model_id="imported-piper")
    )
    try:
        listed = await call(server, "ListVoices", ListVoicesRequest(model="imported-piper"))
        said = await call(
            server,
            "Synthesize",
            SynthesizeRequest(text="Hello there. And again.", model="imported-piper"),
        )
    finally:
        await call(server, "DeleteModel", DeleteModelRequest(model_id="imported-piper"))

    assert (model.format, model.kind) == (Model.ONNX, Model.SPEECH)
    assert [(one.voice_id, one.repeatable) for one in listed.voices] == [
        ("imported-piper:tiny", False)
    ]
    assert said.voice == "imported-piper:tiny"
    assert len(samples(said.audio, 16000)) > 160 * 40


async def test_an_imported_model_of_kokoro_has_several_voices(
    server: Server, tmp_path: Path
) -> None:
    folder = kokoro_model(tmp_path / "kokoro", "af_heart", "bf_emma")
    await call(
        server, "ImportModel", ImportModelRequest(path=str(folder), model_id="imported-kokoro")
    )
    try:
        said = await call(
            server, "Synthesize", SynthesizeRequest(text="Hello.", voice="imported-kokoro:bf_emma")
        )
    finally:
        await call(server, "DeleteModel", DeleteModelRequest(model_id="imported-kokoro"))

    assert said.voice == "imported-kokoro:bf_emma"
    assert samples(said.audio).any()


async def test_a_voice_that_reads_by_a_lexicon_says_nothing_of_what_it_lacks(
    server: Server, tmp_path: Path
) -> None:
    pytest.importorskip("sherpa_onnx", reason="the extra `voices` is not installed")
    folder = vits_voice(tmp_path / "vits")
    await call(
        server, "ImportModel", ImportModelRequest(path=str(folder), model_id="imported-vits")
    )
    try:
        said = await call(
            server, "Synthesize", SynthesizeRequest(text="Hello, world.", model="imported-vits")
        )
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(
                server, "Synthesize", SynthesizeRequest(text="Hello, zyzzy.", model="imported-vits")
            )
    finally:
        await call(server, "DeleteModel", DeleteModelRequest(model_id="imported-vits"))

    assert said.voice == "imported-vits:voice"
    assert len(samples(said.audio, 16000)) >= 160 * 27
    info = details(raised.value)["ErrorInfo"]
    assert info.reason == "TEXT_UNSPEAKABLE"
    assert (info.metadata["text"], info.metadata["position"]) == ("zyzzy", "7")


async def test_a_folder_that_is_no_voice_is_refused(server: Server, tmp_path: Path) -> None:
    folder = piper_voice(tmp_path / "voice", espeak={"voice": "de"})

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "ImportModel", ImportModelRequest(path=str(folder)))

    assert details(raised.value)["ErrorInfo"].reason == "MODEL_FILE_INVALID"
    assert "espeak-ng" in str(raised.value.details())


async def test_mandarin_is_spoken_by_the_voice_of_the_language(server: Server) -> None:
    if kokoro_mandarin() is None:
        pytest.skip("the extra `mandarin` is not installed")

    model = await call(server, "GetModel", GetModelRequest(model_id="kokoro-mandarin"))
    said = await call(server, "Synthesize", SynthesizeRequest(text="你好。", voice="zh-CN"))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, "Synthesize", SynthesizeRequest(text="你好，мир。", voice="zh-CN"))

    assert model.kind == Model.SPEECH
    assert said.voice == "kokoro-mandarin:zf_xiaobei"
    assert 0.4 < len(samples(said.audio)) / 24000 < 3
    info = details(raised.value)["ErrorInfo"]
    assert info.reason == "TEXT_UNSPEAKABLE"
    assert (info.metadata["text"], info.metadata["position"]) == ("мир", "3")
