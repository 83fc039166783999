"""instructor: its modes over OpenAI's API, partial and iterable answers."""

from __future__ import annotations

from typing import Literal

import instructor
from checks import MODEL, URL, Checks
from openai import OpenAI
from pydantic import BaseModel

checks = Checks()
OPENAI = OpenAI(base_url=f"{URL}/v1", api_key="none")
SAID = [{"role": "user", "content": "Tell me of a pet."}]
ASKED = {"model": MODEL, "messages": SAID, "temperature": 0, "max_tokens": 200, "max_retries": 0}


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    name: Literal["Felix", "Ruby"]


def create(mode: str) -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode[mode])
    assert isinstance(client.chat.completions.create(response_model=Pet, **ASKED), Pet)


def create_partial(mode: str) -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode[mode])
    for _ in range(10):
        *_, last = client.chat.completions.create_partial(response_model=Pet, **ASKED)
        assert last.kind in ("cat", "dog"), last
        assert last.name in ("Felix", "Ruby"), last


def create_iterable(mode: str) -> None:
    client = instructor.from_openai(OPENAI, mode=instructor.Mode[mode])
    for pet in client.chat.completions.create_iterable(response_model=Pet, **ASKED):
        assert isinstance(pet, Pet), pet
        return


for mode in ("TOOLS", "TOOLS_STRICT", "JSON_SCHEMA", "JSON", "MD_JSON", "RESPONSES_TOOLS"):
    checks.of(mode, create)
for mode in ("TOOLS", "JSON_SCHEMA"):
    checks.of(mode, create_partial)
    checks.of(mode, create_iterable)
checks.run()
