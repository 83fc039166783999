"""What the image is built of is there, and its health check tells whether the service answers."""

from __future__ import annotations

import datetime
import os
import re
import ssl
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from funland_cli.certificate import self_signed
from tests.conftest import Stack
from tests.docs.markdown import ROOT

PACKAGING = ROOT / "tools" / "packaging"
CONTAINERFILE = (PACKAGING / "Containerfile").read_text("utf-8")
BUILD, RUN = CONTAINERFILE.split("\nFROM ")[1:]
PATH = "/funland/v1/health"


def copied(stage: str) -> list[str]:
    """What a stage takes of the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", stage, re.MULTILINE)
    return [source for line in lines for source in line.split()]


def within(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def test_what_it_copies_is_there_and_is_all_of_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    ignoring = (PACKAGING / "Containerfile.dockerignore").read_text("utf-8").splitlines()
    sent = [line.removeprefix("!") for line in ignoring if line.startswith("!")]

    sources = copied(BUILD)
    for needed in (*wheel["packages"], wheel["hooks"]["custom"]["path"], "README.md", "LICENSE"):
        assert within(needed, sources), needed
    for source in (*sources, *copied(RUN)):
        assert (ROOT / source).exists(), source
        assert within(source, sent), source


def test_it_runs_as_nobody_in_particular_without_a_compiler() -> None:
    assert re.search(r"^USER (?!0$)\d+$", RUN, re.MULTILINE)
    assert "apt-get" not in RUN
    assert "HEALTHCHECK" in RUN


def test_a_service_that_answers_is_healthy(stack: Stack) -> None:
    done = healthy(stack.http_url + PATH)

    assert (done.returncode, done.stderr) == (0, "")


def test_where_nothing_listens_it_is_not() -> None:
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    server.server_close()
    url = f"http://127.0.0.1:{server.server_port}{PATH}"

    done = healthy(url)

    assert done.returncode == 1
    assert done.stderr.startswith(f"{url}: ")


def test_a_certificate_for_another_name_does_and_a_refusal_does_not(tmp_path: Path) -> None:
    made, key = self_signed(["box.example"], datetime.timedelta(days=1))
    (tmp_path / "both.pem").write_bytes(made + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"https://127.0.0.1:{server.server_port}"
        try:
            assert healthy(url + PATH).returncode == 0
            assert healthy(url + "/other").returncode == 1
        finally:
            server.shutdown()
            thread.join()


class Refusing(BaseHTTPRequestHandler):
    """Has the health's path alone."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == PATH else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


def healthy(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PACKAGING / "healthy.py"],
        env={**os.environ, "FUNLAND_HEALTH_URL": url},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
