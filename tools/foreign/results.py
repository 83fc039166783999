"""What came of a client's checks, and the document and the board that tell of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

from tools.foreign.clients import Client
from tools.foreign.reasons import Kind, Reason, why

_NAMES: Final = 6
"""How many names of checks are shown of those that have one reason."""
_NAME: Final = 60
"""Of each, in characters."""
_NOT_MEANT: Final = (Kind.DESIGN, Kind.TEST)


@dataclass(frozen=True, slots=True)
class Check:
    """What one check came to."""

    name: str
    passed: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all checks of a client came to."""

    client: Client
    checks: tuple[Check, ...]
    trouble: str = ""
    """Why there is nothing of it, or not all."""

    @property
    def passed(self) -> int:
        """How many did."""
        return sum(check.passed for check in self.checks)

    @property
    def failures(self) -> list[tuple[Check, Reason | None]]:
        """Those that did not, and why."""
        failed = [check for check in self.checks if not check.passed]
        return [(check, why(self.client.name, check.name)) for check in failed]

    @property
    def applicable(self) -> int:
        """How many ask for what Funland means to do."""
        left_out = [one for _, one in self.failures if one and one.kind in _NOT_MEANT]
        return len(self.checks) - len(left_out)

    @property
    def unexplained(self) -> list[Check]:
        """Those that failed for no known reason."""
        return [check for check, reason in self.failures if reason is None]


def read_lines(lines: Iterable[str]) -> tuple[Check, ...]:
    """What a script printed: other lines than its own are passed over."""
    told: list[Mapping[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    return tuple(
        Check(each["name"], each["outcome"] == "passed", each.get("error", "")) for each in told
    )


def read_junit(report: Path) -> tuple[Check, ...]:
    """What pytest wrote of a run; what it skipped is not the client's."""
    checks: list[Check] = []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        if case.find("skipped") is not None:
            continue
        failure = case.find("failure")
        problem = case.find("error") if failure is None else failure
        name = f"{case.get('classname', '').rpartition('.')[2]} {case.get('name')}"
        error = "" if problem is None else (problem.get("message") or "")
        checks.append(Check(name, problem is None, error[:400]))
    return tuple(checks)


_OWN_TESTS: Final = re.compile(r"version (\S+), .*?\*\*(\d+) of (\d+) cases pass", re.DOTALL)

_HEAD: Final = """\
# Other people's clients

`make foreign` installs each client in an environment of its own, starts the service with the
embedded model and has the client do what it is for: [tools/foreign](../tools/foreign/README.md),
which writes this page. The model is tiny, so calls are forced and answers held to schemas where an
API can say so. *Applicable* are the checks that ask for what Funland means to do.

"""


def document(outcomes: Sequence[Outcome], not_run: Mapping[str, str]) -> str:
    """The page."""
    lines = ["| Client | Version | Used | Passed | Applicable |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.client.name} | {each.client.version} | {each.client.used} |"
        f" {each.passed} | {each.applicable} |"
        for each in outcomes
    ]
    told = [_HEAD + "\n".join(lines), _why(outcomes)]
    told += [f"Not run: {name}, since {reason}" for name, reason in not_run.items()]
    return "\n\n".join(part for part in told if part) + "\n"


def board(outcomes: Sequence[Outcome], own_tests: str = "") -> str:
    """The README's table, without its head; `own_tests` is the document of OpenAI's, which has a
    page of its own."""
    rows = [
        f"| {each.client.name} {each.client.version} | {each.passed} | {each.applicable} |"
        f" {_kinds(each)} |"
        for each in outcomes
    ]
    if found := _OWN_TESTS.search(own_tests):
        version, passed, cases = found.groups()
        told = "[each is told](docs/openai-sdk-tests.md)"
        rows.append(f"| openai (Python) {version}, its own tests | {passed} | {cases} | {told} |")
    return "\n".join(rows)


def _kinds(outcome: Outcome) -> str:
    kinds = Counter(reason.kind.value if reason else "unknown" for _, reason in outcome.failures)
    return ", ".join(f"{kind}: {count}" for kind, count in kinds.items())


def _why(outcomes: Sequence[Outcome]) -> str:
    rows: Counter[tuple[str, str, str]] = Counter()
    names: dict[tuple[str, str, str], list[str]] = {}
    for outcome in outcomes:
        for check, reason in outcome.failures:
            kind = reason.kind.value if reason else "unknown"
            row = (outcome.client.name, kind, reason.told if reason else _cell(check.error))
            rows[row] += 1
            names.setdefault(row, []).append(check.name)
        if outcome.trouble:
            rows[outcome.client.name, "unknown", _cell(outcome.trouble)] += 1
    if not rows:
        return ""
    head = (
        "## Why the others fail\n\n"
        "| Client | Checks | | Because of | Reason |\n|---|---|---|---|---|"
    )
    return "\n".join(
        [
            head,
            *(
                f"| {row[0]} | {count} | {_names(names.get(row, []))} | {row[1]} | {row[2]} |"
                for row, count in rows.items()
            ),
        ]
    )


def _names(names: Sequence[str]) -> str:
    shown = [f"`{_cell(name)[:_NAME]}`" for name in names[:_NAMES]]
    more = len(names) - len(shown)
    return ", ".join([*shown, f"{more} others"] if more else shown)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:200]
