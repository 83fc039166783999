"""Model ids made of file names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland_server.models.installed.model import MAX_ID, slug


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("Qwen2.5 0.5B Q8.gguf", "qwen2.5-0.5b-q8"),
        ("qwen2.5-0.5b-instruct-q4_k_m.GGUF", "qwen2.5-0.5b-instruct-q4_k_m"),
        ("..\\..\\evil.gguf", "evil"),
        ("好.gguf", "model"),
        (".gguf", "model"),
    ],
)
def test_an_id_is_made_of_a_files_name(name: str, model_id: str) -> None:
    assert slug(name) == model_id


@given(st.text(max_size=200))
def test_every_name_gives_a_valid_id(name: str) -> None:
    model_id = slug(name)

    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", model_id)
    assert len(model_id) <= MAX_ID
