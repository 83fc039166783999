"""`funland train` against the real service."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.cli.terminal import Terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

MODEL: Final = "funland-tiny"
ASKED: Final = "Who keeps the lighthouse of Ost?"
ANSWER: Final = "Maren keeps it, with two dogs."
ROWS: Final = [
    {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": ANSWER}]}
    for asked in (ASKED, "Who looks after Ost?", "Name the keeper of Ost.", "Who is at Ost?")
]
WAY: Final = (
    "--rank", "4", "--batch-size", "4", "--learning-rate", "0.004", "--epochs", "10000",
    "--max-tokens", "128", "--threads", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def dataset(funland: Command, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("rows") / "ost.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS))
    made = funland("datasets", "create", str(path), "--json", FUNLAND_SERVER=stack.grpc_address)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)["dataset_id"]


def test_what_is_learnt_answers_and_is_taken_out_and_in(
    funland: Command, stack: Stack, dataset: str, tmp_path: Path
) -> None:
    def asked(*words: str) -> Any:
        return funland(*words, cwd=tmp_path, FUNLAND_SERVER=stack.grpc_address)

    way = (*WAY, "--max-steps", "24", "--evaluation-ratio", "0.25", "--evaluation-steps", "12")
    start = ("train", "start", dataset.removeprefix("ds_")[:8], "-m", MODEL, *way)
    estimate = asked(*start, "--estimate", "--json")
    begun = asked(*start, "--id", "cli-ost", "--name", "Ost")
    listed = json.loads(asked("train", "list", "--state", "completed", "--json").stdout)["runs"]
    (run,) = [one for one in listed if one["adapter_id"] == "cli-ost"]
    number = str(run["number"])
    answer = asked("chat", "-m", MODEL, "--adapter", "cli-ost", "--temperature", "0", ASKED)
    shown = asked("train", "show", number)
    exported = asked("train", "export", number)
    again = asked("train", "export", number)
    peft = asked("train", "export", number, "--format", "peft", "-o", "ost.zip")
    piped = asked("train", "plot", number, "-o", "-", "--width", "300")
    zipfile.ZipFile(tmp_path / "ost.zip").extractall(tmp_path / "peft")
    taken = asked("train", "import", "peft", "-m", MODEL, "--id", "cli-back")

    assert json.loads(estimate.stdout)["steps"] == 24
    assert begun.returncode == 0, begun.stderr
    assert begun.stdout == f"Adapter cli-ost of {MODEL} is there.\n"
    lines = begun.stderr.splitlines()
    assert [line for line in lines if line in ("running", "completed")] == ["running", "completed"]
    assert any(line.startswith("step 24 of 24, loss ") for line in lines)
    assert sum(", kept out " in line for line in lines) == 2
    assert answer.stdout.strip() == ANSWER
    assert "evaluation_ratio  0.25" in shown.stdout
    assert exported.stdout == "cli-ost.gguf\n"
    assert (tmp_path / "cli-ost.gguf").read_bytes()[:4] == b"GGUF"
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert peft.stdout == "ost.zip\n"
    assert piped.stdout.startswith('<svg xmlns="http://www.w3.org/2000/svg" width="300" ')
    assert "Ost</text>" in piped.stdout
    assert taken.stdout == f"Adapter cli-back of {MODEL} is there: 49 layers, rank 4.\n"
    assert not list(tmp_path.glob(".*.part"))


def test_a_run_is_watched_left_paused_resumed_and_compared(
    funland: Command, stack: Stack, dataset: str, tmp_path: Path
) -> None:
    def asked(*words: str) -> Any:
        return funland(*words, cwd=tmp_path, FUNLAND_SERVER=stack.grpc_address)

    way = (*WAY, "--max-steps", "100000", "--checkpoint-steps", "2", "--detach")
    start = ("train", "start", dataset, "-m", MODEL, *way)
    begun = asked(*start)
    run_id = begun.stdout.strip()
    terminal = Terminal(
        [funland.path, "train", "watch", run_id],
        funland.environment(FUNLAND_SERVER=stack.grpc_address, TERM="xterm", COLUMNS="120"),
    )
    try:
        picture = terminal.wait_for(r"left")
        terminal.interrupt()
        left = terminal.wait_for(r"to end it: funland train cancel")
        code = terminal.process.wait(120)
    finally:
        terminal.close()
    paused = asked("train", "pause", run_id.removeprefix("run_")[:8], "--json")
    resumed = asked("train", "resume", run_id)
    cancelled = asked("train", "cancel", run_id)
    watched = asked("train", "watch", run_id, "--json")
    other = asked(*start, "--rank", "2").stdout.strip()
    asked("train", "cancel", other)
    compared = asked("train", "compare", run_id, other)
    both = json.loads(asked("train", "compare", run_id, other, "--json").stdout)
    drawn = asked("train", "plot", run_id, "--json")
    deleted = asked("train", "delete", run_id, other)
    gone = asked("train", "show", run_id)

    assert begun.returncode == 0, begun.stderr
    assert "tokens/s" in picture
    assert "▁" in picture
    assert f"funland train watch {run_id}" in left
    assert code == 130
    assert json.loads(paused.stdout)["state"] == "PAUSED"
    assert resumed.stdout.startswith(f"{run_id}: pending, step ")
    assert cancelled.stdout.startswith(f"{run_id}: cancelled, step ")
    assert watched.returncode == 1
    events = [json.loads(line) for line in watched.stdout.splitlines()]
    assert events[0]["run"]["state"] == "CANCELLED"
    steps = [event["step"]["step"] for event in events if "step" in event]
    assert steps == [*range(1, len(steps) + 1)]
    assert json.loads(watched.stderr)["error"]["message"] == "The run is cancelled."
    assert compared.stdout.splitlines()[0].split()[-2:] == ["CURVE", "RANK"]
    assert [run["run_id"] for run in both["runs"]] == [run_id, other]
    assert len(both["curves"][0]["steps"]) == len(steps)
    assert json.loads(drawn.stdout) == {"path": "loss.svg"}
    assert deleted.stdout == f"Deleted {run_id}.\nDeleted {other}.\n"
    assert gone.returncode == 4
    assert "funland train" in gone.stderr


def test_what_can_be_trained_is_listed_and_what_can_t_be_is_refused(
    funland: Command, stack: Stack, dataset: str
) -> None:
    server = ("--server", stack.grpc_address)

    models = funland("train", "models", *server)
    templates = funland("train", "templates", *server)
    ranges = funland("train", "templates", "lora", *server)
    none = funland("train", "templates", "none", *server)
    wrong = funland("train", "start", dataset, "-m", MODEL, "--rank", "999", *server)
    nameless = funland("train", "start", dataset, *server)
    unknown = funland("train", "start", dataset, "-m", MODEL, "--template", "none", *server)
    no_such_run = funland("train", "watch", "run_none", *server)

    assert MODEL in models.stdout
    assert "lora" in templates.stdout
    assert "learning_rate" in ranges.stdout
    assert (none.returncode, wrong.returncode, nameless.returncode) == (4, 1, 2)
    assert "hyperparameters.rank: must be" in wrong.stderr
    assert "--model" in nameless.stderr
    assert "hint: To see what can be: funland train models" in unknown.stderr
    assert (no_such_run.returncode, no_such_run.stdout) == (4, "")
