"""What several hubs failed with is told as one error, which names them all."""

from __future__ import annotations

import pytest

from funland_server.errors import FunlandError
from funland_server.hub.errors import (
    HubAccessDeniedError,
    HubModelNotFoundError,
    HubModelUnsupportedError,
    HubUnreachableError,
    VariantNotFoundError,
)
from funland_server.hub.together import as_one
from funland_server.web.errors import Trouble

ABSENT = HubModelNotFoundError("No.", hub="ModelScope", model="o/n")
ABSENT_TOO = HubModelNotFoundError("No.", hub="HuggingFace", model="o/n")
DENIED = HubAccessDeniedError("Not you.", hub="HuggingFace", model="o/n")
AWAY = HubUnreachableError.by("a.example", Trouble.UNKNOWN_HOST)
AWAY_TOO = HubUnreachableError.by("b.example", Trouble.NO_FIRST_BYTE)
PICKLE = HubModelUnsupportedError("A pickle.", hub="ModelScope", model="o/n")
OTHER = VariantNotFoundError("No q9.", hub="ModelScope", model="o/n")


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([ABSENT], ABSENT),
        ([ABSENT, DENIED], DENIED),
        ([ABSENT, AWAY, DENIED], AWAY),
        ([AWAY, PICKLE], PICKLE),
        ([OTHER, ABSENT], OTHER),
    ],
)
def test_the_error_that_says_most_stays_as_it_is(
    errors: list[FunlandError], expected: FunlandError
) -> None:
    assert as_one(errors) is expected


def test_hubs_that_lack_a_model_are_named_all() -> None:
    error = as_one([ABSENT, ABSENT_TOO])

    assert isinstance(error, HubModelNotFoundError)
    assert error.message.startswith("Neither ModelScope nor HuggingFace has a model 'o/n'")
    assert error.metadata == {"hub": "ModelScope, HuggingFace", "model": "o/n"}


def test_hubs_that_are_away_are_named_all() -> None:
    AWAY.retry_seconds = 5

    error = as_one([AWAY, ABSENT, AWAY_TOO])

    assert isinstance(error, HubUnreachableError)
    assert error.message == f"{AWAY.message} {AWAY_TOO.message}"
    assert (error.metadata["hub"], error.retry_seconds) == ("a.example, b.example", 5)
