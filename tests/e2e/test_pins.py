"""Pins, over every wire that has them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from google.protobuf import json_format

from funland.v1.models_pb2 import Lease, Model
from funland_client import Funland, FunlandError
from funland_server.models.installed.embedded import embedded_model
from tests.conftest import Stack
from tests.server.conftest import SECONDS

ID = "to-be-pinned"


class Refused(Exception):
    """A call's reason."""


class Grpc:
    """Calls by the client."""

    def __init__(self, stack: Stack) -> None:
        self._client = Funland(stack.grpc_address)

    def ask(self, verb: str, **fields: Any) -> Model:
        try:
            return getattr(self._client.models, verb)(ID, **fields)
        except FunlandError as error:
            raise Refused(error.reason) from error


class Rest:
    """The same as JSON."""

    def __init__(self, stack: Stack) -> None:
        self._url = f"{stack.http_url}/funland/v1/models/{ID}"

    def ask(self, verb: str, **fields: Any) -> Model:
        request = Request(  # noqa: S310 - the service's own
            f"{self._url}:{verb}",
            data=json.dumps(fields).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urlopen(request, timeout=6 * SECONDS) as answer:  # noqa: S310 - as above
                return json_format.ParseDict(json.load(answer), Model())
        except HTTPError as error:
            raise Refused(json.load(error)["error"]["reason"]) from error


@pytest.fixture
def installed(stack: Stack, tmp_path: Path) -> Iterator[None]:
    # A copy: an import would make the store's file and the package's one and the same.
    path = shutil.copy(embedded_model().path, tmp_path)
    with Funland(stack.grpc_address) as client:
        client.models.import_file(Path(path), ID)
        yield
        client.models.delete(ID)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("way", [Grpc, Rest])
def test_a_pinned_model_is_held_until_it_is_unpinned_or_forced_out(
    stack: Stack, way: type[Grpc] | type[Rest]
) -> None:
    wire = way(stack)
    before = wire.ask("unload")

    pinned = wire.ask("pin")
    again = wire.ask("pin")
    with pytest.raises(Refused, match="MODEL_PINNED"):
        wire.ask("unload")
    unpinned = wire.ask("unpin")
    unloaded = wire.ask("unload")
    wire.ask("pin")
    forced = wire.ask("unload", force=True)
    kept = json.loads((stack.home / "pins.json").read_bytes())

    assert (before.state, before.pinned, before.kind) == (Model.INSTALLED, False, Model.TEXT)
    assert (pinned.state, pinned.pinned) == (Model.LOADED, True)
    assert [lease.kind for lease in pinned.loaded.leases] == [Lease.PIN]
    assert not pinned.loaded.HasField("unload_time")
    assert again.loaded.leases == pinned.loaded.leases
    assert (unpinned.state, unpinned.pinned) == (Model.LOADED, False)
    assert not unpinned.loaded.leases
    assert unpinned.loaded.HasField("unload_time")
    assert 0 < unpinned.loaded.memory_bytes <= unpinned.loaded.peak_memory_bytes
    assert unpinned.loaded.estimate_bytes > 0
    assert (unloaded.state, unloaded.pinned) == (Model.INSTALLED, False)
    assert (forced.state, forced.pinned) == (Model.INSTALLED, False)
    assert ID not in kept
