"""Tables are read as people write them, and their numbers are right."""

from __future__ import annotations

import statistics as known
from time import process_time
from typing import Any

import pytest

from funland_plugin.bundled.describe_table.cells import column_kind, read_cell
from funland_plugin.bundled.describe_table.statistics import column, numbers, quantile
from funland_plugin.bundled.describe_table.tables import (
    TableError,
    from_rows,
    from_text,
    guessed_delimiter,
)
from funland_plugin.bundled.describe_table.wording import agreeing, markdown


@pytest.mark.parametrize(
    ("cell", "kind", "value"),
    [
        ("42", "integer", 42),
        ("-7", "integer", -7),
        ("0", "integer", 0),
        ("007", "text", "007"),
        ("3.14", "number", 3.14),
        ("1e3", "number", 1000.0),
        (".5", "number", 0.5),
        ("1,234", "integer", 1234),
        ("1,234.5", "number", 1234.5),
        ("1,23", "text", "1,23"),
        ("1e999", "text", "1e999"),
        ("123456789012345678901", "number", 123456789012345678901.0),
        ("True", "boolean", True),
        ("no", "boolean", False),
        ("", "missing", None),
        ("N/A", "missing", None),
        ("NaN", "missing", None),
        ("x", "text", "x"),
        ("2024-02-30", "text", "2024-02-30"),
        ("1-2", "text", "1-2"),
        (None, "missing", None),
        (True, "boolean", True),
        (7, "integer", 7),
        (10**20, "number", 1e20),
        (10**400, "text", "1" + "0" * 400),
        (7.5, "number", 7.5),
        (float("nan"), "missing", None),
        ({"b": 1, "a": 2}, "object", '{"a": 2, "b": 1}'),
    ],
)
def test_a_cell_is_read_by_itself(cell: Any, kind: str, value: Any) -> None:
    found = read_cell(cell)

    assert (found.kind, found.value) == (kind, value)


@pytest.mark.parametrize("cell", ["2024-02-29", "2024-02-29T12:30", "2024-02-29 12:30:15.5Z"])
def test_dates_and_times_are_read(cell: str) -> None:
    assert read_cell(cell).kind == ("date" if len(cell) == 10 else "time")


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [
        ([], "missing"),
        (["missing"], "missing"),
        (["integer", "missing"], "integer"),
        (["integer", "number"], "number"),
        (["integer", "text"], "text"),
        (["date", "time"], "text"),
    ],
)
def test_a_column_is_what_its_cells_are(kinds: list[str], kind: str) -> None:
    assert column_kind(kinds) == kind


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb c, d\n1\t2, 3\n", "\t"),
        ('a,b\n"x;y;z",2\n"p;q",3\n', ","),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", "|"),
        ("a\n1\n2\n", ","),
    ],
)
def test_what_parts_cells_is_found_out(text: str, mark: str) -> None:
    assert guessed_delimiter(text) == mark


def read(text: str, **more: str) -> Any:
    table = from_text(text, **more)
    return table.names, table.columns, table.uneven_rows


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b\n1,2\n3,4", (["a", "b"], [["1", "3"], ["2", "4"]], 0)),
        ("\ufeffa,b\r\n1,2\r\n", (["a", "b"], [["1"], ["2"]], 0)),
        ('a,b\n"x, ""y""\nz",2\n', (["a", "b"], [['x, "y"\nz'], ["2"]], 0)),
        ("a,b\n1\n1,2,3\n\n4,5", (["a", "b"], [["1", "1", "4"], [None, "2", "5"]], 2)),
        ("1,2\n3,4", (["column_1", "column_2"], [["1", "3"], ["2", "4"]], 0)),
        ("a,,\nx,1,2\n", (["a", "column_2", "column_3"], [["x"], ["1"], ["2"]], 0)),
        ("| a | b |\n|:--|--:|\n| 1 | 2 |", (["a", "b"], [["1"], ["2"]], 0)),
        ('[{"a": 1}, {"b": null}]', (["a", "b"], [[1, None], [None, None]], 2)),
        ('{"a": 1}\n{"a": 2}\n', (["a"], [[1, 2]], 0)),
        ('[["a", "b"], [1, 2]]', (["a", "b"], [[1], [2]], 0)),
    ],
)
def test_a_table_is_read(text: str, found: Any) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    ("header", "names"), [("yes", ["1", "1_2"]), ("no", ["column_1", "column_2"])]
)
def test_the_head_is_where_the_caller_says(header: str, names: list[str]) -> None:
    assert read("1,1\n2,2", header=header)[0] == names


@pytest.mark.parametrize("text", ["[1, 2]", "[", '[{"a": 1}, [2]]', "[]"])
def test_what_is_no_table_is_told(text: str) -> None:
    with pytest.raises(TableError):
        from_text(text)


def test_rows_of_different_forms_are_no_table() -> None:
    with pytest.raises(TableError, match="all objects or all lists"):
        from_rows([{}, []])


SAMPLE = [3.5, -2, 8, 8, 0.25, 19, 4]


def test_numbers_are_those_that_the_standard_library_computes() -> None:
    told = numbers(SAMPLE)

    assert (told["min"], told["max"]) == (-2, 19)
    assert told["mean"] == pytest.approx(known.fmean(SAMPLE))
    assert told["deviation"] == pytest.approx(known.stdev(SAMPLE))
    assert told["quartiles"] == pytest.approx(known.quantiles(SAMPLE, n=4, method="inclusive"))


def test_numbers_near_the_end_of_what_numbers_can_be_are_described() -> None:
    told = numbers([-1.7e308, 1.7e308, 1.7e308])

    assert told["mean"] == pytest.approx(1.7e308 / 3)
    assert told["quartiles"][0] == pytest.approx(0, abs=1e293)
    assert told["deviation"] is None or told["deviation"] > 1e308


@pytest.mark.parametrize(
    ("ordered", "share", "value"),
    [([5], 0.25, 5), ([1, 2], 0.5, 1.5), ([1, 2, 3, 4], 0.25, 1.75), ([1, 9], 1.0, 9)],
)
def test_a_quantile_lies_between_its_neighbours(
    ordered: list[float], share: float, value: float
) -> None:
    assert quantile(ordered, share) == value


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            ["1", "", "3", "3"],
            {
                "type": "integer", "count": 3, "missing": 1, "distinct": 2, "min": 1, "max": 3,
                "mean": 7 / 3, "deviation": pytest.approx(1.1547, abs=1e-4),
                "quartiles": [2.0, 3.0, 3.0],
            },
        ),
        (
            ["yes", "no", "yes"],
            {"type": "boolean", "count": 3, "missing": 0, "distinct": 2, "true": 2, "false": 1},
        ),
        (
            ["2024-01-02", "2023-01-01"],
            {
                "type": "date", "count": 2, "missing": 0, "distinct": 2,
                "min": "2023-01-01", "max": "2024-01-02",
            },
        ),
        (
            ["b", "a", "a", "10"],
            {
                "type": "text", "count": 4, "missing": 0, "distinct": 3,
                "min_length": 1, "max_length": 2, "frequent": [{"value": "a", "count": 2}],
            },
        ),
        (["", None], {"type": "missing", "count": 0, "missing": 2, "distinct": 0}),
    ],
)  # fmt: skip
def test_a_column_is_described(values: list[Any], told: dict[str, Any]) -> None:
    assert column("c", values) == {"name": "c", **told}


@pytest.mark.parametrize(
    ("values", "numbers_"),
    [
        (["1.234", "1,5"], (1.5, 1234.0)),
        (["1.234", "2"], (1.234, 2.0)),
        (["1.234,5"], (1234.5, 1234.5)),
    ],
)
def test_one_decimal_comma_tells_how_a_column_is_read(
    values: list[str], numbers_: tuple[float, float]
) -> None:
    told = column("c", values, decimal_comma=True)

    assert (told["min"], told["max"]) == numbers_


def test_times_with_and_without_a_zone_are_texts() -> None:
    assert column("c", ["2024-01-02T10:00", "2024-01-02T10:00Z"])["type"] == "text"


COLUMNS = [column("age", ["1", "2", "4"]), column("na|me\n2", ["x", "x", ""])]


def test_a_description_is_a_table_in_markdown() -> None:
    told = markdown(3, COLUMNS, 1).split("\n")

    assert told[0] == "3 rows, 2 columns. 1 row had more or fewer cells than the head."
    assert told[4] == "| age | integer | 3 | 0 | 3 | 1 | 4 | 2.33333 | 1.5, 2, 3 |  |"
    assert told[5] == "| na\\|me 2 | text | 2 | 1 | 1 |  |  |  |  | x (2) |"


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("The mean age is 2.33. It is 2.4.", "The mean age is 2.33."),
        ("There are 3 rows. There are 30 rows.", "There are 3 rows."),
        ("The age is about 2.3, at most 4!", "The age is about 2.3, at most 4!"),
        ("No numbers at all.", "No numbers at all."),
        ("It grew by 99 percent.", ""),
    ],
)
def test_what_a_model_says_with_another_number_is_left_out(words: str, left: str) -> None:
    assert agreeing(words, 3, COLUMNS) == left


def test_as_many_columns_as_there_are_get_a_name_each() -> None:
    began = process_time()
    numbered = from_text("1," * 50_000).names
    alike = from_text("a," * 50_000 + "\nb", header="yes").names

    assert (len(set(numbered)), numbered[-1]) == (50_001, "column_50001")
    assert (len(set(alike)), alike[:3]) == (50_001, ["a", "a_2", "a_3"])
    assert process_time() - began < 5


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000 + "\n{}"])
def test_what_is_nested_too_deeply_is_no_table(text: str) -> None:
    with pytest.raises(TableError):
        from_text(text)
