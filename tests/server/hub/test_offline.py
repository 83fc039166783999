"""Offline, nothing is sent: shown by watching every socket of a server in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

_SERVER = """
import asyncio, json, sys
from pathlib import Path

sent = []

def watch(event, arguments):
    # A unix socket leads nowhere; all else would leave the process.
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        if isinstance(arguments[1], tuple):
            sent.append([event, repr(arguments[1])])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        sent.append([event, repr(arguments[0])])

sys.addaudithook(watch)

from funland.v1 import hub_pb2
from funland_server.app import Server
from funland_server.config import ServerSettings
import grpc

SERVICE = hub_pb2.DESCRIPTOR.services_by_name["HubService"]

async def main(home):
    server = Server(ServerSettings(home=Path(home), port=0, **SETTINGS))
    await server.start()
    reasons = []
    calls = [
        ("SearchHubModels", hub_pb2.SearchHubModelsRequest(query="qwen")),
        ("SearchHubModels", hub_pb2.SearchHubModelsRequest(query="qwen2.5:0.5b", hub=3)),
        ("GetHubModel", hub_pb2.GetHubModelRequest(model_id="owner/name")),
        ("ChooseVariant", hub_pb2.ChooseVariantRequest(source="owner/name")),
        ("ListTrendingModels", hub_pb2.ListTrendingModelsRequest()),
        ("AddFavorite", hub_pb2.AddFavoriteRequest(model_id="qwen2.5:0.5b")),
        ("ListHubs", hub_pb2.ListHubsRequest()),
    ]
    for name, request in calls:
        try:
            await server.channel.unary(SERVICE.methods_by_name[name], request, (), None)
            reasons.append("OK")
        except grpc.aio.AioRpcError as error:
            reasons.append("OFFLINE" if "offline" in (error.details() or "") else error.details())
    await server.stop(0)
    print("RESULT " + json.dumps({"sent": sent, "reasons": reasons}))

asyncio.run(main(sys.argv[1]))
"""
_HUBS = ("modelscope", "huggingface", "ollama")
_REFUSED = ["OFFLINE"] * 5 + ["OK", "OK"]  # a favorite is kept by its id alone


def run(home: Path, *before: str, **settings: object) -> dict[str, list[str]]:
    code = _SERVER.replace("SETTINGS", repr(settings or {"offline": True}))
    done = subprocess.run(
        [*before, sys.executable, "-c", code, str(home)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return orjson.loads(line.removeprefix("RESULT "))


def test_offline_no_socket_connects_and_no_name_is_looked_up(tmp_path: Path) -> None:
    assert run(tmp_path) == {"sent": [], "reasons": _REFUSED}


def test_offline_works_where_there_is_no_network_at_all(tmp_path: Path) -> None:
    cut = ["unshare", "--net", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*cut, "true"], check=False).returncode:
        pytest.skip("this machine lets nobody cut off the network")
    # Not even loopback is up there, and the server listens on it.
    up = [*cut, "sh", "-c", 'ip link set lo up 2>/dev/null; exec "$@"', "sh"]

    assert run(tmp_path, *up)["reasons"] == _REFUSED


def test_the_watch_sees_what_is_sent_when_it_is_not_offline(tmp_path: Path) -> None:
    nowhere = {f"{hub}_endpoint": "http://127.0.0.1:1" for hub in _HUBS}

    assert ["socket.connect", "('127.0.0.1', 1)"] in run(tmp_path, **nowhere)["sent"]
