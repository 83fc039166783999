"""openai-agents: responses and chat completions as its models."""

from __future__ import annotations

from typing import Literal

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    SQLiteSession,
    ToolsToFinalOutputResult,
    function_tool,
    set_tracing_disabled,
)
from checks import ANSWER, HELLO, MODEL, URL, Checks
from openai import AsyncOpenAI
from pydantic import BaseModel

checks = Checks()
set_tracing_disabled(True)
client = AsyncOpenAI(base_url=f"{URL}/v1", api_key="none")
MODELS = {
    "responses": OpenAIResponsesModel(MODEL, client),
    "chat": OpenAIChatCompletionsModel(MODEL, client),
}
GREEDY = {"temperature": 0, "max_tokens": 80}
seen = []


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    name: Literal["Felix", "Ruby"]


@function_tool
def weather(city: Literal["Paris", "Rome"]) -> str:
    """Tells the weather."""
    seen.append(city)
    return f"It is sunny in {city}."


def agent(api: str, **more: object) -> Agent:
    more.setdefault("model_settings", ModelSettings(**GREEDY))
    return Agent(name="a", model=MODELS[api], **more)


async def answers(api: str) -> None:
    assert (await Runner.run(agent(api), HELLO)).final_output == ANSWER


async def streams(api: str) -> None:
    result = Runner.run_streamed(agent(api), HELLO)
    kinds = [event.type async for event in result.stream_events()]
    assert result.final_output == ANSWER, result.final_output
    assert "raw_response_event" in kinds, kinds


async def keeps_a_session(api: str) -> None:
    session = SQLiteSession("s")
    await Runner.run(agent(api), "My name is Anna.", session=session)
    answer = await Runner.run(agent(api), "What is my name?", session=session)
    assert "Anna" in answer.final_output, answer.final_output


async def typed_output(api: str) -> None:
    answer = await Runner.run(agent(api, output_type=Pet), "Tell me of a pet.")
    assert isinstance(answer.final_output, Pet), answer.final_output


async def a_tool_then_an_answer(api: str) -> None:
    settings = ModelSettings(**GREEDY, tool_choice="required", parallel_tool_calls=False)
    seen.clear()
    answer = await Runner.run(agent(api, tools=[weather], model_settings=settings), "The weather?")
    assert seen and answer.final_output, (seen, answer.final_output)


async def five_steps(api: str) -> None:
    """Five calls that the request makes sure of; the loop ends with the fifth."""
    seen.clear()
    settings = ModelSettings(**GREEDY, tool_choice="required", parallel_tool_calls=False)
    looping = agent(
        api, tools=[weather], model_settings=settings, reset_tool_choice=False,
        tool_use_behavior=lambda _, __: ToolsToFinalOutputResult(len(seen) == 5, seen),
    )  # fmt: skip
    await Runner.run(looping, "How is the weather?")
    assert len(seen) == 5, seen


async def truncation_auto(api: str) -> None:
    settings = ModelSettings(**GREEDY, truncation="auto")
    assert (await Runner.run(agent(api, model_settings=settings), HELLO)).final_output == ANSWER


for name in MODELS:
    for act in (
        answers,
        streams,
        keeps_a_session,
        typed_output,
        a_tool_then_an_answer,
        five_steps,
        truncation_auto,
    ):
        checks.of(name, act)


@checks
async def responses_continue_by_their_id() -> None:
    first = await Runner.run(agent("responses"), "My name is Anna.")
    answer = await Runner.run(
        agent("responses"), "What is my name?", previous_response_id=first.last_response_id
    )
    assert "Anna" in answer.final_output, answer.final_output


checks.run()
