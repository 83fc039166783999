"""Templates, curves and pictures: pure functions."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from buf.validate import validate_pb2

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.training_pb2 import Hyperparameters, TrainingCurve, TrainingRun, TrainingStep
from funland.worker.v1.worker_pb2 import Failure, TrainAdapter
from funland_server.training.failures import in_words
from funland_server.training.plot import draw, ticks
from funland_server.training.points import evenly
from funland_server.training.submitting import made_of
from funland_server.training.templates import filled, superfluous, template
from funland_worker.training.settings import Settings, from_wire

SVG = "{http://www.w3.org/2000/svg}"


def curve(name: str, *losses: float) -> TrainingCurve:
    steps = [TrainingStep(step=place + 1, loss=loss) for place, loss in enumerate(losses)]
    return TrainingCurve(run_id="run_1", name=name, steps=steps)


@pytest.mark.parametrize(
    ("count", "points", "expected"),
    [
        (0, 5, []),
        (3, 5, [1, 2, 3]),
        (5, 5, [1, 2, 3, 4, 5]),
        (10, 3, [1, 6, 10]),
        (1000, 4, [1, 334, 667, 1000]),
        (7, 1, [7]),
    ],
)
def test_points_are_evenly_chosen(count: int, points: int, expected: list[int]) -> None:
    assert evenly(count, points) == expected


def test_points_are_few_apart_and_whole() -> None:
    for count in range(2, 200):
        for points in range(2, 20):
            chosen = evenly(count, points)
            gaps = {after - before for before, after in pairwise(chosen)}
            assert (chosen[0], chosen[-1], len(chosen)) == (1, count, min(count, points))
            assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.3, 2.1, [0.0, 0.5, 1.0, 1.5, 2.0]),
        (1, 1e6, [0.0, 2e5, 4e5, 6e5, 8e5, 1e6]),
        (5, 5, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


def test_a_picture_has_a_line_for_each_run_and_no_markup_of_others() -> None:
    evil = '"><script>alert(1)</script>&' + "x" * 200

    drawn = draw([curve(evil, 3.0, 2.0, 1.0), curve("b", 2.0, 1.5)], 400, 300)
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own

    lines = root.findall(f"{SVG}polyline")
    assert len(lines) == 2
    assert root.get("width") == "400"
    assert not root.findall(f".//{SVG}script")
    assert "<script" not in drawn
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert any(text.startswith('"><script>') and len(text) <= 60 for text in texts)
    for line in lines:
        points = [tuple(map(float, pair.split(","))) for pair in (line.get("points") or "").split()]
        assert all(0 <= x <= 400 and 0 <= y <= 300 for x, y in points)
        ys = [y for _, y in points]
        assert ys == sorted(ys), "losses fall: lines go down"


@pytest.mark.parametrize(
    "curves",
    [
        [],
        [curve("none")],
        [curve("one", 2.0)],
        [curve("nan", float("nan"), float("inf"))],
        [curve("flat", 1.0, 1.0)],
    ],
)
def test_a_picture_of_little_is_one_too(curves: list[TrainingCurve]) -> None:
    root = ElementTree.fromstring(draw(curves))  # noqa: S314 - our own

    assert root.tag == f"{SVG}svg"
    assert "nan" not in ElementTree.tostring(root).decode().replace(">nan<", "")


def test_evaluations_are_a_line_of_their_own() -> None:
    steps = [TrainingStep(step=one, loss=1.0 / one, evaluation_loss=1.2 / one) for one in (1, 2)]

    root = ElementTree.fromstring(draw([TrainingCurve(name="a", steps=steps)]))  # noqa: S314 - we drew it

    dashes = [line.get("stroke-dasharray") for line in root.findall(f"{SVG}polyline")]
    assert dashes == [None, "3 3"]


def test_hyperparameters_are_as_the_contract_bounds_them() -> None:
    told = {each.name: each for each in template("lora", [], "").hyperparameters}

    assert list(told) == [field.name for field in Hyperparameters.DESCRIPTOR.fields]
    for field in Hyperparameters.DESCRIPTOR.fields:
        rules = field.GetOptions().Extensions[validate_pb2.field]
        kind = rules.WhichOneof("type") or ""
        bounds = getattr(rules, kind)
        least = bounds.gte if bounds.HasField("gte") else bounds.gt
        assert told[field.name].minimum == least, field.name
        if bounds.HasField("lte"):
            assert told[field.name].maximum == bounds.lte, field.name
        assert told[field.name].integer == (kind != "double"), field.name


def test_what_is_not_set_is_as_the_worker_has_it() -> None:
    assert asdict(from_wire(filled(Hyperparameters()), TrainAdapter.LORA)) == asdict(Settings())
    assert filled(Hyperparameters(max_steps=0, rank=3)).rank == 3


def test_where_all_weights_learn_there_is_no_adapter_and_steps_are_smaller() -> None:
    told = filled(Hyperparameters(epochs=2), "full")

    assert not told.HasField("rank")
    assert not told.HasField("alpha")
    assert from_wire(told, TrainAdapter.FULL) == Settings(epochs=2, learning_rate=2e-5)
    shown = {one.name: one.default_value for one in template("full", [], "").hyperparameters}
    assert shown["learning_rate"] == 2e-5
    assert not shown.keys() & {"rank", "alpha"}
    assert superfluous("full", Hyperparameters(epochs=2, alpha=3)) == "alpha"
    assert superfluous("lora", Hyperparameters(alpha=3)) is None


@pytest.mark.parametrize(
    ("name", "taken", "expected"),
    [
        ("Keepers", (), "keepers"),
        ("Keepers", ("keepers", "keepers-2"), "keepers-3"),
        ("灯塔", (), "model"),
        ("__x", (), "x"),
        ("n" * 200, (), "n" * 80),
    ],
)
def test_an_adapter_s_id_is_made_of_the_name(
    name: str, taken: tuple[str, ...], expected: str
) -> None:
    assert made_of(name, taken) == expected


@pytest.mark.parametrize(
    "reason",
    [
        ErrorReason.TRAINING_UNSUPPORTED,
        ErrorReason.DATASET_INVALID,
        ErrorReason.TRAINING_STATE_WRONG,
        ErrorReason.TRAINING_TOO_LARGE,
        ErrorReason.STORAGE_FULL,
    ],
)
def test_what_a_worker_says_is_the_run_s_error(reason: ErrorReason.ValueType) -> None:
    error = in_words(Failure(reason=reason, message="why"), TrainingRun(run_id="r"), 5)

    assert error is not None
    assert error.reason == reason
    assert in_words(Failure(reason=ErrorReason.INTERNAL_ERROR), TrainingRun(), 5) is None
    assert in_words(None, TrainingRun(), 5) is None
