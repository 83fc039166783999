"""What `funland doctor` makes of what it sees, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from funland_cli import judging
from funland_cli.judging import Engine, Finding, Home, Memory, Part, Port, Server

FOLDER = Path("/srv/funland")
GIB = 1024**3


def home(*, usable: bool = True, open_to_others: bool = False, free: int = 80 * GIB) -> Home:
    return Home(FOLDER, exists=True, usable=usable, open_to_others=open_to_others, free_bytes=free,
                server=None)  # fmt: skip


def taken(process: int | None, program: str = "") -> Port:
    return Port("port", "127.0.0.1:8000", taken=True, process=process, program=program)


FREE = Port("port", "127.0.0.1:8000", taken=False)

CASES: dict[str, tuple[Iterable[Finding], list[str], str]] = {
    "an engine that loads": (
        judging.engines([Engine("openvino", "2026.4.1")]),
        ["ok"],
        "2026.4.1",
    ),
    "an engine for another processor": (
        judging.engines(
            [Engine("openvino", "2026.4.1", "A process that loads it ends with SIGILL.")]
        ),
        ["wrong"],
        "SIGILL",
    ),
    "an engine that is not there": (
        judging.engines([Engine("openvino", "")]),
        ["wrong"],
        "not inst",
    ),
    "extras that lack something": (
        [judging.extras({"voices": ["sherpa-onnx"]}, ["aac", "voices"])],
        ["ok"],
        "aac installed; not installed: voices",
    ),
    "no extra": ([judging.extras({"aac": ["av"]}, ["aac"])], ["ok"], "none installed"),
    "a setting that is wrong": (
        [judging.settings("server.port: must be a number", "See docs/settings.md.", None)],
        ["wrong"],
        "server.port",
    ),
    "a home that can't be written": (judging.home(home(usable=False)), ["wrong"], "--home"),
    "a home that others read": (
        judging.home(home(open_to_others=True)),
        ["note", "ok"],
        "chmod 700",
    ),
    "a full disk": (judging.home(home(free=GIB)), ["ok", "note"], "1.1 GB free"),
    "little memory": ([judging.memory(Memory(16 * GIB, GIB))], ["note"], "1.1 GB of 17.2 GB"),
    "a free port": (judging.ports([FREE], None), ["ok"], "is free"),
    "a port of the server here": (
        judging.ports([taken(7, "funland")], 7),
        ["ok"],
        "the server here",
    ),
    "one whose process can't be seen, beside a server here": (
        judging.ports([taken(None)], 7),
        ["ok"],
        "the server here",
    ),
    "a port of another program": (
        judging.ports([taken(9, "nginx")], 7),
        ["wrong"],
        "nginx, process 9",
    ),
    "a port of who knows whom": (judging.ports([taken(None)], None), ["wrong"], "another program"),
    "a proxy for all": ([judging.proxies(["http_proxy"])], ["note"], "no_proxy="),
    "no proxy": ([judging.proxies([])], ["ok"], "straight"),
    "a certificate": ([judging.certificate(FOLDER, 300.4)], ["ok"], "300 more days"),
    "one that ends soon": ([judging.certificate(FOLDER, 12.2)], ["note"], "12 more days"),
    "one that has ended": ([judging.certificate(FOLDER, -1)], ["wrong"], "run out"),
    "one that is none": ([judging.certificate(FOLDER, None)], ["wrong"], "can't be read"),
    "no server": (
        judging.server(Server("a:1", answers=False, problem="Nobody"), "1"),
        ["note"],
        "serve",
    ),
    "a server that wants a login": (
        judging.server(Server("a:1", answers=True, problem="Log in."), "1"),
        ["wrong"],
        "funland login",
    ),
    "a server of another version": (
        judging.server(Server("a:1", answers=True, version="2"), "1"),
        ["note"],
        "version 2",
    ),
    "a server that is well": (
        judging.server(Server("a:1", answers=True, version="1"), "1"),
        ["ok"],
        "answers",
    ),
    "parts that are not": (
        judging.server(
            Server(
                "a:1",
                answers=True,
                version="1",
                parts=[
                    Part("disk", healthy=False, failed=False, message="little left"),
                    Part("database", healthy=False, failed=True, message="gone"),
                    Part("models", healthy=True, failed=False, message=""),
                ],
            ),
            "1",
        ),
        ["ok", "note", "wrong"],
        "gone",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_seen_is_judged(name: str) -> None:
    found, states, words = CASES[name]
    findings = list(found)

    assert [finding.state for finding in findings] == states
    assert words in "\n".join(f"{finding.message} {finding.advice}" for finding in findings)
    assert judging.are_well(findings) == ("wrong" not in states)
    for finding in findings:
        assert finding.advice or finding.state == "ok" or finding.name in {"disk", "database",
            "certificate"}  # fmt: skip
