"""`funland datasets` against the real service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

ROW = {"instruction": "Say hello", "input": "", "output": "Hello"}
KEPT = {
    "messages": [
        {"role": "user", "content": "Say hello"},
        {"role": "assistant", "content": "Hello"},
    ]
}


def test_a_file_is_sent_read_shown_counted_and_removed(
    funland: Command, stack: Stack, tmp_path: Path
) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text(f"{json.dumps(ROW)}\nnothing\n")
    server = ("--server", stack.grpc_address)

    made = funland("datasets", "create", str(path), *server, "--json")
    assert made.returncode == 0, made.stderr
    dataset = json.loads(made.stdout)
    dataset_id = dataset["dataset_id"]
    shown = funland("datasets", "show", dataset_id.removeprefix("ds_")[:8], *server)
    listed = funland("datasets", *server)
    rows = funland("datasets", "rows", dataset_id, *server)
    tokens = funland("datasets", "tokens", dataset_id, *server, "--json")
    deleted = funland("datasets", "delete", dataset_id, *server)
    gone = funland("datasets", "show", dataset_id, *server)

    assert (dataset["name"], dataset["status"]) == ("chats.jsonl", "READY")
    assert dataset["versions"][0]["row_count"] == 1
    assert "chats.jsonl, line 2: it is no JSON" in shown.stdout
    assert f"{dataset_id}" in listed.stdout
    assert [json.loads(line) for line in rows.stdout.splitlines()] == [KEPT]
    assert json.loads(tokens.stdout)["total"] > 0
    assert deleted.stdout == f"Deleted {dataset_id}.\n"
    assert gone.returncode != 0
    assert "no dataset" in gone.stderr


def test_a_folder_and_what_can_not_be_read(funland: Command, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    bad = tmp_path / "bad.jsonl"
    bad.write_text("nothing\n")
    server = ("--server", stack.grpc_address)

    folder = funland("datasets", "create", str(tmp_path), *server, "--json")
    failed = funland("datasets", "create", str(bad), *server)

    assert json.loads(folder.stdout)["versions"][0]["row_count"] == 2
    assert failed.returncode != 0
    assert "None of its 1 rows can be used" in failed.stderr
