"""Folders of Whisper in OpenVINO's form."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.models_pb2 import Model
from funland_server.hub.choice.variants import variants_of
from funland_server.models.formats.folder import read_folder
from funland_server.models.formats.openvino_whisper import FILES
from funland_server.workers.errors import ModelFileInvalidError
from tests.server.hub.choice.test_variants import listed

DATA = '<data element_type="f32" shape="2, 2" offset="0" size="16" />'


def network(**inputs: str) -> bytes:
    layers = "".join(
        f'<layer id="{number}" name="{name}" type="Parameter" version="opset1">'
        f'<data shape="{shape}" element_type="f32" /></layer>'
        for number, (name, shape) in enumerate(inputs.items())
    )
    return f'<?xml version="1.0"?>\n<net name="m">{layers}{DATA}</net>\n'.encode()


ENCODER = network(input_features="?,80,3000")
DECODER = network(input_ids="?,?", encoder_hidden_states="?,?,8", beam_idx="?")
WHOLE: dict[str, bytes] = {
    "openvino_encoder_model.xml": ENCODER,
    "openvino_encoder_model.bin": bytes(16),
    "openvino_decoder_model.xml": DECODER,
    "openvino_decoder_model.bin": bytes(16),
    "config.json": b'{"model_type": "whisper"}',
    "tokenizer.json": b"{}",
    "preprocessor_config.json": b"{}",
    "generation_config.json": b"{}",
    "openvino_tokenizer.xml": b"",
    "modeling.py": b"",
}


def written(folder: Path, **changes: bytes | None) -> Path:
    for name, content in {**WHOLE, **changes}.items():
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def test_it_hears_and_only_what_is_known_of_it_is_installed(tmp_path: Path) -> None:
    found = read_folder(written(tmp_path))

    assert (found.header.purpose, found.header.format) == ("TRANSCRIPTION", "OPENVINO_IR")
    assert (found.header.architecture, found.header.parameter_count) == ("whisper", 8)
    assert not found.header.writes_text
    assert set(found.files) == {
        *FILES, "preprocessor_config.json", "generation_config.json",
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"openvino_encoder_model.xml": b"<html></html>"},
        {"openvino_encoder_model.xml": ENCODER[:-5]},
        {"openvino_encoder_model.xml": network(input_features="?,80,100")},
        {"openvino_encoder_model.xml": network(input_features="?,81,3000")},
        {"openvino_encoder_model.xml": network(input_features="?,?,3000")},
        {"openvino_encoder_model.xml": network(other="?,80,3000")},
        {"openvino_encoder_model.bin": bytes(15)},
        {"openvino_decoder_model.xml": network(input_ids="?,?", encoder_hidden_states="?,?,8")},
        {"openvino_decoder_model.xml": network(input_ids="?,?", beam_idx="?")},
        {"openvino_decoder_model.bin": None},
        {"openvino_encoder_model.bin": None},
        {"tokenizer.json": None},
        {"tokenizer.json": b"{"},
        {"config.json": None},
    ],
)
def test_one_that_is_not_whole_is_refused(tmp_path: Path, changes: dict[str, bytes | None]) -> None:
    with pytest.raises(ModelFileInvalidError):
        read_folder(written(tmp_path, **changes))


def test_a_link_is_refused(tmp_path: Path) -> None:
    written(tmp_path, **{"openvino_decoder_model.bin": None})
    (tmp_path / "openvino_decoder_model.bin").symlink_to("/dev/zero")

    with pytest.raises(ModelFileInvalidError):
        read_folder(tmp_path)


@pytest.mark.parametrize("root", ["", "int8/"])
def test_it_is_pulled_with_what_is_needed(root: str) -> None:
    (found,) = variants_of(listed(*(root + name for name in WHOLE)))

    assert found.format == Model.OPENVINO_IR
    assert {file.path for file in found.files} == {
        root + name for name in (*FILES, "preprocessor_config.json", "generation_config.json")
    }


def test_one_that_lacks_a_part_is_not_offered() -> None:
    assert variants_of(listed(*(name for name in FILES if "decoder_model.bin" not in name))) == []
