"""The table of tools: what it shows of the contract, and what becomes of arguments."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from funland.v1.access_pb2 import Access
from funland.v1.downloads_pb2 import Download, DownloadEvent
from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland.v1.images_pb2 import GenerateImagesRequest, Image, ImageEvent
from funland.v1.inference_pb2 import ChatRequest, Delta, Finish, GenerationEvent
from funland_gateway.failures import CallFailed
from funland_gateway.mcp.fields import Field, argument_name, contract_value, told_values
from funland_gateway.mcp.listing import described_tools
from funland_gateway.mcp.tool import Tool
from funland_gateway.mcp.tools import TOOLS
from funland_server.identity import rule

BY_NAME = {tool.name: tool for tool in TOOLS}
CHAT = BY_NAME["chat"]
LISTED = {tool["name"]: tool for tool in described_tools()}


def each_tool(tool: Tool) -> str:
    return tool.name


def test_names_are_plain_and_there_once() -> None:
    assert len(BY_NAME) == len(TOOLS) == len(LISTED)
    assert all(re.fullmatch(r"[a-z_]{1,64}", name) for name in BY_NAME)


@pytest.mark.parametrize("tool", TOOLS, ids=each_tool)
def test_schemas_are_schemas_of_objects_without_references(tool: Tool) -> None:
    told = LISTED[tool.name]

    for schema in (told["inputSchema"], told["outputSchema"]):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert "$ref" not in str(schema)
    assert all(value.get("description") for value in told["inputSchema"]["properties"].values())
    assert told["title"]
    assert told["description"].endswith(".")


@pytest.mark.parametrize("tool", TOOLS, ids=each_tool)
def test_who_only_looks_or_asks_a_model_says_so_and_nothing_else_does(tool: Tool) -> None:
    looks = rule(tool.rpc) in (Access.READ, Access.INFER)

    assert tool.hints.reads_only == looks
    assert tool.hints.destroys == tool.name.startswith("cancel")
    assert not tool.rpc.name.startswith("Delete")


def test_rules_and_words_are_the_contracts() -> None:
    asked = LISTED["chat"]["inputSchema"]
    temperature = asked["properties"]["temperature"]
    image = LISTED["generate_image"]["inputSchema"]

    assert (temperature["minimum"], temperature["maximum"]) == (0, 2)
    assert temperature["description"].startswith("How freely to choose")
    assert asked["required"] == ["messages"]
    assert asked["properties"]["messages"]["items"]["properties"]["role"]["enum"][1] == "USER"
    assert image["properties"]["width"] == {
        "type": "integer",
        "minimum": 16,
        "maximum": 4096,
        "description": image["properties"]["width"]["description"],
    }
    assert image["properties"]["seed"]["maximum"] == 2**32 - 1


def test_arguments_stand_in_their_places() -> None:
    request: Any = CHAT.request(
        {
            "messages": [{"role": "user", "content": "Hello!"}],
            "temperature": 0,
            "stop": ["."],
            "json_schema": "{}",
            "think": False,
            "seed": None,
        }
    )

    assert isinstance(request, ChatRequest)
    assert request.messages[0].content == "Hello!"
    assert (request.sampling.temperature, list(request.sampling.stop)) == (0, ["."])
    assert request.format.json_schema == "{}"
    assert request.reasoning is False
    assert not request.sampling.HasField("seed")
    assert request.options.progress


def test_what_is_not_said_is_as_the_tool_has_it() -> None:
    paint = BY_NAME["generate_image"]
    plain: Any = paint.request({"prompt": "x"})
    other: Any = paint.request({"prompt": "x", "format": "PNG"})

    assert isinstance(plain, GenerateImagesRequest)
    assert (plain.format, other.format) == (Image.JPEG, Image.PNG)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("chat", {"mesages": []}, "mesages: is no argument of chat; perhaps messages is meant"),
        ("get_storage", {"x": 1}, "x: is no argument of get_storage; it takes none"),
        ("chat", {"messages": "x"}, "messages: must be a list, not a string"),
        ("chat", {"messages": [{"rolle": 1}]}, "messages[0].rolle: is not a field of Message"),
        ("chat", {"messages": [], "temperature": "x"}, "temperature: must be a number"),
        ("chat", {"messages": [], "stop": [1]}, "stop[0]: must be a string, not a number"),
        ("chat", {"messages": [], "think": 1}, "think: must be true or false, not a number"),
        ("generate", {}, "prompt: is required"),
        ("generate", {"prompt": None}, "prompt: is required"),
        ("transcribe", {"audio": "%"}, "audio: must be base64"),
        ("transcribe", {"audio": "AA==", "file_id": "x"}, "file_id: can't be set together"),
        ("estimate_model", {"model_id": "x", "slots": []}, "slots: must be an integer"),
    ],
)
def test_a_wrong_argument_is_named_as_the_tool_calls_it(
    tool: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(CallFailed) as raised:
        BY_NAME[tool].request(arguments)

    (told,) = BY_NAME[tool].failure(raised.value.error)
    assert words in told["text"]


def test_so_are_those_that_the_server_finds() -> None:
    violation = FieldViolation(field="sampling.temperature", description="must be less than 2")
    error = Error(
        code="INVALID_ARGUMENT",
        reason=ErrorReason.FIELD_INVALID,
        message="sampling.temperature: must be less than 2",
        field_violations=[violation],
    )

    assert CHAT.failure(error) == [
        {"type": "text", "text": "FIELD_INVALID: temperature: must be less than 2"}
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("sampling.temperature", "temperature"),
        ("sampling.stop[3]", "stop[3]"),
        ("messages[0].content", "messages[0].content"),
        ("reasoning", "think"),
        ("reasoningx", "reasoningx"),
        ("options.n", "options.n"),
    ],
)
def test_a_path_of_the_contract_has_the_tools_name(path: str, name: str) -> None:
    assert argument_name(path, CHAT.takes) == name


def test_fields_are_taken_out_of_what_is_told() -> None:
    chosen = (Field("a.b", "c"), Field("d", only=("e", Field("f", only=("g",)))), Field("h.i"))
    message = {"a": {"b": 1}, "d": [{"e": 2, "f": {"g": 3, "x": 4}}, {"x": 5}], "x": 6}

    assert told_values(message, chosen) == {"c": 1, "d": [{"e": 2, "f": {"g": 3}}, {}]}
    assert contract_value({"c": 1, "d": None}, chosen, {"h.i": 7, "a.b": 8}) == {
        "a": {"b": 1},
        "h": {"i": 7},
    }


def test_a_chat_is_gathered_from_its_stream() -> None:
    assert CHAT.gathers is not None
    gathered = CHAT.gathers(ChatRequest())
    start = GenerationEvent()
    start.start.model = "tiny"
    events = [
        start,
        GenerationEvent(delta=Delta(reasoning="Hm.")),
        GenerationEvent(delta=Delta(text="Hel")),
        GenerationEvent(delta=Delta(text="lo")),
        GenerationEvent(finish=Finish(reason=Finish.STOP)),
    ]

    seen = [gathered.see(event) for event in events]
    told, content = CHAT.result(gathered.response())

    assert [progress and progress.message for progress in seen] == [
        None,
        "written 3 characters",
        "written 6 characters",
        "written 8 characters",
        None,
    ]
    assert told["text"] == "Hello"
    assert (told["reasoning"], told["model"], told["finish_reason"]) == ("Hm.", "tiny", "STOP")
    assert content == [{"type": "text", "text": "Hello"}]


@pytest.mark.parametrize(
    ("tool", "events"),
    [
        ("chat", [GenerationEvent(delta=Delta(text="Hel"))]),
        ("generate", []),
        ("generate_image", [ImageEvent()]),
        ("wait_for_download", []),
        ("wait_for_download", [DownloadEvent(deleted_download_id="x")]),
    ],
)
def test_half_an_answer_is_none(tool: str, events: list[Any]) -> None:
    made = BY_NAME[tool].gathers
    assert made is not None
    gathered = made(ChatRequest())

    def gather() -> None:
        for event in events:
            gathered.see(event)
        gathered.response()

    with pytest.raises(CallFailed):
        gather()


def test_a_download_that_has_no_size_yet_has_no_total() -> None:
    wait = BY_NAME["wait_for_download"]
    assert wait.gathers is not None
    gathered = wait.gathers(Download())
    unknown = gathered.see(DownloadEvent(download=Download(state=Download.QUEUED)))
    known = gathered.see(
        DownloadEvent(
            download=Download(state=Download.DOWNLOADING, downloaded_bytes=5, total_bytes=9)
        )
    )

    assert unknown is not None
    assert (unknown.message, unknown.done, unknown.total) == ("queued", 0, None)
    assert known is not None
    assert (known.message, known.done, known.total) == ("downloading", 5, 9)
