"""A settings file is changed where it has to be, and stays as it was elsewhere."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland_server.configuration.editing import edited

FILE = """\
# Of the edge box.
[server]
slots = 8   # as many as it has cores
hubs = [
    "ollama",  # the only one that is reachable
]

[gateway]
port = 8080
"""


def test_comments_and_order_stay() -> None:
    assert (
        edited(FILE, {"server.slots": 4, "gateway.port": None, "server.threads": 2})
        == """\
# Of the edge box.
[server]
slots = 4   # as many as it has cores
hubs = [
    "ollama",  # the only one that is reachable
]
threads = 2

[gateway]
"""
    )


def test_nothing_to_change_changes_nothing() -> None:
    assert edited(FILE, {}) == FILE
    assert edited(FILE, {"server.threads": None, "other.none": None}) == FILE
    assert edited("", {}) == ""


def test_a_table_that_is_missing_is_made() -> None:
    assert tomllib.loads(edited("", {"server.offline": True})) == {"server": {"offline": True}}


def test_the_ends_of_lines_stay_what_they_were() -> None:
    text = FILE.replace("\n", "\r\n")

    assert edited(text, {"server.slots": 4}) == text.replace("slots = 8", "slots = 4")


@pytest.mark.parametrize(
    "text",
    [
        "server.slots = 8\n",
        "server = {slots = 8, threads = 1}\n",
        '[server]\n"slots" = 8\n',
        "[gateway]\n[server]\nslots = 8",
    ],
)
def test_other_ways_to_write_a_table_are_read_too(text: str) -> None:
    changed = tomllib.loads(edited(text, {"server.slots": 4, "server.queue_limit": 5}))

    before = tomllib.loads(text)["server"]
    assert changed["server"] == {**before, "slots": 4, "queue_limit": 5}


@pytest.mark.parametrize(
    "text",
    [
        "server = 1\n",
        "[[server]]\nslots = 1\n",
        "[server",
        "[server]\nslots = 1\nslots = 2\n",
        "[server]\n[gateway]\n[server]\n",
        "server = {slots = 1}\n[server]\n",
    ],
)
def test_what_has_no_such_table_is_left_to_be_edited_by_hand(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        edited(text, {"server.slots": 4})


NAMES = st.sampled_from(["server.slots", "server.hubs", "server.a b", "gateway.port", "gateway.x"])
VALUES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
    | st.lists(st.text("ab\"'\\\n# ,]é", max_size=5), max_size=3)
)


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=3))
def test_what_was_set_last_is_what_is_read(changes: list[dict[str, Any]]) -> None:
    text = FILE
    expected = {
        f"{section}.{name}": value
        for section, values in tomllib.loads(FILE).items()
        for name, value in values.items()
    }
    for change in changes:
        text = edited(text, change)
        expected |= change

    read = tomllib.loads(text)
    assert {
        f"{section}.{name}": value
        for section, values in read.items()
        for name, value in values.items()
    } == {name: value for name, value in expected.items() if value is not None}
    assert "# Of the edge box." in text
