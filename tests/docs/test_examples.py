"""What the documents show to type works as it stands there, or says why it is not run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pytest

from funland_cli.settings import load_settings
from funland_client import Funland
from funland_server.datasets.reading.forms import form_of
from funland_server.models.installed.embedded import embedded_model
from tests import forked
from tests.conftest import Stack, running
from tests.docs.markdown import blocks, read
from tests.docs.snippets import Command, Snippet, documents, snippets

HTTP_URL, GRPC_ADDRESS = "http://127.0.0.1:8000", "127.0.0.1:50051"
SNIPPETS = [snippet for document in documents() for snippet in snippets(document, read(document))]
RUN, CHECKED, SHOWN = {"console", "sh", "python"}, {"toml", "json", "xml"}, {"text"}
"""Languages of what is run, of what is read by who reads it in use, and of what is only output."""
FAILURE: Final = '"error":{'
ELSEWHERE: Final = re.compile(r"(tests/\S+\.py) runs it")
REASONS: Final = {
    "it changes the system",
    "it compiles or installs",
    "it does not end",
    "it is part of a program",
    "it measures for long",
    "it needs a hub",
    "it needs a model of a hub",
    "it needs another program",
    "it needs accounts",
    "the ids are a server's own",
}
PYTHON: Final = """
import contextlib, io, json, sys, traceback
for text in json.load(sys.stdin):
    output, failure = io.StringIO(), ""
    with contextlib.redirect_stdout(output):
        try:
            exec(compile(text, "<document>", "exec"), {"__name__": "__main__"})
        except BaseException:
            failure = traceback.format_exc()
    print(json.dumps({"output": output.getvalue(), "failure": failure}))
"""
"""Runs programs one after the other: what all of them import is imported once."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder with what the documents speak of, and a service in the place of the default one."""

    folder: Path
    stack: Stack

    def here(self, text: str) -> str:
        """A text with the addresses of this service."""
        own = self.stack.http_url
        return (
            text.replace(HTTP_URL, own)
            .replace("localhost:8000", own.removeprefix("http://"))
            .replace(GRPC_ADDRESS, self.stack.grpc_address)
        )

    def run(self, command: list[str], given: str = "") -> str:
        folders = (forked.folder(), Path(sys.executable).parent)
        path = os.pathsep.join((*map(str, folders), os.environ["PATH"]))
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "FUNLAND_SERVER": self.stack.grpc_address, "PATH": path},
            input=given, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("workplace")
    for name in ("my-model.gguf", "mine.gguf"):
        shutil.copy(embedded_model().path, folder / name)
    (rows,) = blocks(read("docs/training.md"), "json")
    (folder / "chats.jsonl").write_text(rows, encoding="utf-8")
    with running(tmp_path_factory.mktemp("funland")) as stack:
        with Funland(stack.grpc_address) as client:
            spoken = client.speech.speak("Hello there.", format="wav")
        (folder / "talk.wav").write_bytes(spoken.audio)
        yield Workplace(folder, stack)


def of(*languages: str) -> list[Snippet]:
    return [snippet for snippet in SNIPPETS if snippet.language in languages]


def once(commands: list[Command]) -> list[Command]:
    """What several documents show is run once."""
    return [*{command.text: command for command in commands}.values()]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.place)
def test_a_snippet_is_run_or_read_or_says_why_not(snippet: Snippet) -> None:
    assert snippet.language in RUN | CHECKED | SHOWN
    assert snippet.commands
    for command in snippet.commands:
        if found := ELSEWHERE.fullmatch(command.why_not):
            assert snippet.place.partition(":")[0] in read(found[1])
        elif command.why_not:
            assert command.why_not in REASONS


def test_no_block_is_overlooked() -> None:
    fences = [
        line
        for document in documents()
        for line in read(document).splitlines()
        if line.lstrip().startswith("```")
    ]

    assert len(fences) == 2 * len(SNIPPETS)


def test_each_reason_is_given() -> None:
    given = {command.why_not for snippet in SNIPPETS for command in snippet.commands}

    assert {why for why in given if why and not ELSEWHERE.fullmatch(why)} == REASONS


def test_every_command_runs(workplace: Workplace) -> None:
    commands = once([command for snippet in of("console") for command in snippet.run])

    assert len(commands) > 30
    assert {command.text.split()[0] for command in commands} == {"curl", "funland"}
    for command in commands:
        script = workplace.here(command.text)
        output = workplace.run(["bash", "-e", "-o", "pipefail", "-c", script])

        assert output or not command.shown, command.text
        assert (FAILURE in output) == (FAILURE in command.shown), command.text
        if command.shown.startswith("{"):
            assert shapes(output) == shapes(command.shown), command.text


def test_every_script_runs(workplace: Workplace) -> None:
    for command in once([command for snippet in of("sh") for command in snippet.run]):
        output = workplace.run(["bash", "-e", "-o", "pipefail", "-c", workplace.here(command.text)])

        assert output, command.text
        assert FAILURE not in output, command.text


def test_every_piece_of_python_runs(workplace: Workplace) -> None:
    programs = once([command for snippet in of("python") for command in snippet.run])

    for text in ("OpenAI(", "Funland()", "DescriptorPool(", "ollama.Client(", "Anthropic("):
        assert any(text in program.text for program in programs)
    told = json.dumps([workplace.here(program.text) for program in programs])
    lines = workplace.run([sys.executable, "-c", PYTHON], told).splitlines()
    assert len(lines) == len(programs)
    for program, line in zip(programs, lines, strict=True):
        done = json.loads(line)
        assert not done["failure"], f"{program.text}\n{done['failure']}"
        assert done["output"] or "print(" not in program.text, program.text


@pytest.mark.parametrize("snippet", of("toml"), ids=lambda snippet: snippet.place)
def test_settings_are_settings(snippet: Snippet, tmp_path: Path) -> None:
    for command in snippet.run:
        (tmp_path / "funland.toml").write_text(command.text, encoding="utf-8")

        load_settings({}, tmp_path / "funland.toml", {})


@pytest.mark.parametrize("snippet", of("json"), ids=lambda snippet: snippet.place)
def test_json_is_json_and_rows_are_rows(snippet: Snippet) -> None:
    for command in snippet.run:
        if snippet.place.startswith("docs/training.md"):
            assert [form_of(json.loads(row)) for row in command.text.splitlines()]
        else:
            assert json.loads(command.text)


@pytest.mark.parametrize("snippet", of("xml"), ids=lambda snippet: snippet.place)
def test_ssml_is_spoken(snippet: Snippet, workplace: Workplace) -> None:
    (command,) = snippet.run

    with Funland(workplace.stack.grpc_address) as client:
        assert client.speech.speak(command.text, ssml=True).audio


def test_a_mark_is_of_its_commands_alone() -> None:
    text = (
        "<!-- not run (b c): it needs a hub -->\n```console\n$ a\nshown\n$ b c \\\n  d\n```\n\n"
        "```sh\ne\n```\n\n<!-- not run: it does not end -->\n```sh\nf\n```\n\n```\ng\n```\n"
    )

    first, second, third, last = snippets("x.md", text)

    assert first.commands == (
        Command("a", "shown\n"),
        Command("b c \\\n  d", "", "it needs a hub"),
    )
    assert (first.place, second.place) == ("x.md:2", "x.md:9")
    assert [one.commands[0].why_not for one in (second, third)] == ["", "it does not end"]
    assert last.language == ""
    with pytest.raises(AssertionError, match="no command has"):
        list(snippets("x.md", text.replace("(b c)", "(z)")))


def shapes(lines: str) -> set[str]:
    """The forms of lines of JSON: which keys they have and what kind of values."""
    return {json.dumps(shape(json.loads(line)), sort_keys=True) for line in lines.splitlines()}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [shape(item) for item in cast("list[Any]", value)]
    return type(value).__name__
