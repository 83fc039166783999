"""Whole texts as the calls answer them that ask for them."""

from __future__ import annotations

from funland.v1 import inference_pb2
from funland_server.inference.texts import Completed


def generate_response(done: Completed) -> inference_pb2.GenerateResponse:
    """As `Generate` answers."""
    first, *others = done.texts
    return inference_pb2.GenerateResponse(
        id=done.id,
        model=done.model,
        text=first.text,
        reasoning=first.thoughts,
        finish_reason=first.finish.reason,
        stop=first.finish.stop,
        logprobs=first.logprobs,
        prompt_logprobs=done.prompt_logprobs,
        usage=done.usage,
        timings=done.timings,
        device_ids=done.device_ids,
        alternatives=[
            inference_pb2.AlternativeText(
                text=other.text,
                reasoning=other.thoughts,
                finish_reason=other.finish.reason,
                stop=other.finish.stop,
                logprobs=other.logprobs,
            )
            for other in others
        ],
    )


def chat_response(done: Completed) -> inference_pb2.ChatResponse:
    """As `Chat` answers."""
    first, *others = done.texts
    return inference_pb2.ChatResponse(
        id=done.id,
        model=done.model,
        message=first.message,
        finish_reason=first.finish.reason,
        stop=first.finish.stop,
        logprobs=first.logprobs,
        prompt_logprobs=done.prompt_logprobs,
        usage=done.usage,
        timings=done.timings,
        device_ids=done.device_ids,
        steps=done.steps,
        step_messages=done.step_messages,
        alternatives=[
            inference_pb2.AlternativeMessage(
                message=other.message,
                finish_reason=other.finish.reason,
                stop=other.finish.stop,
                logprobs=other.logprobs,
            )
            for other in others
        ],
    )
