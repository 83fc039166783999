"""Functions are told to the model, and what goes wrong in their calls is told to it too."""

from __future__ import annotations

import json
import threading
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from funland.v1.inference_pb2 import ChatResponse, Message, ToolCall
from funland_client.errors import ToolRoundsError
from funland_client.tool_runs import Rounds
from funland_client.tools import AsyncToolbox, Toolbox, tool


class Place(BaseModel):
    city: str
    land: str = "Italy"


def weather(
    place: Place,
    unit: Literal["celsius", "fahrenheit"] = "celsius",
    days: Annotated[int, Field(description="How many days ahead.")] = 0,
) -> dict[str, Any]:
    """Tells the weather.

    Of any place.
    """
    return {"city": place.city, "land": place.land, "unit": unit, "days": days}


def noon() -> str:
    return "12:00"


def fails() -> None:
    """Fails."""
    raise OSError("The thermometer is broken.")


async def thread() -> int:
    """Tells where it runs."""
    return threading.get_ident()


def blocking_thread() -> int:
    return threading.get_ident()


def result(name: str, arguments: str = "{}") -> str:
    toolbox = Toolbox([weather, noon, fails])
    message = toolbox.call(ToolCall(id="7", name=name, arguments=arguments))
    assert (message.role, message.tool_call_id, message.name) == (Message.TOOL, "7", name)
    return message.content


def test_hints_and_docstring_describe_a_function() -> None:
    described = tool(weather)
    schema = json.loads(described.parameters)

    assert described.name == "weather"
    assert described.description == "Tells the weather.\n\nOf any place."
    assert schema["required"] == ["place"]
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Place"]["additionalProperties"] is False
    assert schema["properties"]["unit"]["enum"] == ["celsius", "fahrenheit"]
    assert schema["properties"]["days"]["description"] == "How many days ahead."


def test_a_function_without_arguments_takes_an_empty_object() -> None:
    assert json.loads(tool(noon).parameters)["properties"] == {}
    assert result("noon", "") == "12:00"


def test_arguments_come_as_their_hints_say_and_the_result_as_json() -> None:
    told = result("weather", '{"place": {"city": "Rome"}, "days": 2}')

    assert json.loads(told) == {"city": "Rome", "land": "Italy", "unit": "celsius", "days": 2}


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("fails", "{}", "error: OSError: The thermometer is broken."),
        ("wind", "{}", "error: There is no function 'wind'. There are: weather, noon, fails."),
        ("weather", "{}", "error: The arguments are wrong: place: "),
        ("weather", '{"place": {}}', "error: The arguments are wrong: place.city: Field required"),
        ("weather", '{"place', "error: The arguments are wrong: Invalid JSON: "),
        ("noon", '{"x": 1}', "error: The arguments are wrong: x: "),
    ],
)
def test_the_model_is_told_what_is_wrong(name: str, arguments: str, told: str) -> None:
    assert result(name, arguments).startswith(told)


def test_two_functions_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Toolbox([noon, noon])


def test_a_coroutine_function_is_not_for_the_blocking_client() -> None:
    with pytest.raises(TypeError, match="AsyncFunland"):
        Toolbox([thread])


async def test_a_function_that_may_block_runs_beside_the_loop() -> None:
    toolbox = AsyncToolbox([thread, blocking_thread, fails])

    on_loop = await toolbox.call(ToolCall(name="thread", arguments="{}"))
    beside = await toolbox.call(ToolCall(name="blocking_thread", arguments="{}"))
    failed = await toolbox.call(ToolCall(name="fails"))

    assert int(on_loop.content) == threading.get_ident()
    assert int(beside.content) != threading.get_ident()
    assert failed.content == "error: OSError: The thermometer is broken."


def asking(name: str = "noon") -> ChatResponse:
    call = ToolCall(id="1", name=name, arguments="{}")
    return ChatResponse(message=Message(role=Message.ASSISTANT, tool_calls=[call]))


def test_rounds_end_with_an_answer_that_calls_nothing() -> None:
    rounds = Rounds("What time is it?", {}, max_rounds=8)

    assert len(rounds.take(asking())) == 1
    assert rounds.take(ChatResponse(message=Message(content="Noon."))) == []
    assert [message.content for message in rounds.messages] == ["What time is it?", "", "Noon."]


def test_a_call_must_be_made_in_the_first_round_only() -> None:
    rounds = Rounds("What time is it?", {"tool_choice": "required", "seed": 1}, max_rounds=8)
    rounds.take(asking())

    assert rounds.arguments == {"seed": 1}


def test_rounds_without_end_are_ended() -> None:
    rounds = Rounds("What time is it?", {}, max_rounds=2)
    rounds.take(asking())

    with pytest.raises(ToolRoundsError) as raised:
        rounds.take(asking())
    assert len(raised.value.messages) == 3
