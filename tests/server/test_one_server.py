"""What is in a home is not for other users of the machine."""

from __future__ import annotations

from pathlib import Path

from funland_server.one_server import alone_in


def test_a_home_that_is_made_is_its_users_alone(tmp_path: Path) -> None:
    home = tmp_path / "data" / "funland"

    with alone_in(home):
        pass

    assert home.stat().st_mode & 0o777 == 0o700


def test_a_home_that_is_there_stays_as_open_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)

    with alone_in(tmp_path):
        pass

    assert tmp_path.stat().st_mode & 0o777 == 0o750
