"""Responses that real models make in the background: watched, cancelled, cut off and limited."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from structlog.testing import capture_logs

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ChatRequest
from funland.v1.responses_pb2 import (
    CancelResponseRequest,
    CreateResponseRequest,
    DeleteResponseRequest,
    ListResponsesRequest,
    Response,
    ResponseEvent,
    UpdateResponseRequest,
)
from funland.v1.system_pb2 import GetMetricsRequest
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.processes import children
from tests.server.conftest import call, details, streamed
from tests.server.responses.calls import (
    ENDLESS,
    GREEDY,
    LONG,
    chat,
    create,
    ended,
    get,
    kept,
    request,
    stream,
    user,
    watch,
    writes,
)


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(home=tmp_path / "home", port=0, slots=4, max_context_length=1024)


async def begin(server: Server, text: str = "Hello!", **fields: Any) -> str:
    """Begins a response in the background and gives its id."""
    return (await create(server, text, background=True, **fields)).response_id


async def cancel(server: Server, name: str) -> Response:
    return await call(server, "CancelResponse", CancelResponseRequest(response_id=name))


async def reason(awaited: Any) -> str:
    """Why a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await awaited
    return details(raised.value)["ErrorInfo"].reason


def text(events: list[ResponseEvent]) -> str:
    return "".join(event.delta.text for event in events)


async def test_a_response_in_the_background_is_kept_before_it_is_made(
    server: Server, settings: ServerSettings
) -> None:
    response = await create(server, background=True, metadata={"topic": "test"})
    on_the_disk = kept(settings)

    made = await ended(server, response.response_id)

    assert (response.state, on_the_disk) == (Response.QUEUED, [Response.QUEUED])
    assert response.model == "funland-tiny"
    assert response.background
    assert made.state == Response.INCOMPLETE  # eight tokens were too few
    assert made.output.content == await chat(server, user("Hello!"))
    assert made.usage.completion_tokens == 8
    assert made == await get(server, response.response_id)
    assert kept(settings) == [Response.INCOMPLETE]


async def test_all_watchers_see_the_same_events_by_their_numbers(server: Server) -> None:
    name = await begin(server, sampling=LONG)

    early = asyncio.create_task(watch(server, name))
    await writes(server, name)
    late, rest = await asyncio.gather(watch(server, name), watch(server, name, after=2))

    events = await early
    created, *_, last = events
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert created.created.state == Response.QUEUED
    assert text(events) == last.completed.output.content
    assert late == events
    assert rest == events[2:]


async def test_a_watcher_that_names_a_number_to_come_gets_the_end(server: Server) -> None:
    name = await begin(server, sampling=LONG)

    (event,) = await watch(server, name, after=10**6)

    assert event.completed.usage.completion_tokens == LONG.max_tokens


@pytest.mark.parametrize("background", [True, False])
async def test_the_events_of_a_response_that_has_ended_are_replayed(
    server: Server, background: bool
) -> None:
    name = (await create(server, background=background, top_logprobs=1)).response_id
    response = await ended(server, name)

    created, delta, completed = await watch(server, name)
    middle = await watch(server, name, after=1)
    later = await watch(server, name, after=57)

    assert created.created.response_id == name
    assert created.created.state == (Response.QUEUED if background else Response.IN_PROGRESS)
    assert not created.created.HasField("output")
    assert delta.delta.text == response.output.content
    assert len(delta.delta.logprobs) == GREEDY.max_tokens
    assert completed.completed == response
    assert [event.number for event in (created, delta, completed)] == [1, 2, 3]
    assert middle == [delta, completed]
    assert later == [ResponseEvent(completed=response, number=58)]


async def test_a_streamed_response_goes_on_when_its_caller_leaves(server: Server) -> None:
    wanted = request(sampling=LONG, background=True)
    async with aclosing(streamed(server, "StreamResponse", wanted)) as events:
        first = await anext(events)

    made = await ended(server, first.created.response_id)

    assert first.number == 1
    assert made.usage.completion_tokens == LONG.max_tokens


async def test_a_stream_in_the_background_is_numbered_to_its_end(server: Server) -> None:
    events = await stream(server, request(background=True))

    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert events[-1].completed.state == Response.INCOMPLETE


async def test_a_response_tells_whether_it_waits_or_is_written(settings: ServerSettings) -> None:
    server = await started(settings, slots=1)
    try:
        first, second = [await begin(server, sampling=ENDLESS) for _ in range(2)]
        await writes(server, first)

        page = await call(server, "ListResponses", ListResponsesRequest(ascending=True))
        change = UpdateResponseRequest(response_id=first, metadata={"seen": "yes"})
        changed = await call(server, "UpdateResponse", change)
        waiting = await get(server, second)
        never_begun = await cancel(server, second)
        written = await cancel(server, first)

        assert [r.state for r in page.responses] == [Response.IN_PROGRESS, Response.QUEUED]
        assert (changed.state, waiting.state) == (Response.IN_PROGRESS, Response.QUEUED)
        assert never_begun.output.content == ""
        assert written.output.content
        assert written.metadata == {"seen": "yes"}
    finally:
        await server.stop(0)


async def test_a_cancelled_response_keeps_what_was_written(
    server: Server, settings: ServerSettings
) -> None:
    name = await begin(server, sampling=ENDLESS)
    watcher = asyncio.create_task(watch(server, name))
    await writes(server, name)

    response = await cancel(server, name)

    events = await watcher
    assert response.state == Response.CANCELLED
    assert response.output.content == text(events) != ""
    assert events[-1].completed == response == await get(server, name)
    assert response == await cancel(server, name)  # once more changes nothing
    assert kept(settings) == [Response.CANCELLED]


async def test_what_is_not_in_the_background_cannot_be_cancelled(server: Server) -> None:
    response = await create(server)

    assert await reason(cancel(server, response.response_id)) == "RESPONSE_NOT_IN_BACKGROUND"
    assert await reason(cancel(server, "nobody")) == "RESPONSE_NOT_FOUND"
    assert await reason(watch(server, "nobody")) == "RESPONSE_NOT_FOUND"


async def test_to_delete_a_response_ends_it(server: Server, settings: ServerSettings) -> None:
    name = await begin(server, sampling=ENDLESS)
    watcher = asyncio.create_task(watch(server, name))
    await writes(server, name)

    await call(server, "DeleteResponse", DeleteResponseRequest(response_id=name))

    assert (await watcher)[-1].completed.state == Response.CANCELLED
    assert kept(settings) == []
    assert await reason(get(server, name)) == "RESPONSE_NOT_FOUND"


async def test_a_response_that_fails_says_why(server: Server, settings: ServerSettings) -> None:
    name = await begin(server, "word " * 2000)

    response = await ended(server, name)

    assert response.state == Response.FAILED
    assert response.error.reason == ErrorReason.PROMPT_TOO_LONG
    assert response == await get(server, name)
    assert kept(settings) == [Response.FAILED]


async def test_a_response_whose_worker_is_lost_keeps_what_was_written(server: Server) -> None:
    name = await begin(server, sampling=ENDLESS)
    await writes(server, name)

    for worker in children():
        worker.kill()

    response = await ended(server, name)
    assert response.error.reason == ErrorReason.WORKER_LOST
    assert response.output.content


async def test_what_can_be_refused_at_once_gets_no_id(
    server: Server, settings: ServerSettings
) -> None:
    alone = request(background=True, store=False)
    unknown = CreateResponseRequest(
        chat=ChatRequest(model="nobody", messages=[user("Hello!")]), background=True
    )

    assert await reason(call(server, "CreateResponse", alone)) == "FIELD_INVALID"
    assert await reason(call(server, "CreateResponse", unknown)) == "MODEL_NOT_FOUND"
    assert kept(settings) == []


async def test_only_a_response_with_an_answer_can_be_followed(server: Server) -> None:
    name = await begin(server, sampling=ENDLESS)

    unfinished = await reason(create(server, previous_response_id=name))
    await cancel(server, name)
    cancelled = await reason(create(server, previous_response_id=name))
    whole = await begin(server)
    await ended(server, whole)
    following = await create(server, "Thanks!", previous_response_id=whole, background=True)

    assert (unfinished, cancelled) == ("FIELD_INVALID", "FIELD_INVALID")
    answer = (await get(server, whole)).output
    made = await ended(server, following.response_id)
    assert made.output.content == await chat(server, user("Hello!"), answer, user("Thanks!"))


async def test_there_are_never_more_than_the_queue_takes(settings: ServerSettings) -> None:
    server = await started(settings, slots=1, queue_limit=1)
    try:
        names = [await begin(server, sampling=ENDLESS) for _ in range(2)]

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await begin(server)
        found = details(raised.value)
        await cancel(server, names[0])
        again = await ended(server, await begin(server))

        assert found["ErrorInfo"].reason == "QUEUE_FULL"
        assert found["ErrorInfo"].metadata == {"model": "funland-tiny", "queue_limit": "1"}
        assert found["RetryInfo"].retry_delay.seconds == 1
        assert again.state == Response.INCOMPLETE
        assert len(kept(settings)) == 3
    finally:
        await server.stop(0)


async def test_responses_are_counted_and_the_log_has_nothing_of_what_they_say(
    server: Server,
) -> None:
    with capture_logs() as lines:
        done = await begin(server, "My word is xyzzy.", metadata={"word": "xyzzy"})
        await ended(server, done)
        written = await begin(server, sampling=ENDLESS)
        await writes(server, written)
        before = await metrics(server)
        await cancel(server, written)
    after = await metrics(server)

    ends = [line for line in lines if line["event"] == "response_ended"]
    assert [(line["response_id"], line["state"]) for line in ends] == [
        (done, "INCOMPLETE"), (written, "CANCELLED"),
    ]  # fmt: skip
    assert "xyzzy" not in repr(lines)
    assert "funland_background_responses 1.0" in before
    assert "funland_background_responses 0.0" in after
    assert 'funland_background_responses_ended_total{state="CANCELLED"} 1.0' in after


async def test_a_stop_lets_responses_end_if_they_do_in_time(settings: ServerSettings) -> None:
    server = await started(settings)
    name = await begin(server)

    await server.stop(grace_seconds=60)

    assert kept(settings) == [Response.INCOMPLETE]
    assert (await after_another_start(settings, name)).usage.completion_tokens == 8


async def test_a_stop_leaves_nothing_unfinished(settings: ServerSettings) -> None:
    server = await started(settings, slots=1)
    names = [await begin(server, sampling=ENDLESS) for _ in range(3)]
    await writes(server, names[0])

    await server.stop(grace_seconds=0)

    assert kept(settings) == [Response.FAILED] * 3
    response = await after_another_start(settings, names[0])
    assert response.error.reason == ErrorReason.SERVER_STOPPING
    assert response.output.content


async def metrics(server: Server) -> list[str]:
    answer = await call(server, "GetMetrics", GetMetricsRequest())
    return answer.data.decode().splitlines()


async def started(settings: ServerSettings, **changed: Any) -> Server:
    server = Server(settings.model_copy(update=changed))
    await server.start()
    return server


async def after_another_start(settings: ServerSettings, name: str) -> Response:
    """A response as the next server tells it."""
    server = await started(settings)
    try:
        return await get(server, name)
    finally:
        await server.stop(0)
