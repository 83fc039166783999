"""Pictures and sounds of other APIs' messages become the contract's parts."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from funland.v1.inference_pb2 import Media, Message, MessagePart
from funland_gateway.dialects.anthropic.messages import read_messages as anthropics
from funland_gateway.dialects.ollama.messages import read_messages as ollamas
from funland_gateway.dialects.openai.messages import message_field_name
from funland_gateway.dialects.openai.messages import read_messages as openais
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.showing import address, appended, picture_at, with_parts
from funland_gateway.failures import CallFailed

PNG = b"\x89PNG\r\n\x1a\nrest"
IN_TEXT = base64.b64encode(PNG).decode()
URL = f"data:image/png;base64,{IN_TEXT}"


def text(said: str) -> MessagePart:
    return MessagePart(text=said)


def shown(**media: object) -> MessagePart:
    return MessagePart(image=Media(**media))  # type: ignore[arg-type]  # one of its fields


@pytest.mark.parametrize(
    ("url", "part"),
    [
        (URL, shown(data=PNG)),
        (URL.replace("image/png", ""), shown(data=PNG)),
        (URL.replace(";base64", ";charset=x;BASE64").replace("data:", "DATA:"), shown(data=PNG)),
        ("https://a.example/b.png", shown(url="https://a.example/b.png")),
        ("HTTP://a.example/b.png", shown(url="HTTP://a.example/b.png")),
    ],
)
def test_addresses(url: str, part: MessagePart) -> None:
    assert picture_at(url, "url") == part


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("data:image/png,abc", "url: must be base64"),
        ("data:image/png;base64,a_c", "url: is not base64"),
        ("data:image/png;base64,", "url: must not be empty"),
        ("file:///etc/passwd", "url: give a data: URL"),
        ("", "url: give a data: URL"),
    ],
)
def test_addresses_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(CallFailed) as failed:
        picture_at(url, "url")

    assert words in failed.value.error.message


@pytest.mark.parametrize("media", [Media(data=PNG), Media(url="https://a.example/b.png")])
def test_addresses_go_back(media: Media) -> None:
    assert picture_at(address(media), "url").image == media


def test_openais_parts() -> None:
    content = [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": URL, "detail": "high"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ]

    (message,) = openais(body([{"role": "user", "content": content}]), lambda _, name: name)

    sound = MessagePart(audio=Media(data=bytes(3)))
    assert list(message.parts) == [text("What is"), shown(data=PNG), sound]
    assert not message.content


def test_texts_alone_stay_one_text() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

    (message,) = openais(body([{"role": "user", "content": content}]), lambda _, name: name)

    assert message == Message(role=Message.USER, content="a\nb")


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_users_and_tools_alone_show(role: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": URL}}]

    with pytest.raises(CallFailed) as failed:
        openais(body([{"role": role, "content": content}]), lambda _, name: name)

    assert failed.value.error.metadata["parameter"] == "messages[0].content[0].type"


def test_a_field_that_is_wrong_has_the_requests_name() -> None:
    assert message_field_name("messages[2].parts[1].image.data") == (
        "messages[2].content[1].image_url.url"
    )


def test_anthropics_blocks() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": IN_TEXT}
    image = {"type": "image", "source": source}
    result = {"type": "tool_result", "tool_use_id": "call", "content": [image]}
    content = [image, {"type": "text", "text": "and"}, result]
    again = {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": URL}}]}

    first, second, third = anthropics(body([{"role": "user", "content": content}, again]))

    assert list(first.parts) == [shown(data=PNG), text("and")]
    assert (second.role, list(second.parts)) == (Message.TOOL, [shown(data=PNG)])
    assert list(third.parts) == [shown(data=PNG)]


def test_anthropics_messages_of_one_role_are_one() -> None:
    image = {"type": "image", "source": {"type": "file", "file_id": "file-1"}}
    said = [{"role": "user", "content": "Look."}, {"role": "user", "content": [image]}]

    (message,) = anthropics(body(said))

    assert list(message.parts) == [text("Look."), shown(file_id="file-1")]


def test_ollamas_images_stand_in_front() -> None:
    said = {"role": "user", "content": "What?", "images": [IN_TEXT, IN_TEXT]}

    (message,) = ollamas(body([said]))

    assert list(message.parts) == [shown(data=PNG), shown(data=PNG), text("What?")]


def test_what_is_added_keeps_its_place() -> None:
    message = with_parts(Message(role=Message.USER), [text("a")])

    appended(message, [shown(data=PNG)])

    assert list(message.parts) == [text("a"), shown(data=PNG)]


def body(messages: list[Any]) -> JsonObject:
    return JsonObject({"messages": messages})
