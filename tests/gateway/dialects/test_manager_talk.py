"""What is said at `/ws/downloads`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty

from funland.v1.downloads_pb2 import DownloadEvent, WatchDownloadsRequest
from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import WebSocket
from funland_gateway.dialects.manager.routes import MANAGER
from funland_gateway.dialects.manager.watching import DownloadTalk
from tests.gateway.dialects.asked import NOW, TOLD_NOW, asked
from tests.gateway.dialects.hub_messages import COMPLETED, DOWNLOADING

FIRST = DownloadEvent(download=DOWNLOADING)
SECOND = DownloadEvent(download=COMPLETED)
SYNCED = DownloadEvent(synced=Empty())


def said(messages: Iterable[bytes]) -> list[Any]:
    return [orjson.loads(message) for message in messages]


def talk(*events: DownloadEvent) -> DownloadTalk:
    """One that has heard of these."""
    new = DownloadTalk()
    for event in events:
        list(new.tell(event))
    return new


def ask(talk: DownloadTalk, **message: Any) -> list[Any]:
    return said(talk.hear(orjson.dumps(message).decode(), NOW))


def names(messages: list[Any]) -> list[str]:
    return [message["data"]["id"] for message in messages if message["type"] == "download"]


def test_the_route_watches_all_downloads() -> None:
    (route,) = [route for route in MANAGER.routes if route.path == "/ws/downloads"]

    call = route.call(asked())

    assert isinstance(call, WebSocket)
    assert (call.rpc.name, call.message) == ("WatchDownloads", WatchDownloadsRequest())


def test_downloads_are_told_as_tasks() -> None:
    new = DownloadTalk()

    (told,) = said(new.tell(FIRST))

    assert told["type"] == "download"
    assert (told["data"]["id"], told["data"]["progress"]) == ("dl-1", 45.5)
    assert said(new.tell(SYNCED)) == [{"type": "synced"}]
    gone = DownloadEvent(deleted_download_id="dl-1")
    assert said(new.tell(gone)) == [{"type": "deleted", "data": {"id": "dl-1"}}]
    assert said(new.tell(DownloadEvent())) == []


def test_who_subscribes_to_a_task_hears_of_it_alone_and_how_it_is() -> None:
    talks = talk(FIRST, SECOND, SYNCED)

    answers = ask(talks, action="subscribe", task_id="dl-1")

    assert answers[0] == {"type": "subscribed", "data": {"task_ids": ["dl-1"]}}
    assert names(answers) == ["dl-1"]
    assert names(said(talks.tell(FIRST))) == ["dl-1"]
    assert said(talks.tell(SECOND)) == []
    assert said(talks.tell(DownloadEvent(deleted_download_id="dl-3"))) == []


def test_a_second_task_is_told_beside_the_first() -> None:
    talks = talk(FIRST, SECOND, SYNCED)
    ask(talks, action="subscribe", task_id="dl-1")

    answers = ask(talks, action="subscribe", task_id="dl-3")

    assert answers[0]["data"]["task_ids"] == ["dl-1", "dl-3"]
    assert names(said(talks.tell(FIRST))) + names(said(talks.tell(SECOND))) == ["dl-1", "dl-3"]


def test_who_unsubscribes_hears_no_more_until_all_are_wanted_again() -> None:
    talks = talk(FIRST, SECOND, SYNCED)
    ask(talks, action="subscribe", task_id="dl-1")

    assert ask(talks, action="unsubscribe", task_id="dl-1")[0]["data"]["task_ids"] == []
    assert said(talks.tell(FIRST)) == []
    everything = ask(talks, action="subscribe")
    assert everything[0]["data"]["task_ids"] is None
    assert names(everything) == ["dl-1", "dl-3"]
    assert ask(talks, action="unsubscribe")[0]["data"]["task_ids"] == []
    assert said(talks.tell(FIRST)) == []


def test_a_task_may_be_named_before_all_were_told_and_is_forgotten_if_it_is_none() -> None:
    talks = talk(FIRST)
    assert ask(talks, action="subscribe", task_id="dl-3")[0]["data"]["task_ids"] == ["dl-3"]
    ask(talks, action="subscribe", task_id="ghost")

    assert names(said(talks.tell(SECOND))) == ["dl-3"]
    assert said(talks.tell(SYNCED)) == [
        {"type": "synced"},
        {"type": "subscribed", "data": {"task_ids": ["dl-3"]}},
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"action": "subscribe", "task_id": "ghost"}', "TASK_NOT_FOUND"),
        ('{"action": "dance"}', "INVALID_ACTION"),
        ('{"action": "unsubscribe", "task_id": "dl-1"}', "FIELD_INVALID"),
        ("{}", "INVALID_ACTION"),
        ('{"action": 7}', "INVALID_ACTION"),
        ('{"action": "ping", "task_id": 7}', "BODY_MALFORMED"),
        ("[]", "BODY_MALFORMED"),
        ("{", "BODY_MALFORMED"),
        ("", "BODY_MALFORMED"),
    ],
)
def test_what_cant_be_done_is_told_and_nothing_else_changes(text: str, code: str) -> None:
    talks = talk(FIRST, SYNCED)

    (answer,) = said(talks.hear(text, NOW))

    assert (answer["type"], answer["success"], answer["error"]) == ("error", False, code)
    assert answer["timestamp"] == TOLD_NOW
    assert names(said(talks.tell(FIRST))) == ["dl-1"]


def test_no_more_tasks_are_named_than_are_remembered() -> None:
    talks = DownloadTalk()
    for number in range(1000):
        ask(talks, action="subscribe", task_id=str(number))

    (answer,) = ask(talks, action="subscribe", task_id="1000")

    assert (answer["error"], "1000" in answer["message"]) == ("FIELD_INVALID", True)


def test_a_ping_has_a_pong_and_the_server_beats() -> None:
    assert ask(DownloadTalk(), action="ping") == [{"type": "pong", "timestamp": TOLD_NOW}]
    assert orjson.loads(DownloadTalk().beat(NOW)) == {"type": "heartbeat", "timestamp": TOLD_NOW}


def test_a_failure_is_told_as_over_http() -> None:
    error = Error(code="UNAVAILABLE", reason=ErrorReason.SERVER_STOPPING, message="Stopping.")

    assert orjson.loads(DownloadTalk().fail(error, NOW)) == {
        "type": "error",
        "success": False,
        "message": "Stopping.",
        "error": "SERVER_STOPPING",
        "timestamp": TOLD_NOW,
    }
