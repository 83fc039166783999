"""The tests of llama.cpp's server for OpenAI's and Anthropic's routes, with no server started.

They are part of the sources of llama-cpp-python, which are fetched and not built.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path
from xml.etree import ElementTree as ET

from checks import MODEL, URL

RELEASE = "0.3.36"
FILES = (
    "basic",
    "chat_completion",
    "compat_oai_responses",
    "compat_anthropic",
    "embedding",
    "rerank",
    "tokenize",
)
NAMES = ("gpt-3.5-turbo", "gpt-3.5-turbo-instruct", "gpt-4.1", "text-embedding-3-small")
"""What tests call their model; and `test`."""
PLUGIN = f"""
import utils

OPENAI = ("/chat/completions", "/completions", "/embeddings", "/models", "/responses")


def make_url(self, path, host=None):
    return "{URL}" + ("/v1" if path.startswith(OPENAI) else "") + path


utils.ServerProcess.make_url = make_url
PORT = {URL.rpartition(":")[2]}
utils.ServerProcess.start = lambda self, timeout_seconds=0: setattr(self, "server_port", PORT)
utils.ServerProcess.stop = lambda self: None
utils.ServerPreset.load_all = staticmethod(lambda: None)
"""


def fetched(folder: Path) -> Path:
    """The folder of the tests; beside the environment, so that they are fetched once."""
    tests = folder / "tests"
    if not tests.is_dir():
        name = f"llama_cpp_python=={RELEASE}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
        command += [":all:", "--no-build-isolation", name, "--dest", str(folder)]
        subprocess.run(command, check=True)
        archive = folder / f"llama_cpp_python-{RELEASE}.tar.gz"
        inside = f"llama_cpp_python-{RELEASE}/vendor/llama.cpp/tools/server/"
        with tarfile.open(archive) as sources:
            members = [one for one in sources if one.name.startswith(inside + "tests/")]
            for member in members:
                member.name = member.name.removeprefix(inside)
            sources.extractall(folder, members, filter="data")
        archive.unlink()
    return tests


def give_names() -> None:
    body = {"base_model": MODEL, "model_id": "test", "aliases": NAMES}
    request = urllib.request.Request(
        f"{URL}/funland/v1/models:import",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    urllib.request.urlopen(request).close()


place = Path(sys.prefix)
tests = fetched(place)
(tests / "funland_plugin.py").write_text(PLUGIN)
give_names()
report = Path("llama-report.xml").absolute()
command = [sys.executable, "-m", "pytest", "-q", "-p", "funland_plugin", "-p", "no:cacheprovider"]
command += [f"unit/test_{name}.py" for name in FILES]
subprocess.run(
    [*command, f"--junitxml={report}"], cwd=tests, check=False, stdout=subprocess.DEVNULL,
    env={**os.environ, "PYTHONPATH": str(tests)},
)  # fmt: skip
for case in ET.parse(report).iter("testcase"):
    if case.find("skipped") is not None:
        continue
    failure = case.find("failure")
    problem = case.find("error") if failure is None else failure
    line = {"name": f"{case.get('classname', '').rpartition('.')[2]} {case.get('name')}"}
    line["outcome"] = "passed" if problem is None else "failed"
    if problem is not None:
        line["error"] = (problem.get("message") or "")[:300]
    print(json.dumps(line))
