"""pydantic-ai: chat completions, responses and Anthropic's API as its providers."""

from __future__ import annotations

from typing import Any, Literal

from checks import ANSWER, HELLO, MODEL, URL, Checks
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, RunContext, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

checks = Checks()
OPENAI = OpenAIProvider(base_url=f"{URL}/v1", api_key="none")
ANTHROPIC = AnthropicProvider(base_url=URL, api_key="none")
MODELS = {
    "chat": OpenAIChatModel(MODEL, provider=OPENAI),
    "responses": OpenAIResponsesModel(MODEL, provider=OPENAI),
    # It knows by a model's name what the model can, and this one is not among them.
    "anthropic": AnthropicModel(
        MODEL, provider=ANTHROPIC, profile={"supports_json_schema_output": True}
    ),
}
GREEDY = {"temperature": 0.0, "max_tokens": 80}
SAMPLING = {
    "chat": GREEDY,
    "responses": GREEDY,
    "anthropic": {"max_tokens": 80, "extra_body": {"temperature": 0}},
}


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    name: Literal["Felix", "Ruby"]


async def answers(api: str) -> None:
    answer = await Agent(MODELS[api], model_settings=SAMPLING[api]).run(HELLO)
    assert answer.output == ANSWER, answer.output
    assert answer.usage.output_tokens == 10, answer.usage


async def streams(api: str) -> None:
    async with Agent(MODELS[api], model_settings=SAMPLING[api]).run_stream(HELLO) as stream:
        text = "".join([part async for part in stream.stream_text(delta=True)])
    assert text == ANSWER, text


async def conversations_go_on(api: str) -> None:
    agent = Agent(MODELS[api], model_settings=SAMPLING[api])
    first = await agent.run("My name is Anna.")
    second = await agent.run("What is my name?", message_history=first.all_messages())
    assert "Anna" in second.output, second.output


async def output_by_a_tool(api: str) -> None:
    agent = Agent(MODELS[api], output_type=ToolOutput(Pet), model_settings=SAMPLING[api])
    assert isinstance((await agent.run("Tell me of a pet.")).output, Pet)


async def output_by_a_schema(api: str) -> None:
    agent = Agent(MODELS[api], output_type=NativeOutput(Pet), model_settings=SAMPLING[api])
    assert isinstance((await agent.run("Tell me of a pet.")).output, Pet)


async def five_steps(api: str) -> None:
    """Five calls that the request makes sure of, then an answer in text."""

    def settings(context: RunContext) -> Any:
        choice = "required" if context.run_step <= 5 else "none"
        return {**SAMPLING[api], "tool_choice": choice, "parallel_tool_calls": False}

    agent = Agent(MODELS[api], model_settings=settings)
    seen = []

    @agent.tool_plain
    def weather(city: Literal["Paris", "Rome"]) -> str:
        """Tells the weather."""
        seen.append(city)
        return f"It is sunny in {city}."

    answer = await agent.run("How is the weather?")
    assert len(seen) == 5, seen
    assert answer.output, answer


for api in MODELS:
    for act in (
        answers,
        streams,
        conversations_go_on,
        output_by_a_tool,
        output_by_a_schema,
        five_steps,
    ):
        checks.of(api, act)
checks.run()
