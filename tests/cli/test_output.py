"""Commands write for people at a terminal and for programs at a pipe."""

from __future__ import annotations

import pytest

from funland.v1.models_pb2 import LoadedModel, Model
from funland.v1.system_pb2 import SystemStatus
from funland_cli.documents import document
from funland_cli.output import Output, printable, quantity, size, span


def test_json_has_the_contracts_names_and_64_bit_integers_as_numbers() -> None:
    model = Model(model_id="m", size_bytes=2**53, state=Model.LOADED)
    model.loaded.CopyFrom(LoadedModel(memory_bytes=5))
    status = SystemStatus(loaded_models=[model], server_memory_bytes=7)

    value = document(status)

    assert value["server_memory_bytes"] == 7
    assert value["loaded_models"][0]["size_bytes"] == 2**53
    assert value["loaded_models"][0]["loaded"]["memory_bytes"] == 5
    assert value["loaded_models"][0]["state"] == "LOADED"


def test_json_tells_what_is_zero_and_leaves_out_what_is_unset() -> None:
    value = document(Model(model_id="m"))

    assert value["size_bytes"] == 0
    assert value["aliases"] == []
    assert "loaded" not in value
    assert "memory_bytes" not in document(LoadedModel())


def test_a_model_can_not_steer_the_terminal() -> None:
    assert printable("\x1b[2Jred\x07\x9b1m\n\tHallo 世界") == "[2Jred1m\n\tHallo 世界"


def test_a_table_in_a_pipe_is_neither_cut_nor_coloured(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a-very-long-name" * 20

    Output(as_json=False).table(("MODEL", ">SIZE"), [(name, "1 B"), ("[red]", "2 B")])

    written = capsys.readouterr().out
    assert name in written
    assert "[red]" in written
    assert "\x1b" not in written


@pytest.mark.parametrize(
    ("count", "said"), [(0, ""), (7, "7 B"), (1500, "1.5 kB"), (4_400_000, "4.4 MB")]
)
def test_sizes(count: int, said: str) -> None:
    assert size(count) == said


@pytest.mark.parametrize(("count", "said"), [(0, ""), (950, "950"), (4_100_000, "4.1M")])
def test_quantities(count: int, said: str) -> None:
    assert quantity(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (90000, "1 d 1 h")]
)
def test_spans(seconds: float, said: str) -> None:
    assert span(seconds) == said
