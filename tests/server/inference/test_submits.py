"""What callers ask for reaches the worker whole, and what it tells reaches them."""

from __future__ import annotations

from funland.v1.inference_pb2 import (
    ChatRequest,
    Delta,
    Finish,
    GenerateRequest,
    GenerationEvent,
    GenerationOptions,
    Message,
    PromptLogprobs,
    SamplingParameters,
    Start,
    TokenLogprob,
)
from funland.worker.v1.worker_pb2 import Conversation
from funland_server.inference.generation import from_chat, from_prompt
from funland_server.inference.texts import Texts

SAMPLING = SamplingParameters(min_tokens=3)
OPTIONS = GenerationOptions(prompt_logprobs=0, last_prompt_tokens=-1, progress=True)


def test_a_prompt_is_text_or_tokens_or_a_message() -> None:
    text = from_prompt(GenerateRequest(prompt="a", sampling=SAMPLING, options=OPTIONS))
    tokens = from_prompt(GenerateRequest(prompt_tokens=[1, 2], options=OPTIONS))
    message = from_prompt(GenerateRequest(prompt="a", as_message=True))

    assert (text.WhichOneof("input"), text.prompt) == ("prompt", "a")
    assert (tokens.WhichOneof("input"), list(tokens.tokens.tokens)) == ("tokens", [1, 2])
    assert (message.WhichOneof("input"), message.message) == ("message", "a")
    assert (text.sampling, text.options) == (SAMPLING, OPTIONS)
    assert not message.HasField("options")


def test_all_of_a_conversation_is_passed_on() -> None:
    request = ChatRequest(
        messages=[Message(role=Message.ASSISTANT, content="a")],
        parallel_tool_calls=False,
        reasoning=False,
        template_arguments="{}",
        continue_last=True,
        drop_oldest=True,
    )
    request.tools.add(name="f", free_form=True, namespace="n")
    request.tool_choice.name = "f"

    conversation = from_chat(request).conversation
    told = [one for one in Conversation.DESCRIPTOR.fields if one.name != "image_pixels"]

    assert {field.name for field, _ in conversation.ListFields()} == {one.name for one in told}
    for field in told:
        assert getattr(conversation, field.name) == getattr(request, field.name)


def test_what_is_told_of_prompt_and_thoughts_is_put_together() -> None:
    texts = Texts()
    tokens = [TokenLogprob(token_id=1), TokenLogprob(token_id=2, logprob=-0.5)]
    finish = Finish(reason=Finish.STOP)
    for event in (
        GenerationEvent(start=Start(id="gen-1", model="m")),
        GenerationEvent(prompt_logprobs=PromptLogprobs(tokens=tokens)),
        GenerationEvent(delta=Delta(reasoning="so")),
        GenerationEvent(choice=1, delta=Delta(reasoning="hm")),
        GenerationEvent(delta=Delta(text="a")),
        GenerationEvent(choice=1, finish=finish),
        GenerationEvent(finish=finish),
    ):
        texts.add(event)

    done = texts.completed()

    assert list(done.prompt_logprobs) == tokens
    assert [text.thoughts for text in done.texts] == ["so", "hm"]
    assert [text.text for text in done.texts] == ["a", ""]
