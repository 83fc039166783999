"""The key stays the same and is this user's alone."""

from __future__ import annotations

from pathlib import Path

from funland_server.models.loading.prefix_key import prefix_key


def test_the_key_is_made_once_and_only_its_user_can_read_it(tmp_path: Path) -> None:
    key = prefix_key(tmp_path)

    assert len(key) == 32
    assert prefix_key(tmp_path) == key
    (file,) = tmp_path.iterdir()
    assert oct(file.stat().st_mode & 0o777) == "0o600"


def test_every_installation_has_another(tmp_path: Path) -> None:
    homes = [tmp_path / "a", tmp_path / "b"]
    for home in homes:
        home.mkdir()

    assert prefix_key(homes[0]) != prefix_key(homes[1])


def test_a_key_that_was_cut_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "prefix.key").write_bytes(b"short")

    assert len(prefix_key(tmp_path)) == 32
