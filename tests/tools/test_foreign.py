"""What other people's clients came to is counted and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.foreign.__main__ import board_in
from tools.foreign.clients import CLIENTS, Client
from tools.foreign.environments import variables
from tools.foreign.reasons import REASONS
from tools.foreign.results import Check, Outcome, board, document, read_junit, read_lines

OLLAMA = next(one for one in CLIENTS if one.name == "ollama-python")
SCRIPTS = Path(__file__).parents[2] / "tools" / "foreign"
LINES = [
    "a client's own words",
    '{"name": "chat", "outcome": "passed"}',
    '{"name": "push", "outcome": "failed", "error": "no"}',
    '{"name": "embed", "outcome": "failed", "error": "a | b\\nc"}',
]


def test_what_is_not_served_by_design_is_not_applicable() -> None:
    outcome = Outcome(OLLAMA, read_lines(LINES))

    assert (outcome.passed, outcome.applicable, len(outcome.checks)) == (1, 2, 3)
    assert [check.name for check in outcome.unexplained] == ["embed"]


def test_page_and_board_tell_why_the_others_fail() -> None:
    outcomes = [Outcome(OLLAMA, read_lines(LINES)), Outcome(OLLAMA, (), "It hung.")]

    page = document(outcomes, {"Another": "it is large."})

    assert "| ollama-python | 0.6.3 | every method | 1 | 2 |" in page
    assert "| `push` | not served by design | No model is sent to a hub. |" in page
    assert "| `embed` | unknown | a \\| b c |" in page
    assert "| unknown | It hung. |" in page
    assert "Not run: Another, since it is large." in page
    own = "The package, here version 3.57.0, comes with tests.\n**564 of 835 cases pass**, 113"
    *_, last = board(outcomes, own).splitlines()
    assert "not served by design: 1, unknown: 1" in board(outcomes)
    assert last.startswith("| openai (Python) 3.57.0, its own tests | 564 | 835 |")


def test_the_board_takes_the_place_of_the_one_before() -> None:
    page = "a\n<!-- foreign -->\n| h |\n|---|\n| old |\n| older |\n<!-- -->\nb\n"

    assert board_in(page, "| new |") == "a\n<!-- foreign -->\n| h |\n|---|\n| new |\n<!-- -->\nb\n"
    assert board_in(board_in(page, "| new |"), "| newer |") == board_in(page, "| newer |")


def test_tests_that_were_skipped_do_not_count(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="m.TestA" name="test_a"/>'
        '<testcase classname="m.TestA" name="test_b"><skipped/></testcase>'
        '<testcase classname="m.TestA" name="test_c"><failure message="no"/></testcase>'
        "</testsuite></testsuites>"
    )

    assert read_junit(report) == (
        Check("TestA test_a", True),
        Check("TestA test_c", False, "no"),
    )


def test_a_client_finds_nobodys_keys() -> None:
    given = {"PATH": "/bin", "OPENAI_API_KEY": "secret"}

    assert variables(given, {"SERVICE_URL": "x"}) == {"PATH": "/bin", "SERVICE_URL": "x"}


@pytest.mark.parametrize("client", CLIENTS, ids=[one.name for one in CLIENTS])
def test_each_client_has_a_script_and_a_version(client: Client) -> None:
    assert (SCRIPTS / client.language / client.script).is_file()
    assert client.version[0].isdigit()
    assert all("==" in one or "@" in one[1:] for one in client.packages)


def test_each_reason_is_one_of_a_client() -> None:
    assert {one.client for one in REASONS} <= {one.name for one in CLIENTS}
