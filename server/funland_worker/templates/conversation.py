"""What a chat template is given: a conversation in the form of Hugging Face's templates.

Their documentation: https://huggingface.co/docs/transformers/chat_templating. Templates that don't
know functions, or write them in a way that we don't read, are told of them in words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message, ToolCall
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.chat.formats import ChatFormat
from funland_worker.chat.tools import Function
from funland_worker.engines.protocol import EngineError
from funland_worker.templates.arranging import arranged, takes_calls
from funland_worker.templates.traits import Json, TemplateTraits

_TOOLS_IN_WORDS = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, write the function's name and a JSON object of its arguments like this:
{example}"""


def template_variables(
    conversation: Conversation, functions: Sequence[Function], traits: TemplateTraits
) -> Json:
    """The variables for a conversation that tells its model of these functions.

    Raises:
        EngineError: FIELD_INVALID if `template_arguments` are no JSON object.
    """
    variables = _template_arguments(conversation.template_arguments)
    if conversation.HasField("reasoning"):
        variables["enable_thinking"] = variables["thinking"] = conversation.reasoning
    tools = [_tool(function) for function in functions]
    words = _in_words(tools, traits) if tools and not traits.knows_tools else ""
    messages = _with_instructions(_messages(conversation.messages, traits), words)
    if traits.knows_calls and not takes_calls(messages, traits):
        traits = traits.without_calls
        messages = _with_instructions(_messages(conversation.messages, traits), words)
    # Templates tell "no tools" by none: a variable that is not there would not be none.
    variables["tools"] = tools if tools and traits.knows_tools else None
    variables["messages"] = arranged(messages, traits)
    variables["add_generation_prompt"] = True
    return variables


def _in_words(tools: list[Json], traits: TemplateTraits) -> str:
    return _TOOLS_IN_WORDS.format(
        tools="\n".join(orjson.dumps(tool).decode() for tool in tools),
        example=traits.call_format.example(),
    )


def _template_arguments(text: str) -> Json:
    if not text:
        return {}
    try:
        arguments = orjson.loads(text)
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise EngineError(
            ErrorReason.FIELD_INVALID, "must be a JSON object", field="template_arguments"
        )
    return cast("Json", arguments)


def _tool(function: Function) -> Json:
    return {
        "type": "function",
        "function": {
            "name": function.name,
            "description": function.description,
            "parameters": function.parameters,
        },
    }


def _message(message: Message, traits: TemplateTraits) -> Json:
    told: Json = {"role": Message.Role.Name(message.role).lower(), "content": message.content}
    if message.name:
        told["name"] = message.name
    if message.tool_call_id:
        told["tool_call_id"] = _id(message.tool_call_id, traits.call_format)
    if message.reasoning:
        told["reasoning_content"] = message.reasoning
    if not message.tool_calls:
        return told
    if not traits.knows_calls:
        calls = [_call_in_words(call, traits.call_format) for call in message.tool_calls]
        told["content"] = "\n".join(filter(None, [message.content, *calls]))
        return told
    told["tool_calls"] = [
        {
            "type": "function",
            "id": _id(call.id, traits.call_format),
            "function": {"name": call.name, "arguments": _arguments(call.arguments)},
        }
        for call in message.tool_calls
    ]
    return told


def _arguments(text: str) -> Json | str:
    """The arguments as an object; as text if they are none, as those of a call that was cut off."""
    try:
        arguments = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return text
    return cast("Json", arguments) if isinstance(arguments, dict) else text


def _call_in_words(call: ToolCall, call_format: ChatFormat) -> str:
    return (
        call_format.example()
        .replace("<function-name>", call.name)
        .replace("<args-json-object>", call.arguments or "{}")
    )


def _id(given: str, call_format: ChatFormat) -> str:
    """The id, in a form that the template takes: always the same for the same id."""
    length = call_format.id_length
    if not length or (len(given) == length and given.isascii() and given.isalnum()):
        return given
    return hashlib.sha256(given.encode()).hexdigest()[:length]


def _messages(messages: Sequence[Message], traits: TemplateTraits) -> list[Json]:
    """The messages; results of functions become the user's words if the template wants that, those
    that follow each other in one message. Results say which function's they are: many templates
    want that."""
    told: list[Json] = []
    names: dict[str, str] = {}
    results: list[str] = []
    for message in messages:
        if message.role == Message.TOOL and not traits.knows_results:
            results.append(f"<tool_response>\n{message.content}\n</tool_response>")
            continue
        if results:
            told.append({"role": "user", "content": "\n".join(results)})
            results = []
        told.append(_message(message, traits))
        names.update((call.id, call.name) for call in message.tool_calls)
        if message.role == Message.TOOL and message.tool_call_id in names:
            told[-1].setdefault("name", names[message.tool_call_id])
    if results:
        told.append({"role": "user", "content": "\n".join(results)})
    return told


def _with_instructions(messages: list[Json], words: str) -> list[Json]:
    """The messages with more for the model to know, behind what the first system message says."""
    if not words:
        return messages
    if messages and messages[0]["role"] == "system":
        content = f"{messages[0]['content']}\n\n{words}"
        return [{**messages[0], "content": content}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]
