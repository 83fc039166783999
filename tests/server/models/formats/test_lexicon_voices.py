"""Folders of voices that read by a lexicon: what would end sherpa-onnx's process is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.models_pb2 import Model
from funland_server.models.formats.folder import read_folder
from funland_server.models.formats.voices.lexicon import lexicon_files
from funland_server.models.installed.layout import layout
from tests.server.models.formats.test_voices import refusal
from tests.voice_models import matcha_voice, vits_voice

LEXICON = ("tokens.txt", "lexicon.txt")


def test_a_voice_of_vits_is_described(tmp_path: Path) -> None:
    found = read_folder(vits_voice(tmp_path, n_speakers=3))

    assert found.files == ("lexicon.txt", "model.onnx", "tokens.txt")
    assert (found.header.format, found.header.purpose) == ("ONNX", "SPEECH")
    assert [(one.name, one.language, one.sample_rate) for one in found.header.voices] == [
        (name, "en-US", 16000) for name in "012"
    ]
    assert not any(one.repeatable for one in found.header.voices)


def test_a_voice_of_matcha_has_its_vocoder(tmp_path: Path) -> None:
    found = read_folder(matcha_voice(tmp_path))

    assert found.files == ("hifigan_v2.onnx", "lexicon.txt", "model-steps-3.onnx", "tokens.txt")
    assert found.header.architecture == "matcha"
    assert [(one.name, one.language) for one in found.header.voices] == [("voice", "zh-CN")]


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["model.onnx", *LEXICON, "date.fst"], [("model.onnx", *LEXICON)]),
        (["model.onnx", "tokens.txt"], []),
        (["model-steps-3.onnx", *LEXICON], []),  # its vocoder lies elsewhere
        (
            ["model-steps-3.onnx", "hifigan_v1.onnx", "hifigan_v2.onnx", *LEXICON],
            [("model-steps-3.onnx", "hifigan_v2.onnx", *LEXICON)],
        ),
        (
            ["a.int8.onnx", "a.onnx", *LEXICON],
            [("a.int8.onnx", *LEXICON), ("a.onnx", *LEXICON)],
        ),
    ],
)
def test_files_are_chosen_by_their_names(there: list[str], found: list[tuple[str, ...]]) -> None:
    assert lexicon_files(there) == found
    for chosen in found:
        assert set(layout(Model.ONNX, [f"x/{name}" for name in chosen]).values()) == {
            f"x/{name}" for name in chosen
        }


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ({"sample_rate": None}, "does not say its sample_rate"),
        ({"sample_rate": 10**9}, "no number for sample_rate"),
        ({"sample_rate": 4000}, "a sample rate that no voice has"),
        ({"n_speakers": None}, "does not say its n_speakers"),
        ({"n_speakers": 5000}, "names 5000 speakers"),
        ({"add_blank": "-1"}, "no number for add_blank"),
        ({"pad_id": "x"}, "no number for pad_id"),
        ({"language": None}, "speaks ''"),
        ({"language": "Klingon"}, "speaks 'Klingon'"),
        ({"comment": None}, "reads by no lexicon"),
        ({"comment": "piper"}, "reads by no lexicon"),
        ({"frontend": "characters"}, "reads by no lexicon"),
        ({"comment": "melo", "version": 2}, "takes other inputs"),
        ({"model_type": "kokoro"}, "of the kind 'kokoro'"),
    ],
)
def test_notes_that_would_end_the_process_are_refused(
    noted: dict[str, object], said: str, tmp_path: Path
) -> None:
    assert said in refusal(vits_voice(tmp_path / "voice", **noted))


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ({"jieba": 0}, "reads by no lexicon"),
        ({"use_eos_bos": None}, "does not say its use_eos_bos"),
        ({"model_type": "zipvoice"}, "of the kind 'zipvoice'"),
    ],
)
def test_notes_of_matcha_are_looked_at_too(
    noted: dict[str, object], said: str, tmp_path: Path
) -> None:
    assert said in refusal(matcha_voice(tmp_path / "voice", **noted))


@pytest.mark.parametrize("kind", [b"unknown", b"vocos"])
def test_a_vocoder_that_is_none_is_refused(kind: bytes, tmp_path: Path) -> None:
    folder = matcha_voice(tmp_path / "voice")
    path = folder / "hifigan_v2.onnx"
    path.write_bytes(path.read_bytes().replace(b"hifigan", kind.ljust(7, b" ")[:7]))

    assert "no vocoder that Funland runs" in refusal(folder)


def test_a_vocoder_of_another_rate_is_refused(tmp_path: Path) -> None:
    assert "16000 Hz, and the voice has 22050" in refusal(
        matcha_voice(tmp_path / "voice", sample_rate=22050)
    )


def test_matcha_without_its_vocoder_is_refused_by_name(tmp_path: Path) -> None:
    folder = matcha_voice(tmp_path / "voice")
    (folder / "hifigan_v2.onnx").unlink()

    assert "needs a vocoder in its folder" in refusal(folder)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("tokens.txt", "_ 0\n\nHH 1\n", "line 2 of tokens.txt is empty"),
        ("tokens.txt", "_ 0\nHH one\n", "line 2 of tokens.txt is no symbol and its number"),
        ("tokens.txt", "_ 0 0\n", "line 1 of tokens.txt is no symbol and its number"),
        ("tokens.txt", "_ -1\n", "line 1 of tokens.txt is no symbol and its number"),
        ("tokens.txt", "", "tokens.txt has 0 bytes"),
        ("lexicon.txt", "hello X Y\n", "no word of the symbols"),
        ("lexicon.txt", "hello\n", "no word of the symbols"),
        ("lexicon.txt", "hello HH\0\n", "is no table"),
    ],
)
def test_tables_that_are_none_are_refused(file: str, text: str, said: str, tmp_path: Path) -> None:
    folder = vits_voice(tmp_path / "voice")
    (folder / file).write_text(text)

    assert said in refusal(folder)


def test_a_lexicon_in_another_encoding_is_refused(tmp_path: Path) -> None:
    folder = vits_voice(tmp_path / "voice")
    (folder / "lexicon.txt").write_bytes(b"caf\xe9 HH\n")

    assert "no text in UTF-8" in refusal(folder)
