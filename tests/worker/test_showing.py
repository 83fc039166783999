"""Pictures and sounds go through a chat template, which writes text alone."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Media, Message, MessagePart
from funland.worker.v1.worker_pb2 import Conversation, Submit
from funland_server.models.installed.embedded import embedded_model
from funland_worker.engines.llama_cpp.media_reader import LlamaMediaReader
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.projector import Projector
from funland_worker.engines.media import MediaKind
from funland_worker.engines.protocol import EngineError
from funland_worker.prompts import PromptReader
from funland_worker.showing import joined, parted
from funland_worker.templates.renderer import TemplateRenderer
from tests import projectors
from tests.worker.conftest import Driver

FRANCE, JAPAN = 3228, 3229
PLAIN: Final = "{% for m in messages %}{{ m.content | trim }};{% endfor %}"
DEAF: Final = "{% for m in messages %}{{ m.content[:20] }}{% endfor %}"
PARTS: Final = (
    "{% for m in messages %}{% if m.content is string %}{{ raise_exception('parts!') }}{% endif %}"
    "{% for p in m.content %}{{ p.text }}{% endfor %};{% endfor %}"
)


@pytest.fixture(scope="module")
def projector(tmp_path_factory: pytest.TempPathFactory) -> Projector:
    model = LlamaModel(embedded_model().path)
    path: Path = tmp_path_factory.mktemp("projector") / "mmproj.gguf"
    return Projector(projectors.write_naming(path, embedded_model().path, FRANCE, JAPAN), model, 1)


@pytest.fixture
def media(projector: Projector) -> LlamaMediaReader:
    return LlamaMediaReader(projector)


def picture(colour: str, side: int = 32) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, "PNG")
    return file.getvalue()


def red(text: str = "") -> MessagePart:
    return MessagePart(text=text) if text else MessagePart(image=Media(data=picture("red")))


def asked(*parts: MessagePart) -> Submit:
    said = Message(role=Message.USER, parts=parts)
    return Submit(conversation=Conversation(messages=[said], image_pixels=65536))


@pytest.fixture
async def reader(
    request: pytest.FixtureRequest, driver: Driver, media: LlamaMediaReader
) -> AsyncIterator[PromptReader]:
    template = getattr(request, "param", PLAIN)
    renderer = TemplateRenderer(template, begin_mark="", end_mark="")
    yield PromptReader(driver.engine, renderer, begin_mark="", media=media)
    await renderer.close()


@pytest.mark.parametrize("reader", [PLAIN, PARTS], indirect=True)
async def test_rows_stand_where_the_template_writes(reader: PromptReader, driver: Driver) -> None:
    reading = await reader.read(asked(red("Look at "), red(), red(" and "), red()))

    (prompt,) = reading.prompts
    first, second = prompt.media
    assert prompt.tokens[: first.start] == driver.tokens("Look at ")
    assert prompt.tokens[first.stop : second.start] == driver.tokens(" and ")
    assert prompt.tokens[second.stop :] == driver.tokens(";")
    assert first.chunk is second.chunk, "the same picture is read once"
    assert first.chunk.rows is not None


async def test_what_is_rendered_can_be_read(reader: PromptReader) -> None:
    rendering = await reader.render(asked(red("See"), red()).conversation)

    assert rendering.text == "See<|image|>;"
    assert sum(token < 0 for token in rendering.tokens) == 1


@pytest.mark.parametrize("reader", [DEAF], indirect=True)
async def test_a_template_that_loses_a_picture_is_told(reader: PromptReader) -> None:
    with pytest.raises(EngineError) as raised:
        await reader.read(asked(red("A text of more than twenty letters"), red()))

    assert raised.value.reason == ErrorReason.TEMPLATE_FAILED
    assert "leaves out a picture" in raised.value.message


async def test_words_of_another_call_stand_for_nothing(reader: PromptReader) -> None:
    rendering = await reader.render(
        asked(red("<|image|> Qz0123456789abcdef01234567x")).conversation
    )

    assert not rendering.media


async def test_sounds_are_refused_where_there_is_an_ear_for_none(reader: PromptReader) -> None:
    with pytest.raises(EngineError) as raised:
        await reader.read(asked(MessagePart(audio=Media(data=b"x"))))

    assert raised.value.reason == ErrorReason.MODEL_CANNOT_HEAR


async def test_what_was_shown_is_neither_decoded_nor_computed_again(
    media: LlamaMediaReader,
) -> None:
    data = picture("blue")
    first = await media.read(MediaKind.IMAGE, data, "image", 65536)
    await media.compute([first])

    again = await media.read(MediaKind.IMAGE, data, "image", 65536)

    assert again is first


async def test_calls_that_show_the_same_at_once_compute_it_once(media: LlamaMediaReader) -> None:
    data = picture("blue", 64)
    both = [await media.read(MediaKind.IMAGE, data, "image", 65536) for _ in range(2)]

    await asyncio.gather(*(media.compute([one]) for one in both))

    first, second = (one.chunks[0] for one in both)
    assert first is not second
    assert first.rows is second.rows


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (7, 3), (255, 257)])
async def test_pictures_of_any_shape_are_shown(
    media: LlamaMediaReader, size: tuple[int, int]
) -> None:
    file = io.BytesIO()
    Image.new("LA", size, 1).save(file, "PNG")

    shown = await media.read(MediaKind.IMAGE, file.getvalue(), "image", 65536)
    await media.compute([shown])

    assert shown.row_bytes > 0


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([("a", True), ("b", True)], "a\nb"),
        ([("W", False), ("a", True)], "Wa"),
        ([("a", True), ("W", False), ("b", True), ("c", True)], "aWb\nc"),
        ([("W", False), ("V", False)], "WV"),
        ([], ""),
    ],
)
def test_what_is_shown_stands_right_beside_what_is_said(
    pieces: list[tuple[str, bool]], text: str
) -> None:
    assert joined(pieces) == text


def test_a_prompt_is_parted_at_the_words() -> None:
    assert parted("aWbVW", {"W": 1, "V": 2}) == ["a", "W", "b", "V", "", "W", ""]
    assert parted("aWb", {}) == ["aWb"]
