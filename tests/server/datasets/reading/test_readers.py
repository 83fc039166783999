"""How rows come out of files of each kind, and what is said of those that don't."""

from __future__ import annotations

import io
import json
import random
from contextlib import suppress
from typing import Any

import pytest

from funland_server.datasets.reading import lines as line_reading
from funland_server.datasets.reading.formats import READERS, format_of, is_data, true_format
from funland_server.datasets.reading.records import Record, UnreadableError

LONGEST = 200


def read(kind: str, content: bytes) -> list[Record]:
    return list(READERS[kind](io.BytesIO(content), LONGEST))


def told(kind: str, content: bytes) -> list[tuple[int, Any]]:
    """Of each record its line, and its row or a word of what is wrong."""
    return [(record.line, record.row or record.problem) for record in read(kind, content)]


@pytest.mark.parametrize(
    "content",
    [
        b'{"text": "a"}\n{"text": "b"}\n',
        b'\xef\xbb\xbf{"text": "a"}\r\n{"text": "b"}',
    ],
)
def test_lines_of_json(content: bytes) -> None:
    assert told("JSONL", content) == [(1, {"text": "a"}), (2, {"text": "b"})]


def test_each_bad_line_is_named_and_the_others_are_read() -> None:
    content = (
        b'{"text": "a"}\n\n   \nnot json\n{"text": "\xff"}\n{"text": "' + b"x" * 300
        + b'"}\n[1]\n{"text": "b"}'
    )  # fmt: skip

    found = told("JSONL", content)

    assert [line for line, _ in found] == [1, 4, 5, 6, 7, 8]
    problems = [problem for _, problem in found if isinstance(problem, str)]
    assert "no JSON" in problems[0]
    assert problems[1:3] == ["it is not UTF-8", "it has more than 200 bytes"]
    assert "array" in problems[3]
    assert found[-1] == (8, {"text": "b"})


def test_a_line_without_an_end_is_never_held() -> None:
    class Endless(io.BytesIO):
        asked = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.asked = max(self.asked, size or -1)
            return super().readline(-1 if size is None else size)

    file = Endless(b"x" * 5_000_000 + b"\nend")

    found = list(line_reading.lines(file, LONGEST))

    assert [(line.number, line.content) for line in found] == [(1, None), (2, b"end")]
    assert file.asked <= 1 << 20


ROWS: list[dict[str, Any]] = [
    {"text": 'a "quoted" [thing], {x}\\'},
    {"text": "b\n\té", "n": [1, {"a": []}]},
    {"text": "c"},
]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects(indent: int | None) -> None:
    content = json.dumps(ROWS, indent=indent, ensure_ascii=False).encode()

    assert [record.row for record in read("JSON", b"\xef\xbb\xbf \n" + content + b"\n ")] == ROWS


def test_a_list_that_comes_in_any_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.dumps(ROWS, indent=1).encode()
    for size in (1, 2, 3, 7):
        monkeypatch.setattr("funland_server.datasets.reading.json_list._PIECE", max(size, 1))
        assert [record.row for record in read("JSON", content)] == ROWS


def test_a_bad_element_does_not_spoil_the_others() -> None:
    content = (
        b'[\n{"text": "a"},\n{"text" "b"},\n{"text": "' + b"x" * 300 + b'"},\n\n{"text": "c"}]'
    )

    found = told("JSON", content)

    assert [line for line, _ in found] == [2, 3, 4, 6]
    assert "no JSON" in found[1][1]
    assert found[2][1] == "it has more than 200 bytes"
    assert found[3][1] == {"text": "c"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": 1}', "no list"),
        (b"", "no list"),
        (b'[{"text": "a"}, {"text"', "breaks off in line 1"),
        (b'[{"text": "a"}]\n[', "behind the list"),
    ],
)
def test_a_list_that_is_none(content: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read("JSON", content)


def test_a_table_whose_values_stay_texts() -> None:
    content = (
        "\ufeffinstruction;output;n\r\n"
        '"a; ""b""";007;NA\r\n'
        '"two\nlines";null;\r\n'
        "\r\n"
        "too;few\r\n"
        "one;too;many;here\r\n"
        "last;1,5;x"
    ).encode()

    assert told("CSV", content) == [
        (2, {"instruction": 'a; "b"', "output": "007", "n": "NA"}),
        (3, {"instruction": "two\nlines", "output": "null", "n": ""}),
        (6, "it has 2 values, and there are 3 names"),
        (7, "it has 4 values, and there are 3 names"),
        (8, {"instruction": "last", "output": "1,5", "n": "x"}),
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_what_parts_the_values_is_seen_at_the_names(mark: str) -> None:
    content = f'text{mark}"a, b; c"\nx{mark}y\n'.encode()

    assert told("CSV", content) == [(2, {"text": "x", "a, b; c": "y"})]


def test_what_is_wrong_in_a_table() -> None:
    content = b'text,b\n"a" x,1\n\xff,2\n"' + b"y" * 300 + b'",3\nlast,4\n'

    found = told("CSV", content)

    assert "no CSV" in found[0][1]
    assert found[1] == (3, "it is not UTF-8")
    assert found[2] == (4, "it has more than 200 bytes")
    assert found[-1] == (5, {"text": "last", "b": "4"})


def test_a_quote_without_an_end_takes_no_more_than_a_row_may_have() -> None:
    content = b'text,b\n"open,1\n' + b"some more text,2\n" * 100 + b"x,3\n"

    found = told("CSV", content)

    assert found[0] == (2, "it has more than 200 bytes")
    assert found[-1][1] == {"text": "x", "b": "3"}


@pytest.mark.parametrize("content", [b"", b"a,,b\n1,2,3", b"a,a\n1,2", b"\n\n", b"a" * 300])
def test_a_table_without_names_is_none(content: bytes) -> None:
    with pytest.raises(UnreadableError, match="first line"):
        read("CSV", content)


def test_texts_that_empty_lines_part() -> None:
    content = b"\xef\xbb\xbfone\r\nstill one\r\n\r\n\n two\n \n" + b"x" * 300 + b"\n\nlast"

    assert told("TEXT", content) == [
        (1, {"text": "one\nstill one"}),
        (5, {"text": "two"}),
        (7, "it has more than 200 bytes"),
        (9, {"text": "last"}),
    ]


def test_parquet(tmp_path: Any) -> None:
    arrow: Any = pytest.importorskip("pyarrow", reason="it is of the extra `parquet`")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    rows = [{"text": f"row {n}", "n": n, "tags": ["a"]} for n in range(600)]
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.Table.from_pylist(rows), path, row_group_size=100)

    found = read("PARQUET", path.read_bytes())

    assert [record.row for record in found] == rows
    assert [record.line for record in found] == list(range(1, 601))
    with pytest.raises(UnreadableError, match="no whole Parquet"):
        read("PARQUET", path.read_bytes()[:-100])
    with pytest.raises(UnreadableError, match="no whole Parquet"):
        read("PARQUET", b"PAR1 nothing PAR1")
    deep: Any = "x"
    for _ in range(90):
        deep = [deep]
    parquet.write_table(arrow.Table.from_pylist([{"text": deep}]), path)
    with pytest.raises(UnreadableError, match="no whole Parquet"):
        read("PARQUET", path.read_bytes())


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.jsonl", "JSONL"), ("a.NDJSON", "JSONL"), ("a.json", "JSON"), ("x/a.csv", "CSV"),
        ("a.tsv", "CSV"), ("a.parquet", "PARQUET"), ("a.txt", "TEXT"),
        ("a.pkl", ""), ("a.pt", ""), ("a.py", ""), ("a.zip", ""), ("a.jsonl.gz", ""), ("a", ""),
    ],
)  # fmt: skip
def test_what_a_file_is_its_name_says(path: str, kind: str) -> None:
    assert format_of(path) == kind


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("train/a.jsonl", True), ("README.md", False), ("dataset_info.json", False),
        (".cache/a.jsonl", False), ("a.py", False), ("x/dataset_dict.json", False),
    ],
)  # fmt: skip
def test_what_stands_beside_data_is_not_read(path: str, read: bool) -> None:
    assert is_data(path) is read


def test_json_that_has_an_object_in_each_line() -> None:
    assert true_format("JSON", io.BytesIO(b'\xef\xbb\xbf\n {"a": 1}\n{"a": 2}')) == "JSONL"
    assert true_format("JSON", io.BytesIO(b" [{}]")) == "JSON"
    assert true_format("CSV", io.BytesIO(b"{}")) == "CSV"


@pytest.mark.parametrize("kind", ["JSONL", "JSON", "CSV", "TEXT"])
def test_whatever_comes_is_told_in_words(kind: str) -> None:
    """Five hundred files of chance, made of what readers stumble on."""
    chance = random.Random(kind)  # noqa: S311 - no secret
    scraps = [
        b"{", b"}", b"[", b"]", b'"', b"\\", b",", b";", b"\n", b"\r\n", b"\r", b"\x00", b"\xff",
        b"\xef\xbb\xbf", b"null", b"NaN", b"1e999", b'{"text": "a"}', b'{"text": "\\ud800"}',
        b"\n\n", b" ", b"\t", b"a" * 300, b'"a""b"', b"messages", b":",
    ]  # fmt: skip
    for _ in range(500):
        content = b"".join(chance.choices(scraps, k=chance.randrange(60)))
        records: list[Record] = []
        with suppress(UnreadableError):
            records = read(kind, content)
        assert all(record.row is not None or record.problem for record in records)
