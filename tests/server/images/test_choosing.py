"""Which model paints for a request that names none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from funland_server.images.choosing import chosen
from funland_server.models.errors import ModelNotFoundError
from funland_server.models.formats.header import ModelHeader
from funland_server.models.installed.model import Fingerprint, InstalledModel


def model(model_id: str, purpose: str = "IMAGE", day: int | None = None) -> InstalledModel:
    """One that was installed on a day of a month, or comes with Funland."""
    header = ModelHeader(
        architecture="", name="", description="", license="", quantization="", parameter_count=1,
        context_length=0, embedding_length=0, has_chat_template=False, purpose=purpose,
    )  # fmt: skip
    return InstalledModel(
        model_id=model_id, aliases=(), source="", path=Path("model"), sha256="",
        fingerprint=Fingerprint(1, 1), header=header,
        create_time=datetime(2026, 1, day, tzinfo=UTC) if day else None,
    )  # fmt: skip


OWN = model("sketch")
WRITES, SPEAKS = model("writes", "", 1), model("speaks", "SPEECH", 2)
OLDER, NEWER = model("z-older", day=3), model("a-newer", day=4)


@pytest.mark.parametrize(
    ("name", "setting", "models", "expected"),
    [
        ("this", "that", [OWN], "this"),
        ("", "that", [OWN, OLDER], "that"),
        ("", "", [WRITES, OWN, NEWER, SPEAKS, OLDER], "z-older"),
        ("", "", [WRITES, SPEAKS, OWN], "sketch"),
    ],
)
def test_a_model_is_chosen(
    name: str, setting: str, models: list[InstalledModel], expected: str
) -> None:
    assert chosen(name, setting, models) == expected


def test_where_nobody_paints_it_is_told_what_to_pull() -> None:
    with pytest.raises(ModelNotFoundError, match="that paints") as raised:
        chosen("", "", [WRITES, SPEAKS])

    assert "`funland pull hf:" in str(raised.value)
    assert "`image_model`" in str(raised.value)
