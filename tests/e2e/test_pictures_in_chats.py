"""Models see and hear in chats, alike over gRPC, native REST and the APIs of others.

The model is the one that comes with Funland, with a projector that is made so that a picture which
is all red is to it what the word "France" is, and one that is all blue what "Japan" is.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
import soundfile
from aiohttp import web
from PIL import Image

from funland.v1.files_pb2 import UploadFileRequest
from funland.v1.inference_pb2 import (
    ApplyTemplateRequest,
    ChatRequest,
    ChatResponse,
    GenerationOptions,
    Media,
    Message,
    MessagePart,
    SamplingParameters,
)
from funland.v1.models_pb2 import (
    GetModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    LoadSettings,
)
from funland.v1.sessions_pb2 import CreateSessionRequest, ListMessagesRequest, SendMessageRequest
from funland_client import AsyncFunland, image
from funland_gateway.app import Gateway
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.models.installed.embedded import embedded_model
from tests import projectors
from tests.e2e.wires import Refused, Wire, wire_to
from tests.server.conftest import call

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL: Final = "seeing"
FRANCE, JAPAN = 3228, 3229
PARIS, TOKYO = "The capital of France is Paris.", "The capital of Japan is Tokyo."
GREEDY: Final = SamplingParameters(temperature=0, max_tokens=20)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Server]:
    home = tmp_path_factory.mktemp("home")
    server = Server(
        ServerSettings(
            home=home, port=0, image_pixels=65536, slots=4,
            allowed_private_hosts=("127.0.0.2",),
        )
    )  # fmt: skip
    await server.start()
    path = embedded_model().path
    projector = projectors.write_naming(home / "mmproj-f32.gguf", path, FRANCE, JAPAN, audio=True)
    request = ImportModelRequest(path=str(path), model_id=MODEL, projector_path=str(projector))
    await call(server, "ImportModel", request)
    yield server
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["gRPC", "REST"])
async def wire(server: Server, request: pytest.FixtureRequest) -> AsyncGenerator[Wire]:
    async with wire_to(server, request.param) as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grpc_wire(server: Server) -> AsyncGenerator[Wire]:
    """For what no wire changes."""
    async with wire_to(server, "gRPC") as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(server: Server) -> AsyncGenerator[aiohttp.ClientSession]:
    """The APIs of others."""
    gateway = Gateway(server.channel, GatewaySettings(port=0))
    await gateway.start()
    async with aiohttp.ClientSession(gateway.url) as session:
        yield session
    await gateway.stop(0)


def picture(colour: str, file_format: str = "PNG", size: tuple[int, int] = (48, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, file_format)
    return file.getvalue()


def sound(hertz: float, file_format: str = "WAV") -> bytes:
    file = io.BytesIO()
    tone = np.sin(np.arange(16_000) * hertz * 2 * np.pi / 16_000).astype(np.float32)
    soundfile.write(file, tone, 16_000, format=file_format)
    return file.getvalue()


def part(**media: Any) -> MessagePart:
    return MessagePart(image=Media(**media))


def question(shown: MessagePart, model: str = MODEL) -> ChatRequest:
    """What is the capital of what the picture shows?"""
    said = Message(
        role=Message.USER,
        parts=[MessagePart(text="What is the capital of"), shown, MessagePart(text="?")],
    )
    return ChatRequest(model=model, messages=[said], sampling=GREEDY)


RED, BLUE = picture("red"), picture("blue")
"""Both saturated, which no compression changes much."""


async def test_a_picture_is_to_the_model_what_a_word_is(wire: Wire) -> None:
    word = Message(role=Message.USER, content="What is the capital of France?")
    said: ChatResponse = await wire.call(
        "Chat", ChatRequest(model=MODEL, messages=[word], sampling=GREEDY)
    )
    shown: ChatResponse = await wire.call("Chat", question(part(data=RED)))
    other: ChatResponse = await wire.call("Chat", question(part(data=BLUE)))

    assert said.message.content == shown.message.content == PARIS
    assert other.message.content == TOKYO
    assert said.usage.prompt_tokens == shown.usage.prompt_tokens == other.usage.prompt_tokens


async def test_a_stream_tells_the_same(wire: Wire) -> None:
    request = question(part(data=picture("red", "WEBP")))
    request.options.progress = True

    events = await wire.call("StreamChat", request)

    assert "".join(event.delta.text for event in events) == PARIS
    assert events[-1].finish.usage.prompt_tokens == 18


async def test_the_prompt_counts_what_is_shown(wire: Wire) -> None:
    asked = question(part(data=RED))

    told = await wire.call("ApplyTemplate", ApplyTemplateRequest(chat=asked))
    answer: ChatResponse = await wire.call("Chat", asked)

    assert "capital of<|image|>?" in told.prompt
    assert list(told.tokens).count(-1) == 1
    assert len(told.tokens) == answer.usage.prompt_tokens


async def test_the_same_picture_is_not_computed_again(grpc_wire: Wire) -> None:
    first: ChatResponse = await grpc_wire.call("Chat", question(part(data=picture("red", "JPEG"))))
    again: ChatResponse = await grpc_wire.call("Chat", question(part(data=picture("red", "JPEG"))))

    assert again.message.content == first.message.content
    assert again.usage.cached_prompt_tokens == again.usage.prompt_tokens - 1


async def test_many_at_once_are_answered_as_alone(grpc_wire: Wire) -> None:
    asked = [question(part(data=RED if number % 2 else BLUE)) for number in range(8)]
    asked += [
        ChatRequest(
            model=MODEL,
            messages=[Message(role=Message.USER, content="What is the capital of Japan?")],
            sampling=GREEDY,
        )
    ] * 2

    answers = await asyncio.gather(*(grpc_wire.call("Chat", one) for one in asked))

    assert [one.message.content for one in answers] == [TOKYO, PARIS] * 4 + [TOKYO] * 2


async def test_sounds_are_heard(grpc_wire: Wire) -> None:
    async def told(data: bytes) -> tuple[int, list[float]]:
        said = Message(
            role=Message.USER,
            parts=[MessagePart(text="Hear: "), MessagePart(audio=Media(data=data))],
        )
        request = ChatRequest(
            model=MODEL, messages=[said], sampling=GREEDY,
            options=GenerationOptions(top_logprobs=0),
        )  # fmt: skip
        answer: ChatResponse = await grpc_wire.call("Chat", request)
        return answer.usage.prompt_tokens, [one.logprob for one in answer.logprobs]

    low, again, high = await told(sound(220)), await told(sound(220)), await told(sound(2000))
    in_mp3 = await told(sound(220, "MP3"))

    assert low[1] == pytest.approx(again[1], abs=0.02)
    assert low[0] == high[0] == in_mp3[0] > 75, "half a minute of Whisper's is 75 rows here"
    assert low[1] != pytest.approx(high[1], abs=0.02)


async def test_kept_files_and_web_addresses_are_shown(wire: Wire, grpc_wire: Wire) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        yield BLUE

    head = UploadFileRequest(name="blue.png", purpose="vision")
    kept = await grpc_wire.send("UploadFile", head, chunks())
    async with _site({"/red.png": RED}) as url:
        fetched: ChatResponse = await wire.call("Chat", question(part(url=f"{url}/red.png")))
        with pytest.raises(Refused) as missing:
            await wire.call("Chat", question(part(url=f"{url}/none.png")))
    opened: ChatResponse = await wire.call("Chat", question(part(file_id=kept.file_id)))

    assert fetched.message.content == PARIS
    assert opened.message.content == TOKYO
    assert missing.value.reason == "HUB_ANSWER_INVALID"
    assert "404" in missing.value.message


@pytest.mark.parametrize(
    ("shown", "reason", "words"),
    [
        (part(data=b"no picture"), "IMAGE_INVALID", "messages[0].parts[1].image.data"),
        (part(data=RED[:40]), "IMAGE_INVALID", "damaged"),
        (part(data=picture("red", size=(300, 300))), "IMAGE_INVALID", "more than 65536 pixels"),
        (part(data=picture("red", size=(1, 300))), "IMAGE_INVALID", "200 times as long"),
        (MessagePart(audio=Media(data=b"silence")), "AUDIO_INVALID", "parts[1].audio.data"),
        (part(file_id="file-none"), "FILE_NOT_FOUND", "file-none"),
        (part(url="http://127.0.0.1:9/a.png"), "ADDRESS_NOT_ALLOWED", "127.0.0.1"),
        (part(url="file:///etc/passwd"), "ADDRESS_NOT_ALLOWED", ""),
        (part(), "FIELD_INVALID", "messages[0].parts[1].image: one of"),
    ],
)
async def test_what_can_t_be_shown_is_refused_by_its_name(
    grpc_wire: Wire, shown: MessagePart, reason: str, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        await grpc_wire.call("Chat", question(shown))

    assert refused.value.reason == reason
    assert words in refused.value.message
    assert (await grpc_wire.call("Chat", question(part(data=RED)))).message.content == PARIS


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Message(role=Message.USER, content="a", parts=[part(data=RED)]), "beside content"),
        (Message(role=Message.SYSTEM, parts=[part(data=RED)]), "USER and TOOL"),
        (Message(role=Message.USER, parts=[part(data=RED)] * 65), "64 are the most"),
    ],
)
async def test_messages_that_break_a_rule_are_refused(
    wire: Wire, message: Message, words: str
) -> None:
    with pytest.raises(Refused) as refused:
        await wire.call("Chat", ChatRequest(model=MODEL, messages=[message]))

    assert refused.value.reason == "FIELD_INVALID"
    assert words in refused.value.message


async def test_a_model_without_a_projector_sees_and_hears_nothing(wire: Wire) -> None:
    with pytest.raises(Refused) as sees:
        await wire.call("Chat", question(part(data=RED), "funland-tiny"))
    heard = MessagePart(audio=Media(data=sound(220)))
    with pytest.raises(Refused) as hears:
        await wire.call("Chat", question(heard, "funland-tiny"))

    assert (sees.value.reason, hears.value.reason) == ("MODEL_CANNOT_SEE", "MODEL_CANNOT_HEAR")
    assert sees.value.metadata == {"model": "funland-tiny"}


async def test_likelihoods_of_a_prompt_that_shows_something_are_refused(grpc_wire: Wire) -> None:
    asked = question(part(data=RED))
    asked.options.prompt_logprobs = 0

    with pytest.raises(Refused) as refused:
        await grpc_wire.call("Chat", asked)

    assert refused.value.fields == ["options.prompt_logprobs"]


async def test_what_does_not_fit_leaves_with_its_turn(grpc_wire: Wire) -> None:
    short, long = (LoadSettings(context_length=length) for length in (128, 2048))
    await grpc_wire.call("LoadModel", LoadModelRequest(model_id=MODEL, settings=short))
    heard = MessagePart(audio=Media(data=sound(220)))
    turns = [
        Message(role=Message.USER, parts=[MessagePart(text="Hear this."), heard]),
        Message(role=Message.ASSISTANT, content="I do."),
        Message(role=Message.USER, parts=[MessagePart(text="And this."), heard]),
    ]
    asked = ChatRequest(model=MODEL, messages=turns, sampling=GREEDY)
    try:
        with pytest.raises(Refused) as refused:
            await grpc_wire.call("Chat", asked)
        asked.drop_oldest = True
        answer: ChatResponse = await grpc_wire.call("Chat", asked)
    finally:
        await grpc_wire.call("LoadModel", LoadModelRequest(model_id=MODEL, settings=long))

    assert refused.value.reason == "PROMPT_TOO_LONG"
    assert answer.usage.dropped_messages == 2
    assert 75 < answer.usage.prompt_tokens < 128


async def test_models_say_what_they_take(wire: Wire) -> None:
    seeing = await wire.call("GetModel", GetModelRequest(model_id=MODEL))
    blind = await wire.call("GetModel", GetModelRequest(model_id="funland-tiny"))

    assert (seeing.can_see, seeing.can_hear) == (True, True)
    assert (blind.can_see, blind.can_hear) == (False, False)
    assert seeing.size_bytes > blind.size_bytes


async def test_a_kept_conversation_remembers_what_was_shown(wire: Wire) -> None:
    session = await wire.call("CreateSession", CreateSessionRequest(model=MODEL, sampling=GREEDY))
    said = SendMessageRequest(
        session_id=session.session_id,
        parts=[MessagePart(text="What is the capital of"), part(data=BLUE), MessagePart(text="?")],
    )

    first = await wire.call("SendMessage", said)
    again = SendMessageRequest(
        session_id=session.session_id, regenerate_message_id=first.answer.message_id
    )
    second = await wire.call("SendMessage", again)
    kept = await wire.call("ListMessages", ListMessagesRequest(session_id=session.session_id))

    assert first.answer.message.content == second.answer.message.content == TOKYO
    assert kept.messages[0].message.parts[1].image.data == BLUE


async def test_a_kept_conversation_keeps_no_large_files(grpc_wire: Wire) -> None:
    session = await grpc_wire.call("CreateSession", CreateSessionRequest(model=MODEL))
    large = SendMessageRequest(
        session_id=session.session_id, parts=[part(data=bytes(4 * 1024**2 + 1))]
    )

    with pytest.raises(Refused) as refused:
        await grpc_wire.call("SendMessage", large)

    assert refused.value.fields == ["parts"]


def _address(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _openai(url: Any) -> dict[str, Any]:
    content = [
        {"type": "text", "text": "What is the capital of"},
        {"type": "image_url", "image_url": url},
        {"type": "text", "text": "?"},
    ]
    return {"model": MODEL, "temperature": 0, "messages": [{"role": "user", "content": content}]}


async def _post(http: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
    async with http.post(path, json=body) as answer:
        return await answer.json(content_type=None)


async def test_openais_chats(http: aiohttp.ClientSession) -> None:
    red = await _post(
        http, "/v1/chat/completions", _openai({"url": _address(RED), "detail": "low"})
    )
    blue = await _post(http, "/v1/chat/completions", _openai(_address(BLUE)))
    wrong = await _post(http, "/v1/chat/completions", _openai(_address(b"none")))
    heard = _openai(_address(RED))
    audio = {"data": base64.b64encode(sound(220)).decode(), "format": "wav"}
    heard["messages"][0]["content"][1] = {"type": "input_audio", "input_audio": audio}
    sounds = await _post(http, "/v1/chat/completions", heard)

    assert red["choices"][0]["message"]["content"] == PARIS
    assert red["usage"]["prompt_tokens"] == 18
    assert blue["choices"][0]["message"]["content"] == TOKYO
    assert wrong["error"]["code"] == "image_invalid"
    assert wrong["error"]["param"] == "messages[0].content[1].image_url.url"
    assert "messages[0].content[1].image_url.url" in wrong["error"]["message"]
    assert sounds["usage"]["prompt_tokens"] > 75


async def test_openais_responses(http: aiohttp.ClientSession) -> None:
    content = [
        {"type": "input_text", "text": "What is the capital of"},
        {"type": "input_image", "image_url": _address(BLUE)},
        {"type": "input_text", "text": "?"},
    ]
    asked = {"model": MODEL, "temperature": 0, "input": [{"role": "user", "content": content}]}

    made = await _post(http, "/v1/responses", asked)
    async with http.get(f"/v1/responses/{made['id']}/input_items") as answer:
        items = await answer.json()

    assert made["output"][0]["content"][0]["text"] == TOKYO
    assert items["data"][0]["content"][1]["image_url"] == _address(BLUE)


async def test_anthropics_messages(http: aiohttp.ClientSession) -> None:
    source = {
        "type": "base64", "media_type": "image/png", "data": base64.b64encode(RED).decode(),
    }  # fmt: skip
    content = [
        {"type": "text", "text": "What is the capital of"},
        {"type": "image", "source": source},
        {"type": "text", "text": "?"},
    ]
    asked = {"model": MODEL, "max_tokens": 20, "temperature": 0}
    asked |= {"messages": [{"role": "user", "content": content}]}

    answer = await _post(http, "/v1/messages", asked)
    counted = await _post(http, "/v1/messages/count_tokens", asked)

    assert answer["content"][0]["text"] == PARIS
    assert counted["input_tokens"] == 18


async def test_ollamas_chats_and_prompts(http: aiohttp.ClientSession) -> None:
    images = [base64.b64encode(RED).decode()]
    head = {"model": MODEL, "stream": False, "options": {"temperature": 0}}
    said = {"role": "user", "content": "? What is its capital?", "images": images}

    chat = await _post(http, "/api/chat", {**head, "messages": [said]})
    prompt = await _post(
        http, "/api/generate", {**head, "prompt": said["content"], "images": images}
    )
    blind = await _post(http, "/api/chat", {**head, "model": "funland-tiny", "messages": [said]})
    shown = await _post(http, "/api/show", {"model": MODEL})

    assert chat["message"]["content"] == prompt["response"] != ""
    assert "can't see" in blind["error"]
    assert {"vision", "audio"} <= {*shown["capabilities"]}


async def test_the_client_shows_files(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    path.write_bytes(RED)
    said = ["What is the capital of", image(path), "?"]

    async with AsyncFunland(server.address) as client:
        answer = await client.chat([{"role": "user", "content": said}], MODEL, temperature=0)
        session = await client.sessions.create(MODEL, temperature=0)
        kept = await client.sessions.send(session.session_id, said)

    assert answer.message.content == kept.answer.message.content == PARIS


@asynccontextmanager
async def _site(files: dict[str, bytes]) -> AsyncGenerator[str]:
    """A web site on this machine, at an address that the server may fetch from."""

    async def answer(request: web.Request) -> web.Response:
        if request.path not in files:
            raise web.HTTPNotFound
        return web.Response(body=files[request.path])

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.2", 0).start()
    yield f"http://127.0.0.2:{runner.addresses[0][1]}"
    await runner.cleanup()
