"""What is said at `/ws/downloads`: each task as it is, then its changes; and what clients ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from funland.v1.downloads_pb2 import DownloadEvent, WatchDownloadsRequest
from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import Incoming, WebSocket
from funland_gateway.dialects.manager.errors import error_body
from funland_gateway.dialects.manager.tasks import task
from funland_gateway.dialects.reading import JsonObject, invalid, malformed
from funland_gateway.dialects.rpcs import WATCH_DOWNLOADS
from funland_gateway.dialects.times import utc
from funland_gateway.failures import CallFailed, failure
from funland_gateway.talk import text

DESCRIPTION: Final = """\
Messages are JSON texts. Clients may say:

- `{"action": "subscribe", "task_id": "..."}`: from now on only this task, and others named so
- `{"action": "subscribe"}`: all tasks, as at the beginning
- `{"action": "unsubscribe", "task_id": "..."}`: no longer this one
- `{"action": "unsubscribe"}`: none
- `{"action": "ping"}`

The server says, told apart by `type`:

- `download`: `data` is a task, as it is at the beginning and whenever it changes
- `deleted`: `data.id` was deleted
- `synced`: each task was told once
- `subscribed`: `data.task_ids` are told from now on; null: all
- `heartbeat`, and `pong` after `ping`: `timestamp`
- `error`: `error` and `message`, as of an HTTP error; the last message before it closes for one

It closes with 1001 when the server stops, 1003 after what is no text, 1008 when the call was
refused, 1009 after a message of more than 4096 bytes, 1011 after a defect, 1013 when it helps
to try again later.
"""

LARGEST_MESSAGE: Final = 4096
"""Bytes of what a client says at once."""
_MOST_NAMED: Final = 1000
_ACTIONS: Final = ("subscribe", "unsubscribe", "ping")


def watch_downloads(_incoming: Incoming) -> WebSocket:
    """Watches all tasks."""
    return WebSocket(
        WATCH_DOWNLOADS, WatchDownloadsRequest(), DownloadTalk(), largest=LARGEST_MESSAGE
    )


class DownloadTalk:
    """One client's conversation; see `Talk`."""

    def __init__(self) -> None:
        self._told: dict[str, bytes] = {}
        """What was last to be told of each task, by its id."""
        self._named: set[str] | None = None
        """The tasks that the client wants; None: all."""
        self._synced = False

    def tell(self, event: DownloadEvent) -> Iterable[bytes]:
        """See `Talk`."""
        match event.WhichOneof("event"):
            case "download":
                name = event.download.download_id
                self._told[name] = _message("download", data=task(event.download))
                return [self._told[name]] if self._wants(name) else []
            case "deleted_download_id":
                name = event.deleted_download_id
                self._told.pop(name, None)
                return [_message("deleted", data={"id": name})] if self._wants(name) else []
            case "synced":
                return [_message("synced"), *self._forget_unknown()]
            case _:
                return []

    def hear(self, said: str | bytes, now: int) -> Iterable[bytes]:
        """See `Talk`. What can't be done is told, and the conversation goes on."""
        words = text(said)
        try:
            return self._answer(JsonObject.read(_parsed(words)), now)
        except CallFailed as failed:
            return [self.fail(failed.error, now)]

    def beat(self, now: int) -> bytes:
        """See `Talk`."""
        return _message("heartbeat", timestamp=utc(now))

    def end(self, now: int) -> bytes | None:
        """See `Talk`. What is watched has no end of its own."""
        return None

    def fail(self, error: Error, now: int) -> bytes:
        """See `Talk`."""
        return _message("error", **error_body(error, now))

    def _answer(self, body: JsonObject, now: int) -> list[bytes]:
        action, name = body.string("action"), body.optional_string("task_id")
        match action:
            case "ping":
                return [_message("pong", timestamp=utc(now))]
            case "subscribe":
                return self._subscribe(name)
            case "unsubscribe":
                return self._unsubscribe(name)
            case _:
                raise invalid("action", f"must be one of {', '.join(_ACTIONS)}")

    def _subscribe(self, name: str) -> list[bytes]:
        if not name:
            self._named = None
            return [self._subscribed(), *self._told.values()]
        if self._synced and name not in self._told:
            raise failure(
                "NOT_FOUND",
                ErrorReason.DOWNLOAD_NOT_FOUND,
                f"There is no task {name[:64]!r}.",
                download_id=name[:64],
            )
        named = self._named or set[str]()
        if len(named) >= _MOST_NAMED:
            raise invalid("task_id", f"at most {_MOST_NAMED} can be named: subscribe to all")
        self._named = named | {name}
        return [self._subscribed(), *([self._told[name]] if name in self._told else [])]

    def _unsubscribe(self, name: str) -> list[bytes]:
        if name and self._named is None:
            raise invalid("task_id", "is not named: all tasks are told. Subscribe to those wanted")
        self._named = (self._named or set[str]()) - {name} if name else set()
        return [self._subscribed()]

    def _subscribed(self) -> bytes:
        named = None if self._named is None else sorted(self._named)
        return _message("subscribed", data={"task_ids": named})

    def _forget_unknown(self) -> list[bytes]:
        """Now that all tasks are known, those that were named and are none are named no more."""
        self._synced = True
        if self._named is None or self._named <= self._told.keys():
            return []
        self._named &= self._told.keys()
        return [self._subscribed()]

    def _wants(self, name: str) -> bool:
        return self._named is None or name in self._named


def _parsed(words: str) -> object:
    try:
        return orjson.loads(words)
    except orjson.JSONDecodeError:
        raise malformed("", "JSON") from None


def _message(kind: str, **rest: Any) -> bytes:
    return orjson.dumps({"type": kind, **rest})
