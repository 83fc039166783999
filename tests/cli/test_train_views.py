"""What people are told of training."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from funland.v1.errors_pb2 import Error
from funland.v1.training_pb2 import (
    HyperparameterRange,
    Hyperparameters,
    TrainingCurve,
    TrainingEstimate,
    TrainingEvent,
    TrainingRun,
    TrainingStep,
    TrainingTemplate,
)
from funland_cli import train_views
from funland_cli.sparkline import Curve, sparkline
from funland_cli.train_following import Seen, drawn, news, note

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def at(**after: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(NOW + timedelta(**after))
    return time


def run(state: TrainingRun.State.ValueType, **more: Any) -> TrainingRun:
    return TrainingRun(
        run_id="run_1", number=1, model_id="tiny", adapter_id="keepers", state=state,
        create_time=at(minutes=-2), **more,
    )  # fmt: skip


def step(number: int, loss: float = 2.0, **more: Any) -> TrainingStep:
    return TrainingStep(
        step=number, loss=loss, learning_rate=1e-3, tokens_per_second=1685.7, **more
    )


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 8, ""),
        ([3.0], 8, "▁"),
        ([1.0, 1.0], 8, "▁▁"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([8, 8, 4, 4, 1, 1], 3, "█▄▁"),
        ([float("nan"), 2.0, float("inf"), 1.0], 8, "█▁"),
        ([2.0, 1.0], 0, ""),
    ],
)
def test_a_curve_in_a_line(values: list[float], width: int, line: str) -> None:
    assert sparkline(values, width) == line


def test_a_long_curve_keeps_its_form_in_few_points() -> None:
    curve = Curve()
    for number in range(10_000):
        curve.add(float(number))
    curve.add(float("nan"))

    assert len(curve.points) <= 1024
    assert sparkline(curve.points, 8) == "▁▂▃▄▅▆▇█"
    assert curve.points[0] == pytest.approx(7.5)
    assert curve.points[-1] > 9900


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (run(TrainingRun.PENDING), "pending"),
        (run(TrainingRun.FAILED, error=Error(message="No room.")), "failed: No room."),
        (run(TrainingRun.COMPLETED), "completed"),
        (
            run(TrainingRun.COMPLETED, stopped_early=True),
            "completed early, for evaluations were no better",
        ),
        (TrainingRun(state=99), ""),  # pyright: ignore[reportArgumentType]  # a later version's
    ],
)
def test_where_a_run_stands(told: TrainingRun, said: str) -> None:
    assert train_views.standing(told) == said


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        (TrainingRun.PENDING, ["watch", "pause", "cancel"]),
        (TrainingRun.RUNNING, ["watch", "pause", "cancel"]),
        (TrainingRun.PAUSED, ["resume"]),
        (TrainingRun.FAILED, ["resume"]),
        (TrainingRun.CANCELLED, ["resume"]),
        (TrainingRun.COMPLETED, ["export"]),
    ],
)
def test_what_can_be_done_next(state: TrainingRun.State.ValueType, commands: list[str]) -> None:
    told = train_views.next_step(run(state), ("--server", "[::1]:9"))

    for command in commands:
        assert f"funland train {command} run_1 --server '[::1]:9'" in told
    assert ("funland chat -m tiny --adapter keepers" in told) == (state == TrainingRun.COMPLETED)


def test_lines_tell_of_states_tenths_and_evaluations() -> None:
    seen = Seen()
    lines: list[str] = []
    for event in (
        TrainingEvent(run=run(TrainingRun.PENDING, total_steps=40)),
        TrainingEvent(run=run(TrainingRun.RUNNING, total_steps=40)),
        TrainingEvent(run=run(TrainingRun.RUNNING, total_steps=40, step=1)),
        TrainingEvent(step=step(1)),
        TrainingEvent(step=step(2)),
        TrainingEvent(step=step(3, evaluation_loss=1.5)),
        TrainingEvent(step=step(4)),
        TrainingEvent(step=step(5)),
        TrainingEvent(run=run(TrainingRun.COMPLETED, total_steps=40)),
        TrainingEvent(),
    ):
        note(event, seen)
        lines += news(event, seen)

    figures = "loss 2, learning rate 0.001, 1,686 tokens/s"
    assert lines == [
        "pending",
        "running",
        f"step 1 of 40, {figures}",
        "step 3 of 40, loss 2, kept out 1.5, learning rate 0.001, 1,686 tokens/s",
        f"step 4 of 40, {figures}",
        "completed",
    ]
    assert seen.after_step == 5


def test_the_picture_has_a_bar_the_curve_and_the_time_that_is_left() -> None:
    seen = Seen()
    going = run(TrainingRun.RUNNING, total_steps=40, estimated_end_time=at(seconds=95))
    note(TrainingEvent(run=going), seen)
    before = picture(seen)
    for number in range(1, 9):
        note(TrainingEvent(step=step(number, 9.0 - number)), seen)

    assert before == ["running"]
    assert picture(seen) == [
        f"{'━' * 6:30} step 8 of 40, loss 1, learning rate 0.001, 1,686 tokens/s",
        "█▇▆▅▄▃▂▁",
        "running, 1 min 35 s left",
    ]


def picture(seen: Seen) -> list[str]:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(drawn(seen, NOW, 100))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_what_is_known_of_a_run_and_nothing_else() -> None:
    whole = run(
        TrainingRun.RUNNING, step=8, total_steps=40, last=step(8), initial_loss=8.25,
        hyperparameters=Hyperparameters(rank=4, learning_rate=2e-4, patience=0),
        begin_time=at(minutes=-1), estimated_end_time=at(seconds=30),
    )  # fmt: skip

    told = {name: value for name, value in train_views.all_of(whole, NOW) if value}

    assert told["first loss"] == "8.25"
    assert told["speed"] == "1,686 tokens/s"
    assert told["ends"] == "in 30 s"
    assert (told["rank"], told["learning_rate"], told["patience"]) == ("4", "0.0002", "0")
    assert not {"kept out, best", "memory", "ended", "project"} & told.keys()
    assert train_views.row(whole, NOW) == (
        "run_1", "1", "", "tiny", "running", "8/40", "2", "2 min ago",
    )  # fmt: skip
    assert train_views.row(run(TrainingRun.PENDING), NOW)[6] == ""


def test_an_estimate_tells_what_is_not_known() -> None:
    bare = TrainingEstimate(memory_bytes=3 * 10**9, available_bytes=10**9, steps=7)
    bare.trained_parameters = 551_900
    known = TrainingEstimate(fits=True, tokens=900, duration=Duration(seconds=90))

    assert dict(train_views.estimated(bare)) == {
        "memory": "3.0 GB of 1.0 GB: it does not fit",
        "steps": "7",
        "learns": "551.9K parameters",
        "tokens": "not counted: funland datasets tokens",
        "takes": "not known: nothing like it was trained",
    }
    told = dict(train_views.estimated(known))
    assert (told["tokens"], told["takes"]) == ("900", "about 1 min 30 s")


def test_ways_to_train_tell_what_they_need_of_a_gpu_only_if_it_is_known() -> None:
    lora = TrainingTemplate(template_id="lora", backend="numpy", available=True)
    lora.min_gpu_memory_bytes = 0
    full = TrainingTemplate(template_id="full", backend="torch", unavailable_reason="No GPU.")
    full.hyperparameters.append(
        HyperparameterRange(name="rank", default_value=16, minimum=1, maximum=256, integer=True)
    )

    assert train_views.template_row(lora)[-2:] == ("none", "yes")
    assert train_views.template_row(full)[-2:] == ("not known", "no: No GPU.")
    assert list(train_views.ranges(full)) == [("rank", "16", "1", "256", "")]


def test_runs_beside_one_another_tell_in_what_they_differ() -> None:
    one = run(TrainingRun.COMPLETED, step=2, best_evaluation_loss=0.5)
    other = run(TrainingRun.FAILED, step=0)
    one.hyperparameters.CopyFrom(Hyperparameters(rank=4, learning_rate=1e-3, epochs=3))
    other.hyperparameters.CopyFrom(Hyperparameters(rank=8, learning_rate=1e-3, epochs=3))
    curve = TrainingCurve(initial_loss=2, final_loss=1, best_loss=1, steps=[step(1), step(2, 1)])

    columns, rows = train_views.compared([one, other], [curve, TrainingCurve()])

    assert columns == (*train_views.COMPARED, "RANK")
    assert rows == [
        ("run_1", "", "2", "2", "1", "1", "0.5", "█▁", "4"),
        ("run_1", "", "0", "", "", "", "", "", "8"),
    ]
