"""Plays the plan against a running service, and takes down what is asked and answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from yarl import URL

from tools.exchanges.given import FILES
from tools.exchanges.marking import VOLATILE, marked
from tools.exchanges.plan import Step

_SECONDS: Final = 120
_LOOK_SECONDS: Final = 0.05
_WHENEVER: Final = ("heartbeat", "download", "loading", "queued", "prefill")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A step, and what came of it."""

    step: Step
    status: int
    body: Any
    """The answer's JSON; of a conversation the messages in their order."""
    request_id: str
    """Of the answer's header."""
    names: Mapping[str, str]
    """Texts of this run, and what they are called."""

    def written(self) -> dict[str, Any]:
        """As it is kept, with all marked that is another in each run."""
        step = self.step
        request: dict[str, Any] = {"method": step.method, "path": step.path}
        if step.headers:
            request["headers"] = dict(step.headers)
        if step.body is not None:
            sent = step.body.decode() if isinstance(step.body, bytes) else step.body
            request["body"] = sent
        if step.form:
            request["form"] = dict(step.form)
        if step.says:
            request["says"] = [said for said, _ in step.says if said is not None]
        return {
            "request": request,
            "response": {
                "status": self.status,
                "body": marked(self.body, self.names, VOLATILE | {*step.volatile}, step.cut),
            },
        }


async def play(
    steps: Iterable[Step], ports: Mapping[str, str], places: Mapping[str, str]
) -> list[Exchange]:
    """Plays all steps. `ports` are the dialects' URLs; `places` are texts with their names, such as
    a hub's address. Raises `AssertionError` for a status that is not the plan's."""
    names = dict(places)
    kept: dict[str, str] = {}
    exchanges: list[Exchange] = []
    async with aiohttp.ClientSession() as http:
        for step in steps:
            async with asyncio.timeout(_SECONDS):
                talk = _converse if step.says else _ask
                port = ports[step.port or step.dialect]
                status, body, request_id = await talk(http, step, port, kept)
                while step.until is not None and _at(body, step.until[0]) != step.until[1]:
                    await asyncio.sleep(_LOOK_SECONDS)
                    status, body, request_id = await talk(http, step, port, kept)
            if status != step.status:
                raise AssertionError(f"{step.dialect} {step.name}: {status} {body}")
            for name, place in step.keeps.items():
                kept[name] = _at(body, place)
                names[kept[name]] = f"{{{name}}}"
            exchanges.append(Exchange(step, status, body, request_id, dict(names)))
    return exchanges


async def _ask(
    http: aiohttp.ClientSession, step: Step, port: str, kept: Mapping[str, str]
) -> tuple[int, Any, str]:
    sent = step.body if isinstance(step.body, bytes) else _form(step.form, kept)
    async with http.request(
        step.method,
        URL(port + _filled(step.path, kept), encoded=True),
        data=sent,
        json=step.body if sent is None else None,
        headers={name: _filled(text, kept) for name, text in step.headers.items()},
    ) as response:
        body = _body(response.content_type, await response.text())
        return response.status, body, response.headers["x-request-id"]


def _body(content_type: str, text: str) -> Any:
    match content_type:
        case "text/event-stream":
            return _events(text)
        case "application/x-ndjson":
            return [json.loads(line) for line in text.splitlines()]
        case "application/json":
            return json.loads(text) if text else ""  # of a head
        case _:
            return text


def _form(fields: Mapping[str, str], kept: Mapping[str, str]) -> aiohttp.FormData | None:
    if not fields:
        return None
    form = aiohttp.FormData()
    for name, text in fields.items():
        value = _filled(text, kept)
        if value.startswith("@"):
            file = value.removeprefix("@")
            form.add_field(name, FILES[file], filename=file)
        else:
            form.add_field(name, value)
    return form


def _events(text: str) -> list[Any]:
    """The data of a stream's events; a text where it is no JSON."""
    sent = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(data) if data.startswith("{") else data for data in sent]


async def _converse(
    http: aiohttp.ClientSession, step: Step, port: str, kept: Mapping[str, str]
) -> tuple[int, Any, str]:
    heard: list[Any] = []
    async with http.ws_connect(port + _filled(step.path, kept)) as socket:
        for said, last in step.says:
            if said is not None:
                await socket.send_str(_filled(json.dumps(said), kept))
            kind = ""
            while kind != last:
                message = await socket.receive_json()
                kind = message["type"]
                # What changes meanwhile is told whenever it does.
                if kind == last or kind not in _WHENEVER or (said is None and kind == "download"):
                    heard.append(message)
    return HTTPStatus.SWITCHING_PROTOCOLS, heard, ""


def _filled(text: str, kept: Mapping[str, str]) -> str:
    for name, value in kept.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _at(body: Any, place: str) -> Any:
    for part in place.split("."):
        # Of a list a number names an item.
        body = body[int(part) if part.isdecimal() else part]
    return body
