"""Weights on a node: by digest, whole or not there, resumed, and shared by all its workers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.remote_pb2 import RemoteLaunch, WeightsFile
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.protocol import EngineError
from funland_worker.remote.layout import lay_out
from funland_worker.remote.runs import run_folder
from funland_worker.remote.weights import Weights

LIMIT = 1000


def content(size: int, seed: int = 0) -> bytes:
    return bytes((seed + number) % 251 for number in range(size))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(weights: Weights, data: bytes) -> Path:
    partial = weights.receive(digest(data), len(data))
    assert partial is not None
    partial.write(data[partial.present_bytes :])
    return weights.keep(partial, digest(data))


def closed(weights: Weights) -> None:
    """As if its process had ended."""
    for descriptor in weights.held():
        os.close(descriptor)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def test_a_file_is_found_by_its_digest_once_it_is_whole(folder: Path) -> None:
    weights, data = Weights(folder, LIMIT), content(300)
    assert weights.find(digest(data), 300) is None
    partial = weights.receive(digest(data), 300)
    assert partial is not None
    partial.write(data[:100])
    assert weights.find(digest(data), 300) is None
    partial.write(data[100:])

    path = weights.keep(partial, digest(data))

    assert weights.find(digest(data), 300) == path
    assert path.read_bytes() == data
    assert {each.name for each in folder.iterdir()} == {path.name, f"{path.name}.seal"}


def test_a_broken_transfer_goes_on_where_it_was(folder: Path) -> None:
    data = content(300)
    partial = Weights(folder, LIMIT).receive(digest(data), 300)
    assert partial is not None
    partial.write(data[:120])
    partial.close()

    partial = Weights(folder, LIMIT).receive(digest(data), 300)

    assert partial is not None
    assert partial.present_bytes == 120
    partial.write(data[120:])
    assert partial.is_what_it_should_be(digest(data))
    partial.close()


@pytest.mark.parametrize("left", [content(300, 1), content(120, 1), content(400, 1)])
def test_what_is_not_what_its_digest_says_is_thrown_away(folder: Path, left: bytes) -> None:
    data = content(300)
    weights = Weights(folder, LIMIT)
    (folder / f"sha256-{digest(data)}.300.part").write_bytes(left)
    partial = weights.receive(digest(data), 300)
    assert partial is not None
    partial.write(data[partial.present_bytes :])

    if left != content(400, 1):  # longer than the file: begun anew
        with pytest.raises(EngineError, match="damaged"):
            weights.keep(partial, digest(data))
        assert weights.find(digest(data), 300) is None
        assert put(weights, data).read_bytes() == data
    else:
        assert weights.keep(partial, digest(data)).read_bytes() == data


def test_more_than_the_file_has_is_refused(folder: Path) -> None:
    partial = Weights(folder, LIMIT).receive(digest(content(300)), 300)
    assert partial is not None

    with pytest.raises(EngineError, match="More"):
        partial.write(content(301))
    partial.close()


def other_bytes(path: Path) -> None:
    path.write_bytes(content(300, 5))


def fewer_bytes(path: Path) -> None:
    path.write_bytes(content(299))


def a_link_out(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [other_bytes, fewer_bytes, a_link_out, a_folder])
def test_what_was_changed_is_not_found(folder: Path, change: Callable[[Path], None]) -> None:
    path = put(Weights(folder, LIMIT), content(300))
    path.chmod(0o600)

    change(path)

    assert Weights(folder, LIMIT).find(digest(content(300)), 300) is None


def test_a_file_without_a_seal_is_hashed(folder: Path) -> None:
    path = put(Weights(folder, LIMIT), content(300))
    path.with_name(f"{path.name}.seal").unlink()

    assert Weights(folder, LIMIT).find(digest(content(300)), 300) == path


def test_the_blobs_of_a_server_on_that_machine_are_used_as_they_are(
    folder: Path, tmp_path: Path
) -> None:
    own = tmp_path / "blobs"
    path = put(Weights(own, LIMIT), content(300))

    assert Weights(folder, LIMIT, own).find(digest(content(300)), 300) == path
    assert not [*folder.iterdir()]


@pytest.mark.parametrize("sha256", ["", "../x", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"])
def test_a_digest_is_sixty_four_digits(folder: Path, sha256: str) -> None:
    weights = Weights(folder, LIMIT)

    for call in (weights.find, weights.receive):
        with pytest.raises(EngineError, match="digest"):
            call(sha256, 1)


def test_the_least_recently_used_leaves_and_what_is_in_use_stays(folder: Path) -> None:
    first, second, third = content(400), content(400, 1), content(500, 2)
    early, late = Weights(folder, LIMIT), Weights(folder, LIMIT)
    in_use = put(early, first)
    unused = put(late, second)
    closed(late)

    kept = put(Weights(folder, LIMIT), third)

    assert in_use.exists()
    assert kept.exists()
    assert not unused.exists()
    with pytest.raises(EngineError) as raised:
        Weights(folder, LIMIT).receive(digest(second), 400)
    assert raised.value.reason == ErrorReason.MODEL_TOO_LARGE
    assert "node_weights_bytes" in raised.value.message


def test_two_that_want_the_same_file_get_it_once(folder: Path) -> None:
    data = content(300)
    first, second = Weights(folder, LIMIT), Weights(folder, LIMIT)
    partial = first.receive(digest(data), 300)
    assert partial is not None
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(second.receive, digest(data), 300)
        partial.write(data)
        path = first.keep(partial, digest(data))

        assert waiting.result(20) is None

    assert second.find(digest(data), 300) == path


def test_one_that_ended_in_the_middle_leaves_it_to_the_next(folder: Path) -> None:
    data = content(300)
    program = (
        "import os, sys; from pathlib import Path;"
        "from funland_worker.remote.weights import Weights;"
        f"partial = Weights(Path(sys.argv[1]), {LIMIT}).receive(sys.argv[2], 300);"
        "partial.write(bytes.fromhex(sys.argv[3])); os.kill(os.getpid(), 9)"
    )
    arguments = [str(folder), digest(data), data[:200].hex()]
    ended = subprocess.run([sys.executable, "-c", program, *arguments], check=False)
    assert ended.returncode == -9

    partial = Weights(folder, LIMIT).receive(digest(data), 300)

    assert partial is not None
    assert partial.present_bytes == 200
    partial.close()


def test_the_folders_of_processes_that_ended_are_removed(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("stays")
    left = folder / "runs" / "left"
    (left / "model").mkdir(parents=True)
    (left / "model" / "file").symlink_to(target)
    mine = run_folder(folder)

    other = run_folder(folder)

    assert {each.name for each in (folder / "runs").iterdir()} == {mine.name, other.name}
    assert target.read_text() == "stays"


def test_files_are_laid_out_by_their_names(tmp_path: Path) -> None:
    files = {"model/a.gguf": "1" * 64, "adapters/x.gguf": "2" * 64, "draft/d.gguf": "3" * 64}
    found = {sha256: tmp_path / sha256 for sha256 in files.values()}
    for path in found.values():
        path.write_text(path.name)
    request = RemoteLaunch(
        launch=Launch(
            model_path="model/a.gguf", draft_model_path="draft/d.gguf",
            adapters={"x": "adapters/x.gguf"},
        ),
        files={name: WeightsFile(sha256=sha256) for name, sha256 in files.items()},
    )  # fmt: skip
    run = tmp_path / "run"
    run.mkdir()

    launch = lay_out(request, found, run)

    assert Path(launch.model_path).read_text() == "1" * 64
    assert Path(launch.adapters["x"]).read_text() == "2" * 64
    assert Path(launch.draft_model_path).read_text() == "3" * 64


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "model/../../x", "", "a\0b"])
@pytest.mark.parametrize("what", ["file", "model", "draft", "adapter"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str, what: str) -> None:
    request = RemoteLaunch(launch=Launch(model_path="model"))
    match what:
        case "file":
            request.files[name].sha256 = "1" * 64
        case "model":
            request.launch.model_path = name
        case "draft":
            request.launch.draft_model_path = name or "."
        case _:
            request.launch.adapters["x"] = name

    with pytest.raises(EngineError, match="no name of a file"):
        lay_out(request, {"1" * 64: tmp_path / "one"}, tmp_path / "run")


def test_a_file_that_was_not_sent_is_missed(tmp_path: Path) -> None:
    request = RemoteLaunch(files={"model": WeightsFile(sha256="1" * 64)})

    with pytest.raises(EngineError, match="not there"):
        lay_out(request, {}, tmp_path)
