"""Starts the service with the tests' profile, runs OpenAI's tests against it and counts."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from openai import OpenAI

from tests.picture_models import write_picture_model
from tools.openai_sdk.fixtures import MODELS, install_model, install_pictures
from tools.openai_sdk.plugin import BATCH, CHAT, FILE, HOME, RESPONSE, SERVER
from tools.openai_sdk.results import AREAS, document, read_cases
from tools.openai_sdk.sources import openai_sources

ROOT: Final = Path(__file__).resolve().parents[2]


def main() -> None:
    """Runs the tests; the exit status is 0 however many pass: the document is the result."""
    parser = argparse.ArgumentParser(prog="python -m tools.openai_sdk", description=__doc__)
    parser.add_argument(
        "--sources",
        type=Path,
        default=Path(tempfile.gettempdir()) / "openai-sources",
        metavar="FOLDER",
        help="where the package's sources are, or are put (%(default)s)",
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the document there, not to the terminal"
    )
    parser.add_argument("-k", default="", metavar="EXPRESSION", help="only tests that match")
    options = parser.parse_args()

    sources = openai_sources(options.sources)
    with tempfile.TemporaryDirectory(prefix="funland-sdk-") as folder:
        home, report = Path(folder) / "home", Path(folder) / "report.xml"
        with _serving(home) as (grpc, http):
            install_model(grpc, "sdk-tests", MODELS)
            install_pictures(grpc, write_picture_model(Path(folder) / "sdk-pictures"))
            environment = {
                "TEST_API_BASE_URL": f"{http}/v1",
                HOME: str(home),
                SERVER: grpc,
                **_some_answers(http),
            }
            _run_tests(sources, report, options.k, environment)
        page = document(read_cases(report), version("openai"))
    if options.write is None:
        print(page)
    else:
        options.write.write_text(page)


@contextmanager
def _serving(home: Path) -> Generator[tuple[str, str]]:
    """A service of its own; gives the addresses of its gRPC and HTTP."""
    command = [str(Path(sys.executable).with_name("funland")), "serve", "--json"]
    command += ["--grpc-port", "0", "--http-port", "0", "--home", str(home)]
    home.mkdir(parents=True)
    with (
        (home / "server.log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"The service did not start:\n{(home / 'server.log').read_text()}")
            ready = json.loads(line)
            yield ready["grpc"], ready["http"]
        finally:
            process.terminate()


def _some_answers(http: str) -> Mapping[str, str]:
    """Makes a response, in the background so that it may be followed and cancelled, a chat, a
    file and a batch."""
    with OpenAI(base_url=f"{http}/v1", api_key="any") as client:
        response = client.responses.create(
            model="model", input="Hello!", max_output_tokens=16, background=True
        )
        for _ in client.responses.retrieve(response.id, stream=True):
            pass  # until it is made
        chat = client.chat.completions.create(
            model="model",
            # The tests' type of a kept message has no other role.
            messages=[{"role": "assistant", "content": "Hello!"}],
            max_completion_tokens=16,
            store=True,
        )
        file = client.files.create(file=("input.jsonl", b"{}"), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        while client.batches.retrieve(batch.id).status != "failed":
            pass  # until its one line was looked at, which asks nothing
    return {
        RESPONSE: response.id,
        CHAT: chat.id.replace("chatcmpl-", "resp_"),
        FILE: file.id,
        BATCH: batch.id,
    }


def _run_tests(
    sources: Path, report: Path, expression: str, environment: Mapping[str, str]
) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "--no-header", "-o", "addopts="]
    command += ["-p", "no:cacheprovider", "-p", "tools.openai_sdk.plugin"]
    command += ["-k", expression, f"--junitxml={report}"]
    command += [f"tests/api_resources/{area}" for area in AREAS]
    everything = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    subprocess.run(command, cwd=sources, env=everything, check=False)


if __name__ == "__main__":
    main()
