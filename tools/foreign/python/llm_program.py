"""llm, the program: its prompts, conversations, schemas and functions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import ANSWER, HELLO, MODEL, URL, Checks

checks = Checks()
folder = Path(tempfile.mkdtemp(prefix="llm-"))
known = {
    "model_id": "tiny", "model_name": MODEL, "api_base": f"{URL}/v1",
    "supports_schema": True, "supports_tools": True,
}  # fmt: skip
(folder / "extra-openai-models.yaml").write_text(json.dumps([known]))


def llm(*arguments: str) -> str:
    program = str(Path(sys.executable).with_name("llm"))
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "LLM_USER_PATH": str(folder), "OPENAI_API_KEY": "none"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-300:]
    return done.stdout.strip()


def ask(*arguments: str) -> str:
    return llm(*arguments, "-m", "tiny", "-o", "temperature", "0", "-o", "max_tokens", "80")


@checks
def a_prompt_streamed() -> None:
    assert ask(HELLO) == ANSWER


@checks
def a_prompt_at_once() -> None:
    assert ask(HELLO, "--no-stream") == ANSWER


@checks
def a_conversation() -> None:
    ask("My name is Anna.")
    assert "Anna" in ask("What is my name?", "--continue")


@checks
def a_schema() -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}}
    told = ask(HELLO, "--schema", json.dumps({**schema, "required": ["city"]}))
    assert json.loads(told)["city"] in ("Paris", "Rome"), told


@checks
def a_function_is_offered() -> None:
    assert ask(HELLO, "--functions", "def now() -> str:\n    return 'noon'", "--no-stream")


@checks
def usage_is_told() -> None:
    assert json.loads(llm("logs", "-n", "1", "--json"))[0]["output_tokens"] > 0


checks.run()
