"""Blobs are kept once, counted by their links, and never given out damaged."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from funland_server.blobs.store import Blobs

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def file(path: Path, content: bytes = CONTENT) -> Path:
    path.write_bytes(content)
    return path


def test_what_is_adopted_at_a_users_path_outlives_a_release(blobs: Blobs, tmp_path: Path) -> None:
    for name in ("one", "two"):
        target = tmp_path / f"user-{name}"

        blobs.adopt(file(tmp_path / name), SHA256, target)
        blobs.release(SHA256)

        assert target.read_bytes() == CONTENT
        assert not (tmp_path / name).exists()
    assert blobs.find(SHA256) is not None
    assert (tmp_path / "user-one").samefile(tmp_path / "user-two")


def test_an_adopted_file_is_found_linked_and_gone_with_its_last_user(
    blobs: Blobs, tmp_path: Path
) -> None:
    blobs.adopt(file(tmp_path / "partial"), SHA256)
    for name in ("one", "two"):
        blobs.link(SHA256, tmp_path / name)

    (tmp_path / "one").unlink()
    blobs.release(SHA256)
    assert blobs.find(SHA256) is not None
    (tmp_path / "two").unlink()
    blobs.release(SHA256)

    assert blobs.find(SHA256) is None
    assert list((tmp_path / "blobs").iterdir()) == []


def test_a_second_file_of_the_same_content_takes_no_room(blobs: Blobs, tmp_path: Path) -> None:
    first = blobs.adopt(file(tmp_path / "one"), SHA256)
    inode = first.stat().st_ino

    assert blobs.adopt(file(tmp_path / "two"), SHA256).stat().st_ino == inode
    assert not (tmp_path / "two").exists()


def test_a_user_s_file_is_taken_and_stays(blobs: Blobs, tmp_path: Path) -> None:
    mine = file(tmp_path / "mine.gguf")
    mode = mine.stat().st_mode

    assert blobs.take(mine) == SHA256
    found = blobs.find(SHA256)

    assert found is not None
    assert found.read_bytes() == CONTENT
    assert (mine.read_bytes(), mine.stat().st_mode) == (CONTENT, mode)


def test_where_the_disk_has_no_links_copies_are_made(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "no links here")

    monkeypatch.setattr(os, "link", no_links)

    assert blobs.take(file(tmp_path / "mine.gguf")) == SHA256
    blobs.link(SHA256, tmp_path / "copy")
    blobs.release(SHA256)

    assert (tmp_path / "copy").read_bytes() == CONTENT
    assert blobs.find(SHA256) is None


def test_a_blob_that_was_written_over_is_not_given_out(blobs: Blobs, tmp_path: Path) -> None:
    path = blobs.adopt(file(tmp_path / "partial"), SHA256)
    path.chmod(0o644)
    path.write_bytes(b"other" * 1400)

    assert blobs.find(SHA256) is None
    assert blobs.adopt(file(tmp_path / "again"), SHA256).read_bytes() == CONTENT


def test_a_blob_that_was_touched_or_lost_its_seal_is_hashed_and_given_out(
    blobs: Blobs, tmp_path: Path
) -> None:
    path = blobs.adopt(file(tmp_path / "partial"), SHA256)
    os.utime(path, (1, 1))
    assert blobs.find(SHA256) == path
    path.with_name(path.name + ".seal").unlink()

    assert blobs.find(SHA256) == path
    assert path.with_name(path.name + ".seal").exists()


def test_a_sweep_takes_what_nobody_holds_or_names(blobs: Blobs, tmp_path: Path) -> None:
    contents = {name: name.encode() for name in ("held", "named", "lost")}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    for name, content in contents.items():
        blobs.adopt(file(tmp_path / name, content), digests[name])
    blobs.link(digests["held"], tmp_path / "user")
    (tmp_path / "blobs" / ".new-0").touch()

    blobs.keep_for(lambda: {digests["named"]})
    blobs.sweep()
    blobs.release(digests["named"])

    assert {name for name in contents if blobs.find(digests[name])} == {"held", "named"}
    assert not (tmp_path / "blobs" / ".new-0").exists()


@pytest.mark.parametrize(
    "digest",
    ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "sha256:" + "0" * 64],
)
def test_a_digest_that_is_none_is_refused(blobs: Blobs, tmp_path: Path, digest: str) -> None:
    for use in (
        lambda: blobs.find(digest),
        lambda: blobs.adopt(tmp_path / "file", digest),
        lambda: blobs.link(digest, tmp_path / "file"),
        lambda: blobs.release(digest),
    ):
        with pytest.raises(ValueError, match="no SHA-256"):
            use()


def test_a_file_that_others_may_write_is_copied(blobs: Blobs, tmp_path: Path) -> None:
    ours, theirs = file(tmp_path / "ours"), file(tmp_path / "theirs", b"other")
    ours.chmod(0o644)
    theirs.chmod(0o664)

    for source in (ours, theirs):
        digest = blobs.take(source)
        found = blobs.find(digest)
        assert found is not None
        assert found.read_bytes() == source.read_bytes()

    assert theirs.stat().st_nlink == 1


def test_what_is_taken_for_a_user_is_there_at_once(blobs: Blobs, tmp_path: Path) -> None:
    mine = file(tmp_path / "mine.gguf")

    assert blobs.take(mine, tmp_path / "user") == SHA256
    blobs.release(SHA256)

    assert (tmp_path / "user").read_bytes() == CONTENT
    assert blobs.find(SHA256) is not None


def test_links_are_followed_only_where_they_may_be(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file(tmp_path / "mine.gguf"))
    os.mkfifo(tmp_path / "fifo")

    assert blobs.take(tmp_path / "link") == SHA256
    for source, follow in (("link", False), ("fifo", True), ("fifo", False)):
        with pytest.raises(OSError, match="regular file"):
            blobs.take(tmp_path / source, follow_links=follow)
    assert [path.name for path in (tmp_path / "blobs").glob(".new-*")] == []


def test_what_the_user_changes_in_place_is_not_given_out(blobs: Blobs, tmp_path: Path) -> None:
    mine = file(tmp_path / "mine.gguf")
    blobs.take(mine)

    mine.write_bytes(b"newer" * 1400)

    found = blobs.find(SHA256)
    assert found is None or found.read_bytes() == CONTENT, "linked or shared"
