"""A server that is killed leaves no response that waits for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from funland.v1.responses_pb2 import Response
from funland_client import Funland

if TYPE_CHECKING:
    from tests.conftest import StartStack


def test_what_a_killed_server_was_making_has_failed_after_the_next_start(
    start_stack: StartStack,
) -> None:
    stack = start_stack(FUNLAND_SERVER__SLOTS="1")
    with Funland(stack.grpc_address) as client:
        whole = client.responses.create("Hello!", temperature=0, max_tokens=8)
        written, waiting = [
            client.responses.create("Hello!", background=True, max_tokens=900, ignore_end=True)
            for _ in range(2)
        ]
        with client.responses.watch(written.response_id) as stream:
            next(iter(stream))
        stack.process.kill()
        stack.process.wait()

    again = start_stack(home=stack.home)

    with Funland(again.grpc_address) as client:
        states = [response.state for response in client.responses.list().responses]
        failed = [client.responses.get(each.response_id) for each in (written, waiting)]
    assert states == [Response.FAILED, Response.FAILED, whole.state]
    assert {response.error.message for response in failed} == {
        "The server ended before the response was complete."
    }
