"""Whether a worker that was lost had run out of memory."""

from __future__ import annotations

import os
import signal

import pytest

from funland_server.training.losing import Taken, killed_for_memory, look, why_too_large

KILLED, ABORTED = -signal.SIGKILL, -signal.SIGABRT
LIMIT = 1000
NEAR, FAR, UNLIMITED, UNTOLD = (
    Taken(700, 99, 3), Taken(700, 100, 3), Taken(700, None, 3), Taken(700, 100),
)  # fmt: skip
LIMITED = "Its process, which had 700 bytes, was lost near the limit of its memory."
KERNEL = "The system was short of memory and killed its process, which had 700 bytes."


@pytest.mark.parametrize(
    ("taken", "exit_code", "kills", "why"),
    [
        (NEAR, ABORTED, 3, LIMITED),
        (NEAR, KILLED, None, LIMITED),
        (NEAR, KILLED, 4, KERNEL),
        (FAR, ABORTED, 3, ""),
        (FAR, KILLED, 3, ""),
        (FAR, KILLED, 4, KERNEL),
        (FAR, ABORTED, 4, ""),
        (UNLIMITED, KILLED, 4, KERNEL),
        (UNLIMITED, ABORTED, 3, ""),
        (UNTOLD, KILLED, 4, ""),
        (FAR, KILLED, None, ""),
        (None, KILLED, 4, ""),
    ],
)
def test_a_loss_is_for_memory(
    taken: Taken | None, exit_code: int, kills: int | None, why: str
) -> None:
    assert why_too_large(taken, LIMIT, exit_code, kills) == why


def test_what_a_process_took_is_read_while_it_is_there() -> None:
    taken = look(os.getpid())
    before = killed_for_memory()

    assert taken is not None
    assert taken.resident_bytes > 10 * 1024**2
    assert before is None or before >= 0
    assert look(2**22 + 1) is None
