"""LiteLLM as an SDK: its providers for OpenAI, vLLM, llama-server's kin, Ollama and Anthropic."""

from __future__ import annotations

import litellm
from checks import ANSWER, CITY, HELLO, MODEL, URL, Checks

checks = Checks()
litellm.suppress_debug_info = True
SAID = [{"role": "user", "content": HELLO}]
V1 = {"api_base": f"{URL}/v1", "api_key": "none"}
PROVIDERS = {
    "openai": {"model": f"openai/{MODEL}", **V1},
    "hosted_vllm": {"model": f"hosted_vllm/{MODEL}", **V1},
    "ollama_chat": {"model": f"ollama_chat/{MODEL}", "api_base": URL, "api_key": "none"},
    "anthropic": {"model": f"anthropic/{MODEL}", "api_base": URL, "api_key": "none"},
}
GREEDY = {"temperature": 0, "max_tokens": 80}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": CITY}, "required": ["city"]},
    },
}


def answers(provider: str) -> None:
    answer = litellm.completion(messages=SAID, **PROVIDERS[provider], **GREEDY)
    assert answer.choices[0].message.content == ANSWER, answer


def streams(provider: str) -> None:
    parts = litellm.completion(messages=SAID, stream=True, **PROVIDERS[provider], **GREEDY)
    assert "".join(part.choices[0].delta.content or "" for part in parts) == ANSWER


def calls_a_tool_and_goes_on(provider: str) -> None:
    asked = {**PROVIDERS[provider], **GREEDY, "tools": [WEATHER]}
    choice = {"type": "function", "function": {"name": "weather"}}
    message = litellm.completion(messages=SAID, tool_choice=choice, **asked).choices[0].message
    (call,) = message.tool_calls
    assert any(city in call.function.arguments for city in CITY["enum"]), call
    result = {"role": "tool", "tool_call_id": call.id, "name": "weather", "content": "sunny"}
    answer = litellm.completion(messages=[*SAID, message, result], **asked)
    assert answer.choices[0].message.content, answer


def keeps_to_a_schema(provider: str) -> None:
    schema = {
        "type": "object", "properties": {"city": CITY},
        "required": ["city"], "additionalProperties": False,
    }  # fmt: skip
    form = {"type": "json_schema", "json_schema": {"name": "c", "schema": schema, "strict": True}}
    asked = {**PROVIDERS[provider], **GREEDY, "response_format": form}
    text = litellm.completion(messages=SAID, **asked).choices[0].message.content
    assert '"city"' in text, text


def a_prompt_too_long_is_known(provider: str) -> None:
    long = [{"role": "user", "content": "word " * 3000}]
    try:
        litellm.completion(messages=long, **PROVIDERS[provider], **GREEDY)
    except litellm.ContextWindowExceededError:
        return
    raise AssertionError("it was answered")


for name in PROVIDERS:
    for act in (
        answers,
        streams,
        calls_a_tool_and_goes_on,
        keeps_to_a_schema,
        a_prompt_too_long_is_known,
    ):
        checks.of(name, act)


@checks
async def openai_asynchronously() -> None:
    answer = await litellm.acompletion(messages=SAID, **PROVIDERS["openai"], **GREEDY)
    assert answer.choices[0].message.content == ANSWER, answer


@checks
def responses() -> None:
    answer = litellm.responses(input=HELLO, temperature=0, **PROVIDERS["openai"])
    assert answer.output[-1].content[0].text == ANSWER, answer


@checks
def text_completion() -> None:
    answer = litellm.text_completion(
        prompt="Once upon a time",
        max_tokens=4,
        temperature=0,
        model=f"text-completion-openai/{MODEL}",
        **V1,
    )
    assert answer.choices[0].text, answer


@checks
def embeddings_of_openai_vllm_and_ollama() -> None:
    for provider in (f"openai/{MODEL}", f"hosted_vllm/{MODEL}"):
        assert len(litellm.embedding(model=provider, input=["a", "b"], **V1).data) == 2
    vectors = litellm.embedding(model=f"ollama/{MODEL}", input=["a", "b"], api_base=URL)
    assert len(vectors.data) == 2


@checks
def embeddings_of_tokens() -> None:
    assert len(litellm.embedding(model=f"openai/{MODEL}", input=[[1, 2]], **V1).data) == 1


@checks
def rerank_of_vllm() -> None:
    found = litellm.rerank(
        model=f"hosted_vllm/{MODEL}", query="a fox", documents=["a fox", "seven"],
        top_n=1, api_base=URL, api_key="none",
    )  # fmt: skip
    assert len(found.results) == 1, found


@checks
def rerank_of_cohere() -> None:
    found = litellm.rerank(
        model=f"cohere/{MODEL}", query="a fox", documents=["a fox", "seven"],
        top_n=1, api_base=f"{URL}/v2/rerank", api_key="none",
    )  # fmt: skip
    assert len(found.results) == 1, found


@checks
def an_unknown_model_is_litellm_s_own_error() -> None:
    try:
        litellm.completion(messages=SAID, model="openai/ghost", **V1)
    except litellm.NotFoundError:
        return
    raise AssertionError("it was answered")


checks.run()
