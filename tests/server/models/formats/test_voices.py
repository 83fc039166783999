"""Folders of models that speak: only files of known names are looked at, and each is checked."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from funland.v1.models_pb2 import Model
from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.folder import read_folder
from funland_server.models.formats.header import VoiceFacts
from funland_server.models.formats.voices.onnx import check_onnx
from funland_server.models.installed.layout import layout
from funland_server.workers.errors import ModelFileInvalidError
from tests.voice_models import PIPER, kokoro_model, piper_voice


def refusal(folder: Path) -> str:
    with pytest.raises(ModelFileInvalidError) as raised:
        read_folder(folder)
    assert str(folder.parent) not in raised.value.message
    return raised.value.message


def change(folder: Path, **values: object) -> None:
    path = folder / f"{PIPER}.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}))


def test_a_voice_of_piper_is_described(tmp_path: Path) -> None:
    folder = piper_voice(tmp_path / "voice")
    (folder / "run.py").write_text("print()")

    found = read_folder(folder)

    assert found.files == ("MODEL_CARD", PIPER, f"{PIPER}.json")
    assert (found.header.format, found.header.purpose) == ("ONNX", "SPEECH")
    assert not found.header.writes_text
    assert found.header.voices == (
        VoiceFacts(
            name="tiny",
            display_name="Tiny",
            language="en-US",
            sample_rate=16000,
            license="CC0-1.0",
            origin="https://example.org",
            repeatable=False,
        ),
    )


def test_all_speakers_of_a_voice_are_told(tmp_path: Path) -> None:
    speakers = {"ann": 0, "bad name": 1}
    folder = piper_voice(tmp_path, num_speakers=3, speaker_id_map=speakers)

    assert [one.name for one in read_folder(folder).header.voices] == ["ann", "1", "2"]


def test_a_voice_of_letters_may_speak_any_language(tmp_path: Path) -> None:
    folder = piper_voice(tmp_path, phoneme_type="text", language={"code": "de_DE"})

    assert read_folder(folder).header.voices[0].language == "de-DE"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"espeak": {"voice": "de"}}, "speaks de by the phonemes of espeak-ng"),
        ({"espeak": {"voice": "../../x"}}, "names no language"),
        ({"espeak": 3}, "no object for espeak"),
        ({"phoneme_type": "pinyin"}, "of the kind 'pinyin'"),
        ({"audio": {"sample_rate": 10**9}}, "a sample rate that no voice has"),
        ({"audio": {}}, "a sample rate that no voice has"),
        ({"phoneme_id_map": {}}, "a table of phonemes that is none"),
        ({"phoneme_id_map": {"a": [-1]}}, "a table of phonemes that is none"),
        ({"phoneme_id_map": {"a": "1"}}, "a table of phonemes that is none"),
        ({"num_speakers": 0}, "names 0 speakers"),
        ({"num_speakers": 2}, "names other speakers"),
        ({"inference": {"noise_scale": "loud"}}, "no number for noise_scale"),
    ],
)
def test_a_description_that_is_none_is_refused(
    values: dict[str, object], said: str, tmp_path: Path
) -> None:
    folder = piper_voice(tmp_path / "voice")
    change(folder, **values)

    assert said in refusal(folder)


def swap(folder: Path, name: str, make: Callable[[bytes], bytes]) -> None:
    (folder / name).write_bytes(make((folder / name).read_bytes()))


DAMAGES: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda data: data[:-3], "cut short"),
    (lambda data: data[: len(data) // 2], "cut short"),
    (lambda data: b"", "has 0 bytes"),
    (lambda data: b"PK\x03\x04" + data, "no ONNX file"),
    (lambda data: data + data, "no ONNX file"),
    (lambda data: data[:2], "no ONNX file"),
    (lambda data: data.replace(b"input_lengths", b"other_lengths"), "takes other inputs"),
]


@pytest.mark.parametrize(("make", "said"), DAMAGES)
def test_a_network_that_is_none_is_refused(
    make: Callable[[bytes], bytes], said: str, tmp_path: Path
) -> None:
    folder = piper_voice(tmp_path / "voice")
    swap(folder, PIPER, make)

    assert said in refusal(folder)


def test_a_network_that_keeps_its_weights_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = piper_voice(tmp_path / "voice")
    tensor = b"\x08\x01\x08\x01\x10\x01\x42\x05scaleJ\x04"
    swap(
        folder,
        PIPER,
        lambda data: data.replace(tensor, b"\x08\x01\x70\x01\x10\x01\x42\x05scaleJ\x04"),
    )

    assert "keeps its weights in other files" in refusal(folder)


def test_any_damage_to_a_network_is_an_error_or_none(tmp_path: Path) -> None:
    path = piper_voice(tmp_path) / PIPER
    whole = path.read_bytes()
    rng = random.Random(97)  # noqa: S311 - no secret
    refused = 0
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 4])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            check_onnx(path)
        except DamagedFileError:
            refused += 1
    assert 50 < refused < 500


def test_links_and_two_voices_in_a_folder_are_refused(tmp_path: Path) -> None:
    linked = piper_voice(tmp_path / "linked")
    (linked / PIPER).rename(tmp_path / "elsewhere.onnx")
    (linked / PIPER).symlink_to(tmp_path / "elsewhere.onnx")
    two = piper_voice(piper_voice(tmp_path / "two"), "en_US-other-low.onnx")

    assert "is a link" in refusal(linked)
    assert "2 voices of Piper" in refusal(two)


def test_a_model_of_kokoro_is_described(tmp_path: Path) -> None:
    folder = kokoro_model(tmp_path / "model", "zf_xiaobei", "bm_george", "af_heart", "jf_alpha")

    found = read_folder(folder)

    assert found.files == (
        "onnx/model_quantized.onnx",
        "voices/af_heart.bin",
        "voices/bm_george.bin",
        "voices/zf_xiaobei.bin",
    )
    assert [(one.name, one.language, one.gender) for one in found.header.voices] == [
        ("af_heart", "en-US", "female"),
        ("bm_george", "en-GB", "male"),
        ("zf_xiaobei", "zh-CN", "female"),
    ]


def test_a_table_of_styles_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = kokoro_model(tmp_path / "model")
    (folder / "voices" / "af_heart.bin").write_bytes(bytes(1000))

    assert "has not the 522240 bytes of a voice" in refusal(folder)


def test_an_alphabet_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = kokoro_model(tmp_path / "model")
    (folder / "config.json").write_text('{"vocab": {"a": 999999}}')

    assert "an alphabet that is none" in refusal(folder)


def test_several_networks_of_kokoro_are_refused(tmp_path: Path) -> None:
    folder = kokoro_model(tmp_path / "model")
    (folder / "onnx" / "model.onnx").write_bytes(b"x")

    assert "2 networks of Kokoro" in refusal(folder)


@pytest.mark.parametrize(
    ("paths", "placed"),
    [
        (
            ["en/en_US/x/low/v.onnx", "en/en_US/x/low/v.onnx.json"],
            {
                "model/v.onnx": "en/en_US/x/low/v.onnx",
                "model/v.onnx.json": "en/en_US/x/low/v.onnx.json",
            },
        ),
        (
            ["onnx/model.onnx", "voices/af_heart.bin"],
            {
                "model/onnx/model.onnx": "onnx/model.onnx",
                "model/voices/af_heart.bin": "voices/af_heart.bin",
            },
        ),
    ],
)
def test_files_of_a_voice_keep_their_places(paths: list[str], placed: dict[str, str]) -> None:
    assert layout(Model.ONNX, paths) == placed


@pytest.mark.parametrize("paths", [[], ["a.onnx"], ["a.onnx", "a.onnx.json", "b.json"]])
def test_files_that_are_no_voice_are_not_placed(paths: list[str]) -> None:
    with pytest.raises(ModelFileInvalidError, match="no part of a model that speaks"):
        layout(Model.ONNX, paths)
