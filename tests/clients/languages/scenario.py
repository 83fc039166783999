"""The steps that clients of all languages make, and how the Python client makes them."""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

import grpc
from google.protobuf import json_format

from funland.v1.inference_pb2 import ChatRequest, ChatResponse, EmbedRequest, Finish
from funland.v1.sessions_pb2 import CreateSessionRequest
from funland_client import Funland, FunlandError

FILE: Final = Path(__file__).parents[3] / "clients" / "scenario.json"
Step = dict[str, Any]

_MODEL = "funland-tiny"
_SETTLED_SECONDS = 120.0


def steps() -> list[Step]:
    """The steps, in their order."""
    return cast("list[Step]", json.loads(FILE.read_text(encoding="utf-8"))["steps"])


def server() -> dict[str, str]:
    """The settings of the server that they are made against, as environment variables."""
    return cast("dict[str, str]", json.loads(FILE.read_text(encoding="utf-8"))["server"])


def make(step: Step, address: str) -> None:
    """Makes a step with the Python client; an `AssertionError` tells what was not as expected."""
    timeout = step.get("timeout_seconds", 60.0)
    with Funland(address, timeout=timeout, retries=0) as client:
        _CALLS[step["call"]](client, step)


def _list_models(client: Funland, step: Step) -> None:
    listed = {model.model_id for model in client.models.list()}

    assert listed >= set(step["expect"]["model_ids"])


def _chat(client: Funland, step: Step) -> None:
    try:
        answer = _answer(client, step)
    except FunlandError as error:
        _check_error(step, error)
        return
    expected = _expected(step)
    assert answer.message.content == expected["text"]
    assert answer.model == expected["model"]
    assert Finish.Reason.Name(answer.finish_reason) == expected["finish_reason"]
    assert answer.usage.completion_tokens == expected["completion_tokens"]


def _stream(client: Funland, step: Step) -> None:
    try:
        with client.stream_chat(**_asked(step["chat"])) as stream:
            pieces = list(stream)
    except FunlandError as error:
        _check_error(step, error)
        return
    expected = _expected(step)
    assert "".join(pieces) == expected["text"]
    assert len(pieces) >= expected["least_pieces"]
    assert stream.model == expected["model"]
    assert Finish.Reason.Name(stream.finish.reason) == expected["finish_reason"]
    assert stream.finish.usage.completion_tokens == expected["completion_tokens"]


def _leave(client: Funland, step: Step) -> None:
    with client.stream_chat(**_asked(step["chat"])) as stream:
        next(stream)
        assert client.models.get(_MODEL).loaded.active_sequences > 0

    end = time.monotonic() + _SETTLED_SECONDS
    while True:
        loaded = client.models.get(_MODEL).loaded
        counts = {name: getattr(loaded, name) for name in step["expect"]}
        if counts == step["expect"]:
            return
        assert time.monotonic() < end, f"the slot is still held: {counts}"


def _embed(client: Funland, step: Step) -> None:
    request = json_format.ParseDict(step["embed"], EmbedRequest())
    vectors = [list(one.values) for one in client.embed(list(request.inputs)).embeddings]

    expected = _expected(step)
    assert len(vectors) == expected["vectors"]
    for vector in vectors:
        assert len(vector) == expected["dimensions"]
        assert math.isclose(math.hypot(*vector), expected["length"], abs_tol=1e-3)


def _session(client: Funland, step: Step) -> None:
    asked = json_format.ParseDict(step["session"], CreateSessionRequest())
    session = client.sessions.create(temperature=asked.sampling.temperature)
    texts = [
        client.sessions.send(session.session_id, said).answer.message.content
        for said in step["says"]
    ]
    client.sessions.delete(session.session_id)

    assert texts[-1] == _expected(step)["text"]


def _crowd(client: Funland, step: Step) -> None:
    with (
        ThreadPoolExecutor() as threads,
        Funland(client.address, timeout=60, retries=9) as patient,
        client.stream_chat(**_asked(step["crowd"])) as crowd,
    ):
        next(crowd)
        try:
            _answer(client, step)
        except FunlandError as error:
            _check_error(step, error)
        else:
            raise AssertionError("the queue has room")
        before = _refused(client)
        answered = threads.submit(_answer, patient, step)
        while _refused(client) == before and not answered.done():
            pass
        crowd.close()
        answer = answered.result()

    assert answer.message.content == step["expect"]["text"]


def _refused(client: Funland) -> str:
    """How many chats a queue was too full for, as the server counts."""
    counted = 'funland_calls_total{code="RESOURCE_EXHAUSTED",rpc="InferenceService.Chat"}'
    lines = client.system.metrics().splitlines()
    return next(line for line in lines if line.startswith(counted))


_CALLS: Final = {
    "list_models": _list_models,
    "chat": _chat,
    "stream": _stream,
    "leave": _leave,
    "embed": _embed,
    "session": _session,
    "crowd": _crowd,
}


def _answer(client: Funland, step: Step) -> ChatResponse:
    return cast("ChatResponse", client.chat(**_asked(step["chat"])))


def _asked(chat: dict[str, Any]) -> dict[str, Any]:
    """A request of the contract as what the client's methods take."""
    request = json_format.ParseDict(chat, ChatRequest())
    fields = [*request.sampling.ListFields(), *request.options.ListFields()]
    named = {field.name: value for field, value in fields}
    return {"conversation": list(request.messages), "model": request.model, **named}


def _expected(step: Step) -> dict[str, Any]:
    assert "expect_error" not in step, "the call was to fail"
    return step["expect"]


def _check_error(step: Step, error: FunlandError) -> None:
    if "expect_error" not in step:
        raise error
    expected = step["expect_error"]
    assert isinstance(error.code, grpc.StatusCode)
    assert (error.code.name, error.reason) == (expected["code"], expected["reason"])
    assert error.metadata.items() >= expected.get("metadata", {}).items()
    assert [wrong.field for wrong in error.field_violations] == expected.get("fields", [])
    assert (error.retry_delay is not None) == expected.get("retry_delay", False)
