"""Ollama's own Python package works unchanged against the real service, blocking and not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("ollama", reason="it comes with the development group")

from ollama import AsyncClient, ChatResponse, Client, ResponseError

from funland_server.models.installed.embedded import embedded_model
from tests import lora_files
from tests.hubs import models
from tests.hubs.server import FakeHub
from tests.ollama_files import TEMPLATE

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack

MODEL = "funland-tiny"
HELLO = {"role": "user", "content": "Hello!"}
SHORT = {"temperature": 0, "num_predict": 8}
SCHEMA = {"type": "object", "properties": {"fine": {"type": "boolean"}}, "required": ["fine"]}

Call = Callable[..., Awaitable[Any]]
"""Calls one of the client's methods by its name; of a stream, the list of its parts."""


def weather(city: str) -> str:
    """Tells the weather.

    Args:
      city: Where.
    """
    return f"It is sunny in {city}."


def calls(url: str, kind: str) -> Call:
    """Calls the blocking client or the other."""

    async def blocking(method: str, *arguments: Any, **named: Any) -> Any:
        def ask() -> Any:
            client: Any = Client(url)
            with client:
                told = getattr(client, method)(*arguments, **named)
                return list(told) if named.get("stream") else told

        return await asyncio.to_thread(ask)

    async def asynchronous(method: str, *arguments: Any, **named: Any) -> Any:
        client: Any = AsyncClient(url)
        async with client:
            told = await getattr(client, method)(*arguments, **named)
            return [part async for part in told] if named.get("stream") else told

    return blocking if kind == "blocking" else asynchronous


@pytest.fixture(params=["blocking", "asynchronous"])
def call(request: pytest.FixtureRequest, stack: Stack) -> Call:
    return calls(stack.http_url, request.param)


@pytest.fixture(params=["blocking", "asynchronous"])
async def own_call(
    request: pytest.FixtureRequest, start_stack: StartStack
) -> AsyncIterator[tuple[Call, FakeHub]]:
    """A service of the test's own, which has Ollama's registry for a hub."""
    async with FakeHub() as hub:
        hub.ollama.add(
            "library/small", models.ollama_layers(), tag="1m", config=models.ollama_config()
        )
        stack = await asyncio.to_thread(
            start_stack,
            FUNLAND_SERVER__HUBS="ollama",
            **hub.settings,
        )
        yield calls(stack.http_url, request.param), hub


def figures(answer: Any) -> None:
    """What clients reckon speeds with."""
    assert answer.done is True
    assert answer.done_reason == "length"
    assert answer.eval_count == 8
    assert answer.prompt_eval_count > 0
    assert 0 < answer.eval_duration < answer.total_duration
    assert 0 < answer.prompt_eval_duration < answer.total_duration


async def test_a_chat_is_answered_at_once_and_in_parts(call: Call) -> None:
    whole = await call("chat", MODEL, [HELLO], options=SHORT)
    *parts, last = await call("chat", f"{MODEL}:latest", [HELLO], options=SHORT, stream=True)

    assert whole.model == MODEL
    assert whole.message.role == "assistant"
    assert "".join(part.message.content for part in parts) == whole.message.content != ""
    assert not any(part.done for part in parts)
    figures(whole)
    figures(last)
    assert 0 < last.load_duration < last.total_duration


async def test_a_prompt_is_answered_or_continued(call: Call) -> None:
    answered = await call("generate", MODEL, "Hello!", options=SHORT)
    *parts, last = await call("generate", MODEL, "Hello!", options=SHORT, stream=True)
    told = await call("generate", MODEL, "Hello!", system="Be brief.", options=SHORT)
    raw = await call("generate", MODEL, "Hello!", raw=True, options=SHORT)

    assert "".join(part.response for part in parts) == answered.response != raw.response
    assert told.prompt_eval_count > answered.prompt_eval_count > raw.prompt_eval_count
    for each in (answered, last, told, raw):
        figures(each)


async def test_an_answer_is_held_to_a_schema(call: Call) -> None:
    options = {"temperature": 0, "num_predict": 200}
    answer = await call("chat", MODEL, [HELLO], format=SCHEMA, options=options)
    as_json = await call("generate", MODEL, "Hello!", format="json", options=options, stream=True)

    assert answer.message.content.startswith("{")
    assert '"fine"' in answer.message.content
    assert "".join(part.response for part in as_json).lstrip().startswith("{")


async def test_tokens_are_told_with_how_likely_they_were(call: Call) -> None:
    asked = {"options": SHORT, "logprobs": True, "top_logprobs": 2}
    whole = await call("chat", MODEL, [HELLO], **asked)
    parts = await call("generate", MODEL, "Hello!", stream=True, **asked)

    tokens = [token for part in parts for token in part.logprobs or ()]
    assert [token.token for token in tokens] == [token.token for token in whole.logprobs]
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in tokens)


async def test_a_conversation_with_tools_goes_on(call: Call) -> None:
    asked: ChatResponse = await call("chat", MODEL, [HELLO], tools=[weather], options=SHORT)
    called = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}
    messages = [
        HELLO,
        {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [called]},
        {"role": "tool", "tool_name": "weather", "content": weather("Paris")},
    ]
    answer = await call("chat", MODEL, messages, tools=[weather], think=False, options=SHORT)

    assert asked.message.content
    assert answer.message.content
    assert answer.prompt_eval_count > asked.prompt_eval_count


async def test_texts_become_vectors(call: Call) -> None:
    both = await call("embed", MODEL, ["a text", "another"])
    short = await call("embed", MODEL, "a text", dimensions=16)
    older = await call("embeddings", MODEL, "a text")
    nothing = await call("embed", MODEL, "")

    assert [len(vector) for vector in both.embeddings] == [256, 256]
    assert sum(value * value for value in both.embeddings[0]) == pytest.approx(1, abs=1e-5)
    assert [len(vector) for vector in short.embeddings] == [16]
    assert len(older.embedding) == 256
    assert nothing.embeddings == []


async def test_models_are_listed_and_shown(call: Call) -> None:
    await call("generate", MODEL)
    (listed,) = [each for each in (await call("list")).models if each.model == f"{MODEL}:latest"]
    (running,) = [each for each in (await call("ps")).models if each.model == f"{MODEL}:latest"]
    shown = await call("show", MODEL)

    assert listed.size == embedded_model().path.stat().st_size
    assert listed.digest == embedded_model().sha256
    assert listed.details.parameter_size == "6.7M"
    assert running.context_length > 0
    assert running.size_vram == 0
    assert shown.modelinfo["llama.context_length"] == 1024
    assert shown.capabilities == ["completion", "tools"]


async def test_what_can_t_be_had_is_an_error_with_its_status(call: Call) -> None:
    async def refused(status: int, words: str, method: str, *arguments: Any, **named: Any) -> None:
        with pytest.raises(ResponseError) as raised:
            await call(method, *arguments, **named)
        assert raised.value.status_code == status
        assert raised.value.error.startswith(words)

    for stream in (False, True):
        await refused(404, "Model 'ghost' is", "chat", "ghost", [HELLO], stream=stream)
        await refused(400, "model: no model is pushed", "push", MODEL, stream=stream)
    await refused(404, "Model 'ghost' is", "copy", "ghost", "other")
    await refused(409, "A model named 'funland-tiny'", "copy", MODEL, MODEL)
    await refused(400, "options.mirostat: ", "generate", MODEL, "x", options={"mirostat": 2})
    await refused(400, "options.temperature: ", "chat", MODEL, [HELLO], options={"temperature": 9})
    await refused(400, "template: ", "generate", MODEL, "x", template="{{ .Prompt }}")
    told = "The model 'funland-tiny' can't see: "
    await refused(400, told, "chat", MODEL, [{**HELLO, "images": ["AAAA"]}])
    await refused(400, "This model's maximum context", "generate", MODEL, "many " * 2000, raw=True)


async def test_a_model_is_pulled_kept_unloaded_and_deleted(
    own_call: tuple[Call, FakeHub],
) -> None:
    call, _ = own_call

    told = await call("pull", "small:1m", stream=True)
    again = await call("pull", "small:1m")
    names = [each.model for each in (await call("list")).models]
    shown = await call("show", "small:1m")
    kept = await call("chat", "small:1m", [HELLO], keep_alive="1h", options={"num_predict": 2})
    running = {each.model: each for each in (await call("ps")).models}
    unloaded = await call("generate", "small:1m", keep_alive=0)
    left = [each.model for each in (await call("ps")).models]
    deleted = await call("delete", "small:1m")

    statuses = [each.status for each in told]
    assert statuses[0] == "pulling manifest"
    assert statuses[-3:] == ["verifying sha256 digest", "writing manifest", "success"]
    weights = [each for each in told if each.digest and each.total == models.TINY.stat().st_size]
    assert weights[-1].completed == weights[-1].total
    assert again.status == "success"
    assert "small:1m" in names
    assert "temperature" in shown.parameters
    assert kept.message.content
    assert running["small:1m"].expires_at is not None
    assert unloaded.done_reason == "unload"
    assert "small:1m" not in left
    assert deleted.status == "success"
    assert "small:1m" not in [each.model for each in (await call("list")).models]
    with pytest.raises(ResponseError) as raised:
        await call("pull", "nothing", stream=True)
    assert raised.value.status_code == 404


async def test_a_model_is_made_of_a_file(own_call: tuple[Call, FakeHub], tmp_path: Path) -> None:
    call, _ = own_call
    file = tmp_path / "weights.gguf"
    file.write_bytes(models.TINY.read_bytes())

    made = await call("create", "me/Mine:1b", from_=str(file))
    streamed = await call("create", "other", from_=str(file), stream=True)
    answer = await call("chat", "me/Mine:1b", [HELLO], options=SHORT)

    assert made.status == "success"
    assert [each.status for each in streamed] == ["success"]
    assert answer.message.content
    names = [each.model for each in (await call("list")).models]
    assert {"me/Mine:1b", "other:latest"} <= set(names)


async def test_a_name_that_is_taken_becomes_the_newer_model(
    own_call: tuple[Call, FakeHub], tmp_path: Path
) -> None:
    call, _ = own_call
    file = tmp_path / "weights.gguf"
    file.write_bytes(models.TINY.read_bytes())

    await call("create", "me/mine", from_=str(file), parameters={"num_predict": 2})
    first = await call("chat", "me/mine", [HELLO])
    await call("create", "me/mine", from_="me/mine", parameters={"num_predict": 3})
    second = await call("chat", "me/mine", [HELLO])
    await call("create", "other", from_=str(file), parameters={"num_predict": 4})
    await call("copy", "other", "me/mine")
    third = await call("chat", "me/mine", [HELLO])
    names = [each.model for each in (await call("list")).models]
    with pytest.raises(ResponseError) as raised:
        await call("create", "me:mine", from_=str(file))  # its id would be the same

    assert [each.eval_count for each in (first, second, third)] == [2, 3, 4]
    assert len(names) == len(set(names))
    assert raised.value.status_code == 409


async def test_a_model_is_made_of_blobs_and_of_another_model(
    own_call: tuple[Call, FakeHub], tmp_path: Path
) -> None:
    call, _ = own_call
    weights = await call("create_blob", models.TINY)
    adapter = await call("create_blob", lora_files.write(tmp_path / "polite.gguf"))
    wanted = {
        "template": TEMPLATE,
        "system": "Be brief.",
        "messages": [HELLO, {"role": "assistant", "content": "Yes?"}],
        "parameters": {"temperature": 0, "num_predict": 5, "num_ctx": 128, "stop": ["never"]},
    }

    made = await call("create", "mine", files={"m.gguf": weights}, **wanted)
    derived = await call("create", "polite", from_="mine", adapters={"a.gguf": adapter})
    copied = await call("copy", "polite", "me/polite:v2")
    story = {"raw": True, "options": {"num_predict": 12}}
    plain, polite, again = [
        (await call("generate", name, "Once upon a time", **story)).response
        for name in ("mine", "polite", "me/polite:v2")
    ]
    shown = await call("show", "me/polite:v2")
    answer = await call("chat", "mine", [HELLO])

    assert made.status == derived.status == copied.status == "success"
    assert plain != polite == again
    assert answer.eval_count == 5
    assert ["num_predict", "5"] in [line.split() for line in shown.parameters.split("\n")]
    assert shown.model_extra is None or shown.model_extra.get("system") == "Be brief."
    for words, named in {
        "files: must hold one file": {"files": {"a": weights, "b": adapter}},
        "files.a: there is no blob": {"files": {"a": f"sha256:{'0' * 64}"}},
        "files.a: must be sha256:": {"files": {"a": "md5:1"}},
        "files: can't be together with from": {"files": {"a": weights}, "from_": "mine"},
        "from: is required": {},
        "template: can't be translated": {"from_": "mine", "template": "{{ if }}"},
        "parameters.temperature: ": {"from_": "mine", "parameters": {"temperature": 9}},
        "quantize: no model is quantized": {"from_": "mine", "quantize": "q4_0"},
    }.items():
        with pytest.raises(ResponseError) as raised:
            await call("create", "bad", **named)
        assert raised.value.error.startswith(words)
    assert "bad:latest" not in [each.model for each in (await call("list")).models]
