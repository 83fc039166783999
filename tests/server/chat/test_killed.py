"""A server that is killed while others write in its sessions: what was told to be kept is there."""

from __future__ import annotations

from pathlib import Path

from tests.postgresql import Cluster
from tools.kill_sessions.killing import torment


async def test_nothing_that_was_told_to_be_kept_is_lost(tmp_path: Path) -> None:
    cost = await torment(tmp_path / "home", kills=3, seed=1, writers=4)

    assert cost.wrong == ()
    assert cost.messages >= 3 * 4
    assert cost.broken_off > 0


async def test_nothing_is_lost_on_postgresql(tmp_path: Path, postgresql: Cluster) -> None:
    cost = await torment(
        tmp_path / "home", kills=1, seed=1, writers=4, database_url=postgresql.database()
    )

    assert cost.wrong == ()
    assert cost.messages >= 4
