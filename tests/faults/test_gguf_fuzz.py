"""A damaged model file is refused with a reason, or loaded, whatever the damage is.

`make fuzz` tries thousands; these forty are some of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funland_client import AsyncFunland
from tools.fuzz.gguf import origins, try_all
from tools.fuzz.mutants import Origin, mutant
from tools.fuzz.trial import ANSWERED, fate

if TYPE_CHECKING:
    from tests.faults.service import Service

MUTANTS = range(40)
AT_ONCE = 4


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> list[Origin]:
    return origins(tmp_path_factory.mktemp("models"))


async def test_mutants_answer_or_are_refused_with_a_reason(
    service: Service, whole_files: list[Origin], tmp_path: Path
) -> None:
    tally = await try_all(service.stack.grpc_address, MUTANTS, whole_files, AT_ONCE, tmp_path)

    assert tally.unexpected == []
    assert tally.outcomes.total() == len(MUTANTS)
    # The mutants are worth something: they get as far as each of the three steps.
    assert tally.outcomes["import: MODEL_FILE_INVALID"] > len(MUTANTS) / 10
    assert tally.outcomes["load: MODEL_LOAD_FAILED"]
    assert tally.outcomes[ANSWERED]
    assert not [each for each in (service.stack.home / "models").iterdir() if "mutant" in each.name]


async def test_whole_files_answer(
    service: Service, whole_files: list[Origin], tmp_path: Path
) -> None:
    """Else the mutants would be refused for what they were made of."""
    for origin in whole_files:
        (tmp_path / f"{origin.name}.gguf").write_bytes(origin.content)

    async with AsyncFunland(service.stack.grpc_address, timeout=60) as client:
        fates = [
            await fate(client, tmp_path / f"{origin.name}.gguf", f"whole-{number}")
            for number, origin in enumerate(whole_files)
        ]

    assert [each.outcome for each in fates] == [ANSWERED] * len(whole_files)


def test_a_mutant_is_made_again_by_its_number(whole_files: list[Origin]) -> None:
    made = [mutant(number, whole_files) for number in MUTANTS]

    assert made == [mutant(number, whole_files) for number in MUTANTS]
    assert len({each.content for each in made}) > len(MUTANTS) * 0.9
    assert all(each.content != origin.content for each in made for origin in whole_files)
