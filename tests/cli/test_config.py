"""`funland config` shows and changes what a service runs with, whatever wire it is asked over."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from funland_client import Funland
from funland_client.errors import FunlandError

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack, StartStack


@pytest.fixture
def own(start_stack: StartStack, tmp_path: Path) -> Stack:
    home = tmp_path / "home"
    home.mkdir()
    (home / "funland.toml").write_text("# mine\n[server]\nresponse_days = 3\n")
    return start_stack(home, FUNLAND_SERVER__SLOTS="4")


def test_settings_are_shown_changed_and_taken_out(funland: Command, own: Stack) -> None:
    file = own.home / "funland.toml"

    def run(*arguments: str, stdin: str = "") -> str:
        result = funland(
            "config", *arguments, "--server", own.grpc_address, stdin=stdin, cwd=own.home
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    rows = {line.split()[0]: line.split() for line in run().splitlines()}
    assert rows["server.response_days"] == ["server.response_days", "3", "file"]
    assert rows["server.slots"] == ["server.slots", "4", "FUNLAND_SERVER__SLOTS"]
    assert rows["gateway.port"] == ["gateway.port", "0", "--http-port"]
    assert run("get", "server.download_jobs") == "2\n"
    assert run("set", "server.download_jobs", "5") == "server.download_jobs: 5, at once.\n"
    assert run("set", "server.hubs", "ollama, modelscope").endswith("ollama,modelscope, at once.\n")
    assert run("set", "server.offline", "true") == "server.offline: true, at once.\n"
    assert "next start" in run("set", "gateway.max_connections", "9")
    assert run("set", "server.modelscope_token", "-", stdin="hunter2\n").endswith("set, at once.\n")
    assert run("get", "server.modelscope_token") == "(set, not shown)\n"
    assert run("list", "gateway.max_con").splitlines()[1].split() == [
        "gateway.max_connections", "1024", "default", "9",
    ]  # fmt: skip
    assert json.loads(run("get", "server.download_jobs", "--json"))["value"] == 5
    assert run("unset", "server.response_days").startswith("server.response_days: 30,")
    assert "hunter2" not in run("list", "--json")
    assert file.read_text() == (
        '# mine\n[server]\ndownload_jobs = 5\nhubs = ["ollama", "modelscope"]\noffline = true\n'
        'modelscope_token = "hunter2"\n\n[gateway]\nmax_connections = 9\n'
    )
    assert "hunter2" not in own.log()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("set", "gateway.port", "8"), 1, "--http-port"),
        (("set", "server.download_jobs", "many"), 1, "it must be a whole number"),
        (("set", "server.nothing", "1"), 2, "server.nothing is no setting."),
        (("unset", "server.nothing"), 1, "it is no setting"),
        (("get", "server.nothing"), 2, "server.nothing is no setting."),
        (("list", "nothing"), 2, "No setting begins with nothing."),
    ],
)
def test_what_can_t_be_done_is_said(
    funland: Command, stack: Stack, arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    result = funland("config", *arguments, "--server", stack.grpc_address)

    assert result.returncode == exit_code
    assert said in result.stderr


def test_without_a_server_it_says_so(funland: Command, tmp_path: Path) -> None:
    result = funland("config", "set", "server.slots", "8", "--server", "127.0.0.1:1", cwd=tmp_path)

    assert result.returncode == 3


def rest(stack: Stack, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    request = urllib.request.Request(  # noqa: S310 - a test's own service
        f"{stack.http_url}/funland/v1/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - a test's own service
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_client_and_rest_tell_and_change_the_same(own: Stack) -> None:
    with Funland(own.grpc_address) as client:
        told = client.system.configuration("server.download_jobs")
        status, document = rest(own, "GET", "configuration?prefix=server.download_jobs")
        assert status == 200
        assert document["etag"] == told.etag
        assert document["settings"][0]["value"] == 2

        changed = client.system.configure(
            {"server.download_jobs": 4, "server.hubs": ["ollama"], "server.proxy": None},
            etag=told.etag,
        )
        with client.system.watch_configuration() as news:
            assert next(iter(news)) == changed
        values = {"values": {"server.download_jobs": None}, "etag": changed.etag}
        status, document = rest(own, "PATCH", "configuration", values)
        assert status == 200
        (jobs,) = (one for one in document["settings"] if one["name"] == "server.download_jobs")
        assert (jobs["value"], jobs["origin"]) == (2, "DEFAULT")

        assert rest(own, "PATCH", "configuration", values)[0] == 409
        for wrong, field in (
            ({"server.slots": {"a": 1}}, 'values["server.slots"]'),
            ({"server.download_jobs": "4"}, 'values["server.download_jobs"]'),
        ):
            status, document = rest(own, "PATCH", "configuration", {"values": wrong})
            assert status == 400
            assert document["error"]["field_violations"][0]["field"] == field
        status, document = rest(own, "PATCH", "configuration", {"values": {"server.slots": 8}})
        assert (status, document["error"]["reason"]) == (400, "SETTING_FIXED")
        with pytest.raises(FunlandError, match="FUNLAND_SERVER__SLOTS"):
            client.system.configure({"server.slots": 8})


def test_the_next_start_reads_what_was_set(own: Stack, start_stack: StartStack) -> None:
    with Funland(own.grpc_address) as client:
        client.system.configure({"server.response_days": 8, "gateway.max_connections": 77})
    own.stop()

    again = start_stack(own.home)

    with Funland(again.grpc_address) as client:
        told = {one.name: one for one in client.system.configuration().settings}
    assert told["server.response_days"].value.number_value == 8
    assert told["gateway.max_connections"].value.number_value == 77
    assert not told["gateway.max_connections"].HasField("pending_value")


def test_the_machine_is_told_over_every_wire(stack: Stack) -> None:
    with Funland(stack.grpc_address) as client:
        report, resources, load = (
            client.system.health_report(), client.system.resources(), client.system.load(),
        )  # fmt: skip

    for path, names in (
        ("health/report", [part.name for part in report.parts]),
        ("resources", None),
        ("load", None),
    ):
        status, document = rest(stack, "GET", path)
        assert status == 200
        if names is not None:
            assert [part["name"] for part in document["parts"]] == names
    assert rest(stack, "GET", "resources")[1]["cpu"]["usable_cores"] == resources.cpu.usable_cores
    assert len(rest(stack, "GET", "load")[1]["averages"]) == len(load.averages)
