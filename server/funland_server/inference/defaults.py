"""Gives calls what they say nothing of, as whoever published the model wants it."""

from __future__ import annotations

from collections.abc import Collection

from funland.v1.inference_pb2 import AdapterUse, Message, SamplingParameters
from funland.worker.v1.worker_pb2 import Conversation, Submit
from funland_server.models.installed.defaults import Defaults


def apply_defaults(
    submit: Submit, defaults: Defaults, *, can_chat: bool, adapters: Collection[str]
) -> None:
    """Sets what a call leaves open; what it says stays.

    Args:
        submit: What the worker is to be told.
        defaults: Those of the model.
        can_chat: Whether it has a chat template.
        adapters: The ids of those that it has.
    """
    fill_sampling(submit.sampling, defaults.sampling)
    if submit.WhichOneof("input") == "message" and can_chat and _begins(defaults):
        message = Message(role=Message.USER, content=submit.message)
        submit.conversation.messages.append(message)
    if submit.WhichOneof("input") == "conversation":
        begin_conversation(submit.conversation, defaults)
    wanted = [name for name in defaults.adapters if name in adapters]
    if wanted and not submit.options.adapters:
        submit.options.adapters.extend(AdapterUse(adapter_id=name) for name in wanted)


def begin_conversation(conversation: Conversation, defaults: Defaults) -> None:
    """Puts the system message in front if there is none, and the messages that each chat begins
    with behind the system messages."""
    if not _begins(defaults):
        return
    messages = list(conversation.messages)
    count = next(
        (place for place, one in enumerate(messages) if one.role != Message.SYSTEM), len(messages)
    )
    first = messages[:count]
    if defaults.system_message and not any(one.role == Message.SYSTEM for one in messages):
        first = [Message(role=Message.SYSTEM, content=defaults.system_message)]
    del conversation.messages[:]
    conversation.messages.extend([*first, *defaults.messages, *messages[count:]])


def _begins(defaults: Defaults) -> bool:
    return bool(defaults.system_message or defaults.messages)


def fill_sampling(asked: SamplingParameters, wanted: SamplingParameters) -> None:
    """Sets what is not asked for as it is wanted. A list that is asked for, as of stop strings,
    takes the place of the one that is wanted."""
    if not wanted.ByteSize():  # as of nearly all models
        return
    merged = SamplingParameters()
    merged.CopyFrom(wanted)
    for field, _ in asked.ListFields():
        merged.ClearField(field.name)  # type: ignore[arg-type]  # one of the message's fields
    if asked.min_tokens > merged.max_tokens:
        merged.ClearField("max_tokens")
    merged.MergeFrom(asked)
    asked.CopyFrom(merged)
