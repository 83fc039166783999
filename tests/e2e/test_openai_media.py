"""OpenAI's sound and pictures, by its own client and by real engines."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from PIL import Image

from funland.v1.models_pb2 import ImportModelRequest
from funland_gateway.app import Gateway
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.adaptable_pictures import write_adaptable
from tests.server.conftest import call

pytestmark = pytest.mark.asyncio(loop_scope="module")

PICTURES = "tiny-picture"
SLOW = "slow-picture"
"""Whose steps take as long as a thread may wait for its turn, and more."""
SAID = "Hello there, my friend. It is a fine day."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    picture_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    home = tmp_path_factory.mktemp("home")
    server = Server(ServerSettings(home=home, port=0, transcription_model="whisper-tiny.en"))
    await server.start()
    slow = write_adaptable(picture_model, tmp_path_factory.mktemp("models") / SLOW, work=160)
    for path, model_id in ((picture_model, PICTURES), (slow, SLOW)):
        await call(server, "ImportModel", ImportModelRequest(path=str(path), model_id=model_id))
    yield server
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(server: Server) -> AsyncIterator[Gateway]:
    gateway = Gateway(server.channel, GatewaySettings(port=0))
    await gateway.start()
    yield gateway
    await gateway.stop(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key="any", max_retries=0
    ) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recording(client: openai.AsyncOpenAI) -> bytes:
    """`SAID`, as it is spoken."""
    spoken = await client.audio.speech.create(
        model="tts-1", voice="alloy", input=SAID, response_format="wav"
    )
    return spoken.content


BEGINNINGS = {
    "mp3": (b"\xff", b"ID3"),
    "opus": (b"OggS",),
    "flac": (b"fLaC",),
    "wav": (b"RIFF",),
}


@pytest.mark.parametrize("word", BEGINNINGS)
async def test_a_text_is_spoken_in_every_format(client: openai.AsyncOpenAI, word: str) -> None:
    speech: Any = client.audio.speech  # whose formats are literals
    async with speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="nova", input="Hello.", response_format=word
    ) as spoken:
        content = await spoken.read()

    assert content.startswith(BEGINNINGS[word])


async def test_the_same_text_is_the_same_sound_and_pcm_is_the_wav_without_its_head(
    client: openai.AsyncOpenAI, recording: bytes
) -> None:
    spoken = await client.audio.speech.create(
        model="hibari", voice="hibari:heart", input=SAID, response_format="pcm"
    )

    with wave.open(io.BytesIO(recording)) as sound:
        assert (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) == (24000, 2, 1)
    assert recording.endswith(spoken.content)
    assert len(recording) - len(spoken.content) < 100


async def test_what_was_spoken_is_written_down_in_every_shape(
    client: openai.AsyncOpenAI, recording: bytes
) -> None:
    async def heard(word: str) -> str:
        transcriptions: Any = client.audio.transcriptions  # whose formats are literals
        made = await transcriptions.create(
            model="whisper-1", file=("said.wav", recording), response_format=word
        )
        return str(getattr(made, "text", made))

    assert await heard("json") == SAID
    assert await heard("verbose_json") == SAID
    assert await heard("text") == f"{SAID}\n"
    assert (await heard("srt")).startswith("1\n00:00:0")
    assert (await heard("vtt")).startswith("WEBVTT\n\n00:00:0")


async def test_words_have_their_times_and_a_stream_its_deltas(
    client: openai.AsyncOpenAI, recording: bytes
) -> None:
    verbose = await client.audio.transcriptions.create(
        model="whisper-1",
        file=("said.wav", recording),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        language="en",
    )
    words = [word.word.strip(".,") for word in verbose.words or []]
    stream = await client.audio.transcriptions.create(
        model="whisper-1", file=("said.wav", recording), stream=True
    )
    events = [event async for event in stream]

    assert words == [word.strip(".,") for word in SAID.split()]
    assert verbose.language == "english"
    assert 0 < (verbose.segments or [])[-1].end <= verbose.duration
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert "".join(deltas) == SAID
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == SAID


async def test_recordings_and_pictures_leave_no_file(
    client: openai.AsyncOpenAI, recording: bytes, server: Server
) -> None:
    await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", recording))
    with pytest.raises(openai.BadRequestError) as raised:
        await client.audio.transcriptions.create(model="whisper-1", file=b"no sound at all")

    assert (raised.value.param, raised.value.code) == ("file", "audio_invalid")
    assert (await client.files.list()).data == []


@pytest.mark.parametrize(
    ("more", "status", "param", "code"),
    [
        ({"input": "привет"}, 400, "input", "text_unspeakable"),
        ({"voice": "nobody"}, 404, "voice", "voice_not_found"),
        ({"model": "nothing"}, 404, "model", "model_not_found"),
        ({"model": "funland-tiny"}, 400, "model", "model_kind_wrong"),
        ({"speed": 9}, 400, "speed", "invalid_value"),
        ({"instructions": "Whisper."}, 400, "instructions", "unsupported_parameter"),
    ],
)
async def test_what_can_not_be_spoken_is_told_as_openai_tells_it(
    gateway: Gateway, more: dict[str, object], status: int, param: str, code: str
) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello.", **more}

    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{gateway.url}/v1/audio/speech", json=body) as answer,
    ):
        error = (await answer.json())["error"]

    assert (answer.status, error["param"], error["code"]) == (status, param, code)


async def test_the_list_of_models_says_what_each_is_for(gateway: Gateway) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{gateway.url}/v1/models") as answer,
    ):
        models = {each["id"]: each["capabilities"] for each in (await answer.json())["data"]}

    assert models["hibari"] == ["speech"]
    assert models[PICTURES] == ["image"]
    assert models["whisper-tiny.en"] == ["transcription"]
    assert "chat" in models["funland-tiny"]


def opened(text: str | None) -> Image.Image:
    """The picture that is in base64."""
    assert text is not None
    return Image.open(io.BytesIO(base64.b64decode(text)))


MORE = {"seed": 7, "steps": 4}


async def test_a_picture_is_painted_again_by_its_seed_and_enlarged_to_the_size_that_is_asked_for(
    client: openai.AsyncOpenAI,
) -> None:
    one = await client.images.generate(
        model=PICTURES, prompt="a cat", size="1024x1024", extra_body=MORE
    )
    again = await client.images.generate(
        model=PICTURES, prompt="a cat", size="1024x1024", extra_body=MORE
    )
    webp = await client.images.generate(
        model=PICTURES, prompt="a cat", output_format="webp", output_compression=50
    )

    assert one.data is not None
    assert again.data is not None
    assert webp.data is not None
    assert one.size == "1024x1024"
    assert opened(one.data[0].b64_json).size == (1024, 1024)
    assert one.data[0].b64_json == again.data[0].b64_json
    assert opened(webp.data[0].b64_json).format == "WEBP"


async def test_pictures_are_found_at_their_addresses(client: openai.AsyncOpenAI) -> None:
    made = await client.images.generate(
        model=PICTURES, prompt="a cat", n=2, response_format="url", extra_body=MORE
    )

    assert made.data is not None
    async with aiohttp.ClientSession() as http:
        for picture in made.data:
            assert picture.url is not None
            async with http.get(picture.url) as answer:
                assert answer.headers["content-type"] == "image/png"
                assert Image.open(io.BytesIO(await answer.read())).format == "PNG"
    for file in (await client.files.list()).data:
        await client.files.delete(file.id)


@pytest.mark.parametrize(("steps", "previews"), [(4, 3), (4, 1), (10, 3), (1, 3)])
async def test_previews_come_before_the_picture(
    client: openai.AsyncOpenAI, steps: int, previews: int
) -> None:
    stream = await client.images.generate(
        model=SLOW,
        prompt="a cat",
        stream=True,
        partial_images=previews,
        extra_body={"seed": 7, "steps": steps},
    )
    events = [event async for event in stream]

    partial = [event for event in events if event.type == "image_generation.partial_image"]
    assert [event.partial_image_index for event in partial] == [*range(min(previews, steps - 1))]
    assert events[:-1] == partial
    assert events[-1].type == "image_generation.completed"
    assert all(opened(event.b64_json).format == "PNG" for event in events)
    assert len({event.b64_json for event in events}) == len(events)


async def test_a_picture_is_edited_where_its_mask_is_transparent_and_leaves_no_file(
    client: openai.AsyncOpenAI,
) -> None:
    first = await client.images.generate(model=PICTURES, prompt="a cat", extra_body=MORE)
    assert first.data is not None
    before = opened(first.data[0].b64_json).convert("RGBA")
    mask = before.copy()
    mask.paste((0, 0, 0, 0), (0, 0, before.width // 2, before.height))
    files = {"image": written(before), "mask": written(mask)}

    edited = await client.images.edit(
        model=PICTURES, prompt="a dog", image=files["image"], mask=files["mask"], extra_body=MORE
    )
    old: Any = client.images  # of which its client warns
    with pytest.warns(DeprecationWarning, match="deprecated"):
        varied = await old.create_variation(
            model=PICTURES, image=files["image"], extra_body={"seed": 7}
        )

    assert edited.data is not None
    assert varied.data is not None
    assert opened(edited.data[0].b64_json).size == before.size
    assert opened(varied.data[0].b64_json).size == before.size
    assert (await client.files.list()).data == []


def written(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


async def test_what_is_no_picture_is_told_as_openai_tells_it(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        await client.images.edit(model=PICTURES, prompt="a dog", image=b"no picture at all")

    assert (raised.value.param, raised.value.code) == ("image", "image_invalid")

    whole = written(Image.new("RGB", (64, 64)))
    with pytest.raises(openai.BadRequestError) as raised:
        await client.images.edit(model=PICTURES, prompt="a dog", image=whole, mask=b"no picture")

    assert (raised.value.param, raised.value.code) == ("mask", "image_invalid")
    assert (await client.files.list()).data == []
