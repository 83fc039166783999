"""Where deployments answer beside the common port."""

from __future__ import annotations

import socket

import pytest

from funland.v1.deployments_pb2 import Deployment
from funland_server.deployments.endpoints import Endpoint, Gateways, listened_at, shown

COMMON = "http://127.0.0.1:8000"
OPEN, BROKEN = Endpoint("http://127.0.0.1:9000"), Endpoint(error="it is taken")

CASES = {
    "no port": (0, Deployment.RUNNING, OPEN, [COMMON], Endpoint()),
    "open": (9000, Deployment.RUNNING, OPEN, [COMMON], OPEN),
    "not open": (9000, Deployment.RUNNING, BROKEN, [COMMON], BROKEN),
    "about to open": (9000, Deployment.RUNNING, Endpoint(), [COMMON], Endpoint()),
    "the common port": (8000, Deployment.RUNNING, Endpoint(), [COMMON], Endpoint(COMMON)),
    "the common port of one that does not run": (
        8000, Deployment.STARTING, Endpoint(), [COMMON], Endpoint(),
    ),
    "open, while a lost process comes back": (9000, Deployment.STARTING, OPEN, [COMMON], OPEN),
    "not open is no trouble of one that does not run": (
        9000, Deployment.STARTING, BROKEN, [COMMON], Endpoint(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("port", "state", "told", "urls", "then"), CASES.values(), ids=CASES)
def test_a_port_is_shown_as_gateways_tell(
    port: int,
    state: Deployment.State.ValueType,
    told: Endpoint,
    urls: list[str],
    then: Endpoint,
) -> None:
    gateways = Gateways(lambda: None)
    with gateways.watching(urls):
        assert shown(port, state, told, gateways) == then


def test_without_a_gateway_it_is_said_who_would_open_the_port() -> None:
    told = shown(9000, Deployment.RUNNING, Endpoint(), Gateways(lambda: None))

    assert not told.url
    assert "funland gateway" in told.error


def test_the_last_gateway_that_leaves_is_told() -> None:
    left: list[int] = []
    gateways = Gateways(lambda: left.append(1))

    with gateways.watching([COMMON]):
        with gateways.watching([]):  # no gateway
            assert gateways.present
        with gateways.watching([COMMON, "http://[::1]:8001"]):
            assert gateways.hosts == ("127.0.0.1", "::1")
            assert gateways.common_url(8001) == "http://[::1]:8001"
        assert (left, gateways.common_url(8001)) == ([], "")

    assert (left, gateways.present) == ([1], False)


@pytest.mark.parametrize("url", ["", "no url", "http://host:99999", "http://[::1", "//x:y"])
def test_what_is_no_url_is_nobodys_port(url: str) -> None:
    gateways = Gateways(lambda: None)
    with gateways.watching([url]):
        assert gateways.common_url(8000) == ""
        assert gateways.hosts


def test_a_port_at_which_somebody_listens_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert listened_at(["127.0.0.1"], port)

    assert not listened_at(["127.0.0.1"], port)
    assert not listened_at(["203.0.113.7", "no such host"], port)
