"""A batch's file is read line by line, and what is wrong with it is told."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from funland.v1.batches_pb2 import BatchError
from funland_server.batches.entries import Content, Entry, check, read_entries

CHAT = "/v1/chat/completions"


def line(custom_id: object = "a", **other: Any) -> bytes:
    """A line that is right but for `other`."""
    value = {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": {"model": "m"}} | other
    return json.dumps({name: each for name, each in value.items() if each is not None}).encode()


def read(content: bytes, longest: int = 1000) -> list[Entry | BatchError]:
    return list(read_entries(io.BytesIO(content), CHAT, longest))


def checked(content: bytes, most: int = 10) -> Content:
    return check(read_entries(io.BytesIO(content), CHAT), most)


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        (b"{", "invalid_json_line", ""),
        (b'"text"', "invalid_json_line", ""),
        (b"\xff\xfe", "invalid_json_line", ""),
        (line(None), "missing_required_parameter", "custom_id"),
        (line(method=None), "missing_required_parameter", "method"),
        (line(url=None), "missing_required_parameter", "url"),
        (line(body=None), "missing_required_parameter", "body"),
        (line(7), "invalid_type", "custom_id"),
        (line(""), "invalid_type", "custom_id"),
        (line(body=[]), "invalid_type", "body"),
        (line(method="GET"), "invalid_method", "method"),
        (line(url="/v1/embeddings"), "url_mismatch", "url"),
    ],
)
def test_what_is_wrong_with_a_line_has_a_code_a_line_and_a_property(
    wrong: bytes, code: str, param: str
) -> None:
    told = checked(line("first") + b"\n" + wrong + b"\n" + line("last")).errors

    assert [(each.code, each.line, each.param) for each in told] == [(code, 2, param)]
    assert told[0].message


def test_a_custom_id_that_comes_twice_names_the_line_it_was_in() -> None:
    told = checked(b"\n".join([line("a"), line("b"), line("a")])).errors

    assert [(each.code, each.line) for each in told] == [("duplicate_custom_id", 3)]
    assert "line 1" in told[0].message


@pytest.mark.parametrize("content", [b"", b"\n \n\r\n"])
def test_a_file_without_requests_is_refused(content: bytes) -> None:
    assert [each.code for each in checked(content).errors] == ["empty_file"]


def test_a_file_of_too_many_lines_is_refused_without_a_line() -> None:
    told = checked(b"\n".join(line(str(number)) for number in range(11))).errors

    assert [each.code for each in told] == ["too_many_tasks"]
    assert not told[0].HasField("line")


def test_empty_lines_count_as_lines_and_ask_nothing() -> None:
    content = b"\xef\xbb\xbf" + line("a") + b"\r\n\n" + line("b")

    read_ = [each for each in read(content) if isinstance(each, Entry)]

    assert [(each.number, each.custom_id) for each in read_] == [(1, "a"), (3, "b")]
    assert checked(content) == Content(2, "m", ())


def test_a_line_that_is_too_long_is_passed_over_to_its_end() -> None:
    content = line("long", body={"text": "x" * 5000}) + b"\n" + line("short")

    long, short = read(content)

    assert isinstance(long, BatchError)
    assert (long.code, long.line) == ("line_too_long", 1)
    assert isinstance(short, Entry)
    assert (short.number, short.custom_id) == (2, "short")


def test_lines_of_several_models_have_no_model_together() -> None:
    content = line("a") + b"\n" + line("b", body={"model": "other"})

    assert checked(content) == Content(2, "", ())


def test_at_most_a_hundred_errors_are_told() -> None:
    assert len(checked(b"{\n" * 500, most=1000).errors) == 100
