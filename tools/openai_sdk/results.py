"""Reads what pytest wrote of a run, and tells it as a document."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

AREAS: Final = {
    "audio/test_speech.py": "speech",
    "audio/test_transcriptions.py": "transcriptions",
    "audio/test_translations.py": "translations",
    "test_batches.py": "batches",
    "chat/test_completions.py": "chat completions",
    "chat/completions/test_messages.py": "stored chat completions: messages",
    "test_completions.py": "completions",
    "test_embeddings.py": "embeddings",
    "test_files.py": "files",
    "test_images.py": "images",
    "test_models.py": "models",
    "test_responses.py": "responses",
    "responses/test_input_items.py": "responses: input items",
    "responses/test_input_tokens.py": "responses: input tokens",
}
"""The files of tests for what Funland serves, below `tests/api_resources`."""

_ANSWER = re.compile(r"openai\.\w+: Error code: (\d+) - (.*)")

_REMARKS: Final = (
    ("audio: ", "Sends every parameter at once; the first that Funland does not honour is named."),
    ("logit_bias: ", "Sends every parameter at once, a bias of `foo` among them."),
    ("expected schema", "The strict client asks for base64, then wants a list of numbers."),
    ("/v1/responses/compact", "Compaction is not served."),
    ("conversation: ", "Sends every parameter at once, a stored conversation among them."),
    ("context_management: ", "Sends every parameter at once, compaction among them."),
    ("input: is required", "Calls without any input: there is nothing to answer."),
    ("respx2", "The test is skipped: what answers it in place of a server can't do it."),
    ("no recording", "Sends twelve letters as a recording."),
    ("not PNG, JPEG or WebP", "Sends twelve letters as a picture."),
    ("include: ", "Sends every parameter at once, logarithms of each token among them."),
    ("known_speaker", "Sends every parameter at once, samples of speakers among them."),
    ("background: ", "Sends every parameter at once, a transparent background among them."),
    ("markup: ", "Sends every parameter at once, a picture to be laid over among them."),
    ("limit: must be", "Sends `limit` 0: a page of nothing."),
)  # fmt: skip
"""What a reason means, by words in it."""


_ALONE: Final = ("path_params", "method_content", "response_content")
"""What is in the names of tests that come to no server: those that give an empty id to a call,
which fails before it is sent, and those of files' contents, which are answered in the test."""
_ALL_ALONE: Final = ("speech",)
"""Areas whose tests are all answered in the tests."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a test."""

    area: str
    name: str
    """The test's, without its parameters."""
    why: str
    """Why it failed; empty if it passed."""


def read_cases(report: Path) -> list[Case]:
    """The cases of pytest's JUnit XML."""
    # The file is pytest's own, of this run.
    return [_case(each) for each in ET.parse(report).iter("testcase")]  # noqa: S314 - as above


def _case(element: ET.Element) -> Case:
    module = element.get("classname", "").removeprefix("tests.api_resources.").rpartition(".")[0]
    area = AREAS[module.replace(".", "/") + ".py"]
    name = element.get("name", "").partition("[")[0]
    for failure in (*element.iter("failure"), *element.iter("error"), *element.iter("skipped")):
        return Case(area, name, _why(failure.get("message", "") + "\n" + (failure.text or "")))
    return Case(area, name, "")


def _why(text: str) -> str:
    """The HTTP status and the server's words where it answered with an error, else pytest's."""
    first = text.partition("\n")[0]
    answer = _ANSWER.match(first)
    return f"{answer[1]}: {answer[2]}" if answer is not None else first[:200]


def document(cases: Sequence[Case], version: str) -> str:
    """A page for the documents."""
    passed = sum(not case.why for case in cases)
    alone = sum(
        not case.why and (case.area in _ALL_ALONE or any(words in case.name for words in _ALONE))
        for case in cases
    )
    lines = [
        "# OpenAI's own tests",
        "",
        f"The `openai` package for Python, here version {version}, comes with tests of its calls",
        "against a server that takes whatever the specification allows, made-up ids and parameters",
        "that exclude each other included. Those for what Funland serves run against Funland:",
        f"**{passed} of {len(cases)} cases pass**, {alone} of them without a call.",
        "[tools/openai_sdk](../tools/openai_sdk/README.md) does it, and writes this page.",
        "",
        "| Area | Passed | Cases |",
        "|---|---|---|",
        *_areas(cases),
        "",
        "## Why the others fail",
        "",
        "| Cases | Area | Tests | Answer | What it means |",
        "|---|---|---|---|---|",
        *_failures(cases),
        "",
    ]
    return "\n".join(lines)


def _areas(cases: Sequence[Case]) -> Iterator[str]:
    for area in AREAS.values():
        of_area = [case for case in cases if case.area == area]
        yield f"| {area} | {sum(not case.why for case in of_area)} | {len(of_area)} |"


def _failures(cases: Sequence[Case]) -> Iterator[str]:
    grouped: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for case in cases:
        if case.why:
            grouped[case.area, case.why][case.name.removeprefix("test_")] += 1
    for (area, why), names in sorted(grouped.items()):
        tests = ", ".join(f"`{name}`" for name in sorted(names))
        remark = next((remark for words, remark in _REMARKS if words in why), "")
        told = why.replace("|", "\\|")
        yield f"| {names.total()} | {area} | {tests} | {told} | {remark} |"
