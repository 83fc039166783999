"""The clients of Python and TypeScript make the steps that are common to all clients."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.clients.languages import scenario
from tests.clients.languages.toolchains import ROOT, need, run
from tests.docs.markdown import blocks

if TYPE_CHECKING:
    from tests.conftest import Stack

TYPESCRIPT = ROOT / "clients" / "typescript"


@pytest.fixture(scope="module")
def built() -> None:
    """The TypeScript client, compiled."""
    need("typescript", "npm", "node")
    run(["tools/typescript/build.sh"], ROOT)


@pytest.mark.parametrize("step", scenario.steps(), ids=lambda step: step["name"])
def test_python(crowded: Stack, step: scenario.Step) -> None:
    scenario.make(step, crowded.grpc_address)


@pytest.mark.usefixtures("built")
def test_typescript_over_grpc_and_rest(crowded: Stack) -> None:
    command = ["node", "--test", "--test-reporter=tap", "dist/test/"]

    lines = run(command, TYPESCRIPT, crowded).splitlines()

    assert {"# fail 0", "# skipped 0", "# todo 0"} <= set(lines)
    passed = Counter(line.partition(" - ")[2] for line in lines if line.startswith("    ok "))
    assert passed == {step["name"]: 2 for step in scenario.steps()}


@pytest.mark.usefixtures("built")
def test_typescript_s_example_answers(crowded: Stack) -> None:
    command = ["node", "dist/examples/chat.js", "What is the capital of France?"]

    told = run(command, TYPESCRIPT, crowded)

    assert told == "The capital of France is Paris.\n8 tokens by funland-tiny\n"


@pytest.mark.usefixtures("built")
def test_what_typescript_s_readme_shows_runs(crowded: Stack) -> None:
    shown, rest, sessions = blocks((TYPESCRIPT / "README.md").read_text(encoding="utf-8"), "ts")
    rest = rest.replace("http://127.0.0.1:8000", crowded.http_url)
    rest += 'console.log((await funland.chat("Hello!")).model);'
    written = [f"{shown}\n{sessions}", rest]

    told = [
        run(["node", "--input-type=module", "-e", each], TYPESCRIPT, crowded) for each in written
    ]

    assert told[0].splitlines()[0] == "Hello! How can I help you today? 10"
    assert "gpt-5" in told[0]
    assert told[0].endswith("message\n")
    assert told[1] == "funland-tiny\n"
