"""Names and types of files, and what is said of one in several messages."""

from __future__ import annotations

import pytest

from funland.v1.files_pb2 import UploadFileRequest
from funland_server.errors import FieldInvalidError
from funland_server.files.names import clean_name, media_type_of
from funland_server.files.uploads import joined


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a.txt", "a.txt"),
        ("", "file"),
        ("..", "file"),
        ("folder/", "file"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("a\x00b\r\nc\u202e.txt", "abc.txt"),
        (" Grüße 你好.txt ", "Grüße 你好.txt"),
        ("x" * 300 + ".jsonl", "x" * 249 + ".jsonl"),
        ("x." + "y" * 300, "x." + "y" * 253),
    ],
)
def test_a_name_has_no_folders_and_no_hidden_signs(given: str, name: str) -> None:
    assert clean_name(given) == name


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.jsonl", "application/jsonl"),
        ("A.JSONL", "application/jsonl"),
        ("a.json", "application/json"),
        ("a.png", "image/png"),
        ("a.md", "text/markdown"),
        ("a.txt.gz", "application/octet-stream"),
        ("a.nobody", "application/octet-stream"),
        ("png", "application/octet-stream"),
    ],
)
def test_a_name_says_what_is_in_it(name: str, media_type: str) -> None:
    assert media_type_of(name) == media_type


def test_each_field_may_be_said_in_any_message_but_not_in_two_ways() -> None:
    said = joined(UploadFileRequest(), UploadFileRequest(name="a", data=b"x"))
    said = joined(said, UploadFileRequest(data=b"y"))
    said = joined(said, UploadFileRequest(name="a", purpose="batch", retention_seconds=5))

    assert said == UploadFileRequest(name="a", purpose="batch", retention_seconds=5)
    with pytest.raises(FieldInvalidError, match="purpose"):
        joined(said, UploadFileRequest(purpose="vision"))
