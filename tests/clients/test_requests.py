"""Requests are built from Python's own values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from funland.v1.deployments_pb2 import StartDeploymentRequest, VllmSettings
from funland.v1.inference_pb2 import (
    AdapterUse,
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    GenerationOptions,
    Media,
    Message,
    MessagePart,
    SamplingParameters,
    Speculation,
    Tool,
    ToolCall,
    ToolChoice,
)
from funland.v1.models_pb2 import LoadSettings
from funland.v1.sessions_pb2 import (
    CreateSessionRequest,
    SendMessageRequest,
    UpdateSessionRequest,
)
from funland_client import (
    ChatArguments,
    DeploymentArguments,
    GenerationArguments,
    LoadArguments,
    MessageArguments,
    Sampling,
    SessionArguments,
    SessionChanges,
    VllmArguments,
    arguments,
    audio,
    image,
    requests,
    session_requests,
)
from funland_client.errors import InvalidRequestError


def test_a_text_is_one_message_of_the_user() -> None:
    request = requests.chat("Hello", "tiny", {})

    assert request.model == "tiny"
    assert list(request.messages) == [Message(role=Message.USER, content="Hello")]


def test_a_conversation_takes_dictionaries_and_messages() -> None:
    request = requests.chat(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            Message(role=Message.ASSISTANT, content="Hi"),
        ],
        "",
        {},
    )

    roles = [message.role for message in request.messages]
    assert roles == [Message.SYSTEM, Message.USER, Message.ASSISTANT]


def test_sampling_that_is_not_given_stays_unset() -> None:
    sampling = requests.generate("Once", "", {"temperature": 0}).sampling

    assert sampling.HasField("temperature")
    assert not sampling.HasField("top_p")
    assert not sampling.HasField("seed")


@pytest.mark.parametrize("stop", ["\n\n", ["\n\n"]])
def test_stop_is_a_string_or_several(stop: str | list[str]) -> None:
    assert requests.generate("Once", "", {"stop": stop}).sampling.stop == ["\n\n"]


def test_a_text_that_is_banned_is_not_taken_letter_by_letter() -> None:
    for banned in ("time", ["time"]):
        sampling = requests.generate("Once", "", {"banned_texts": banned}).sampling
        assert sampling.banned_texts == ["time"]


def test_how_a_text_is_chosen_and_ends_is_passed_on() -> None:
    sampling = requests.generate(
        "Once",
        "",
        {"min_tokens": 0, "stop_tokens": [1], "allowed_tokens": (2, 3), "include_stop": False},
    ).sampling

    assert (sampling.HasField("min_tokens"), sampling.HasField("include_stop")) == (True, True)
    assert (list(sampling.stop_tokens), list(sampling.allowed_tokens)) == ([1], [2, 3])


def test_a_prompt_is_a_text_or_tokens() -> None:
    assert requests.generate("Once", "m", {}) == GenerateRequest(
        model="m", prompt="Once", sampling=SamplingParameters()
    )
    assert requests.generate([5, 6], "", {}).prompt_tokens == [5, 6]
    assert requests.generate("Once", "", {}, as_message=True).as_message
    assert requests.generate("Once", "", {}, suffix="end").suffix == "end"
    one, two = requests.generate_batch([[5], "Once"], "", {}).requests
    assert (list(one.prompt_tokens), two.prompt) == ([5], "Once")


SAMPLING = set(SamplingParameters.DESCRIPTOR.fields_by_name)
OPTIONS = set(GenerationOptions.DESCRIPTOR.fields_by_name)
MESSAGE = set(SendMessageRequest.DESCRIPTOR.fields_by_name) - {
    *("session_id", "content", "parts", "format", "sampling")
}
SESSION = set(CreateSessionRequest.DESCRIPTOR.fields_by_name) - {"model", "tools", "sampling"}
CHAT = set(ChatRequest.DESCRIPTOR.fields_by_name) - {
    *("model", "messages", "sampling", "options"),  # arguments of their own
    *("format", "tools"),
}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Sampling, SAMPLING),
        (GenerationArguments, SAMPLING | OPTIONS),
        (ChatArguments, SAMPLING | OPTIONS | CHAT),
        (LoadArguments, set(LoadSettings.DESCRIPTOR.fields_by_name)),
        (MessageArguments, SAMPLING | MESSAGE),
        (SessionArguments, SAMPLING | SESSION),
        (SessionChanges, set(UpdateSessionRequest.DESCRIPTOR.fields_by_name) - {"session_id"}),
        (DeploymentArguments, set(StartDeploymentRequest.DESCRIPTOR.fields_by_name) - {"model"}),
        (VllmArguments, set(VllmSettings.DESCRIPTOR.fields_by_name)),
    ],
)
def test_arguments_have_every_field_of_the_contract(kind: Any, fields: set[str]) -> None:
    assert set(get_type_hints(kind)) == fields


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"n": 2, "top_logprobs": 0}, GenerationOptions(n=2, top_logprobs=0)),
        ({"priority": "high"}, GenerationOptions(priority=GenerationOptions.HIGH)),
        (
            {"adapters": "poet"},
            GenerationOptions(adapters=[AdapterUse(adapter_id="poet")]),
        ),
        (
            {"adapters": {"poet": 0.5}},
            GenerationOptions(adapters=[AdapterUse(adapter_id="poet", scale=0.5)]),
        ),
        (
            {"speculation": "prompt_lookup"},
            GenerationOptions(speculation=Speculation(method=Speculation.PROMPT_LOOKUP)),
        ),
        (
            {"speculation": Speculation(max_tokens=4)},
            GenerationOptions(speculation=Speculation(max_tokens=4)),
        ),
        (
            {"prompt_logprobs": 0, "last_prompt_tokens": -1, "progress": True},
            GenerationOptions(prompt_logprobs=0, last_prompt_tokens=-1, progress=True),
        ),
        ({"temperature": 0}, None),
    ],
)
def test_options(given: dict[str, Any], made: GenerationOptions | None) -> None:
    assert arguments.options(given) == made


def weather(city: str) -> str:
    """Tells the weather."""
    return city


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        ("none", ToolChoice(mode=ToolChoice.NONE)),
        ("required", ToolChoice(mode=ToolChoice.REQUIRED)),
        (weather, ToolChoice(mode=ToolChoice.REQUIRED, name="weather")),
        (ToolChoice(name="x"), ToolChoice(name="x")),
    ],
)
def test_a_choice_of_tools_is_a_word_or_a_function(choice: Any, made: ToolChoice) -> None:
    assert requests.chat("Hello", "", {"tool_choice": choice}).tool_choice == made


def test_tools_are_functions_definitions_or_messages() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    request = requests.chat(
        "Hello",
        "",
        {},
        tools=[
            weather,
            {"name": "time", "description": "Tells the time.", "parameters": schema},
            Tool(name="date"),
        ],
    )

    assert [tool.name for tool in request.tools] == ["weather", "time", "date"]
    assert request.tools[0].description == "Tells the weather."
    assert json.loads(request.tools[0].parameters)["required"] == ["city"]
    assert json.loads(request.tools[1].parameters) == schema


def test_a_conversation_has_calls_and_their_results() -> None:
    request = requests.chat(
        [
            {"role": "user", "content": "How is the weather?"},
            {
                "role": "assistant",
                "content": "",
                "reasoning": "I do not know.",
                "tool_calls": [
                    {"id": "1", "name": "weather", "arguments": {"city": "Rome"}},
                    ToolCall(id="2", name="weather", arguments="{}"),
                ],
            },
            {"role": "tool", "content": "Sunny.", "tool_call_id": "1", "name": "weather"},
        ],
        "",
        {},
    )

    _, asked, answered = request.messages
    assert asked.reasoning == "I do not know."
    assert [call.arguments for call in asked.tool_calls] == ['{"city": "Rome"}', "{}"]
    assert answered == Message(
        role=Message.TOOL, content="Sunny.", tool_call_id="1", name="weather"
    )


def test_what_only_chats_have_is_set_only_when_it_is_given() -> None:
    bare = requests.chat("Hello", "", {})
    full = requests.chat(
        "Hello",
        "",
        {
            "reasoning": False,
            "parallel_tool_calls": False,
            "template_arguments": {"tone": "dry"},
            "continue_last": True,
            "drop_oldest": True,
        },
    )

    unset: Any = ("reasoning", "parallel_tool_calls", "tool_choice", "format", "options")
    for field in unset:
        assert not bare.HasField(field)
    assert (full.HasField("reasoning"), full.reasoning) == (True, False)
    assert full.template_arguments == '{"tone": "dry"}'
    assert (bare.continue_last, bare.drop_oldest) == (False, False)
    assert (full.continue_last, full.drop_oldest) == (True, True)


def test_embeddings_are_told_how() -> None:
    request = requests.embed("word", "tiny", dimensions=8, pooling="last", normalize=False)

    assert request == EmbedRequest(
        model="tiny", inputs=["word"], dimensions=8, pooling=EmbedRequest.LAST, normalize=False
    )


WRONG: Any = "frob"


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: requests.load("m", {"engine": WRONG}), "settings.engine"),
        (lambda: requests.chat("x", "", {"priority": WRONG}), "options.priority"),
        (lambda: requests.chat("x", "", {"tool_choice": WRONG}), "tool_choice.mode"),
        (lambda: requests.chat([{"role": WRONG, "content": ""}], "", {}), "messages[0].role"),
        (lambda: requests.embed("x", "", pooling=WRONG), "pooling"),
    ],
)
def test_a_word_that_the_contract_does_not_know_names_its_field(make: Any, field: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        make()

    assert [wrong.field for wrong in raised.value.field_violations] == [field]


@pytest.mark.parametrize(
    ("make", "given", "told"),
    [
        (requests.chat, {"max_token": 3}, "'max_token'; did you mean 'max_tokens'"),
        (requests.chat, {"store": True}, "'store'"),
        (requests.generate, {"timeout": 1}, "'timeout'"),
        (requests.generate_batch, {"max_token": 3}, "'max_token'"),
        (requests.response, {"stored": True}, "'stored'; did you mean 'store'"),
    ],
)
def test_an_argument_that_there_is_not_is_refused(
    make: Any, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(TypeError, match=told):
        make("x", "", given)


@pytest.mark.parametrize("wanted", [int, list[int], "json", 3])
def test_what_is_no_format_is_refused(wanted: Any) -> None:
    with pytest.raises(TypeError, match="a pydantic model, a JSON Schema"):
        requests.chat("x", "", {}, format=wanted)


def test_a_batch_gives_its_model_and_sampling_to_the_texts_only() -> None:
    own = GenerateRequest(model="other", prompt="two")

    request = requests.generate_batch(["one", own], "tiny", {"max_tokens": 3})

    assert request.requests[0].model == "tiny"
    assert request.requests[0].sampling.max_tokens == 3
    assert request.requests[1] == own


def test_texts_to_embed_may_be_tokens() -> None:
    request = requests.embed(["a", [5, 6], "b", (7,)], "")

    assert list(request.inputs) == ["a", "b"]
    assert [list(one.tokens) for one in request.token_inputs] == [[5, 6], [7]]
    with pytest.raises(InvalidRequestError) as raised:
        requests.embed([[5], [2**40]], "")
    (wrong,) = raised.value.field_violations
    assert wrong.field == "token_inputs[1].tokens"


def test_a_tool_may_take_a_text_in_place_of_arguments() -> None:
    request = requests.chat(
        "Hello", "", {}, tools=[{"name": "run", "free_form": True, "namespace": "shell"}]
    )

    assert list(request.tools) == [Tool(name="run", free_form=True, namespace="shell")]


def test_one_text_to_embed_is_not_taken_letter_by_letter() -> None:
    assert list(requests.embed("word", "").inputs) == ["word"]
    assert list(requests.embed(["a", "b"], "").inputs) == ["a", "b"]


def test_a_number_that_the_contract_can_not_hold_names_its_field_as_the_server_does() -> None:
    with pytest.raises(InvalidRequestError) as sampling:
        requests.generate("Once", "", {"top_k": 2**40})
    with pytest.raises(InvalidRequestError) as load:
        requests.load("tiny", {"slots": 2**40})

    assert [wrong.field for wrong in sampling.value.field_violations] == ["sampling.top_k"]
    assert [wrong.field for wrong in load.value.field_violations] == ["settings.slots"]


def test_load_settings_that_are_not_given_stay_unset() -> None:
    settings = requests.load("tiny", {"context_length": 512}).settings

    assert settings.context_length == 512
    assert not settings.HasField("slots")


def test_what_is_shown_stands_among_what_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    said = ["Look: ", image(tmp_path / "a.png"), image("https://a.example/b"), audio(b"wav")]

    (message,) = requests.chat([{"role": "user", "content": said}], "tiny", {}).messages
    sent = session_requests.send("s", said, {})

    assert (
        list(message.parts)
        == list(sent.parts)
        == [
            MessagePart(text="Look: "),
            MessagePart(image=Media(data=b"png")),
            MessagePart(image=Media(url="https://a.example/b")),
            MessagePart(audio=Media(data=b"wav")),
        ]
    )
    assert not message.content
