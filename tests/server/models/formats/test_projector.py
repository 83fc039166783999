"""What a projector's file says of itself is read, and what Funland can't use is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from funland_server.models.formats.projector import complaint, read_projector
from funland_server.models.installed.embedded import embedded_model
from funland_server.workers.errors import ModelFileInvalidError
from tests import projectors


def test_it_says_what_it_shows(tmp_path: Path) -> None:
    sees = read_projector(projectors.write_random(tmp_path / "a.gguf", "mlp", 64))
    hears = read_projector(projectors.write_random(tmp_path / "b.gguf", "ultravox", 64))

    assert (sees.sees, sees.hears, hears.sees, hears.hears) == (True, False, False, True)
    assert sees.size_bytes == (tmp_path / "a.gguf").stat().st_size


def test_a_model_is_none(tmp_path: Path) -> None:
    with pytest.raises(ModelFileInvalidError, match=r"it is no projector"):
        read_projector(embedded_model().path)


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_one_that_is_cut_short_is_none(tmp_path: Path, kept: float) -> None:
    path = projectors.write_random(tmp_path / "a.gguf", "mlp", 64)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])

    with pytest.raises(ModelFileInvalidError, match=r"a\.gguf"):
        read_projector(path)


SEES: dict[str, Any] = {"clip.has_vision_encoder": True}
HEARS: dict[str, Any] = {"clip.has_audio_encoder": True}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (SEES | {"clip.projector_type": "gemma3"}, ""),
        (SEES | HEARS | {"clip.vision.projector_type": "mlp"}, ""),
        ({}, "neither pictures nor sounds"),
        ({"clip.has_gen_audio_encoder": True}, "neither pictures nor sounds"),
        (SEES | {"clip.projector_type": "hunyuanvl"}, "kind hunyuanvl"),
        (SEES | {"clip.vision.projector_type": "deepseek4v"}, "kind deepseek4v"),
        (HEARS | {"clip.projector_type": "ultravox", "clip.audio.projector.stack_factor": 8}, "8"),
        (HEARS | {"clip.projector_type": "voxtral", "clip.audio.projector.stack_factor": 4}, ""),
        (HEARS | {"clip.projector_type": "glma", "clip.audio.projector.stack_factor": 8}, ""),
    ],
)
def test_kinds_that_can_t_be_used_are_refused(values: dict[str, Any], why: str) -> None:
    told = complaint(values)

    assert why in told
    assert bool(told) == bool(why)
