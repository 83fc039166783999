"""A conversation as OpenAI's API writes it, with vLLM's additions."""

from __future__ import annotations

from typing import Any, Final

import orjson

from funland.v1.inference_pb2 import Message, Tool, ToolCall, ToolChoice
from funland.worker.v1.worker_pb2 import Conversation
from funland_server.errors import FieldInvalidError, Violation
from funland_server.vllm.speech import Speech
from funland_server.vllm.unsupported import unsupported
from funland_server.workers.errors import ConstraintInvalidError

_ROLES: Final = {
    Message.SYSTEM: "system",
    Message.USER: "user",
    Message.ASSISTANT: "assistant",
    Message.TOOL: "tool",
}
_ONE_TEXT: Final = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
"""The arguments of a function that takes one text."""


def of_message(text: str) -> Conversation:
    """A conversation of one message, which a user says."""
    return Conversation(messages=[Message(role=Message.USER, content=text)])


def chat(conversation: Conversation, speech: Speech) -> dict[str, Any]:
    """The fields of a request that say what is to be answered.

    Raises:
        EngineUnsupportedError: It asks for what vLLM can't do with this model.
        FieldInvalidError: What it has for the template is no JSON object.
        ConstraintInvalidError: What a function takes is not JSON.
    """
    told = rendered(conversation, speech)
    if "tools" in told:
        told["tool_choice"] = _choice(conversation.tool_choice)
        parallel = conversation.HasField("parallel_tool_calls")
        told["parallel_tool_calls"] = conversation.parallel_tool_calls if parallel else True
    return told


def rendered(conversation: Conversation, speech: Speech) -> dict[str, Any]:
    """Those of them that change the prompt; raises as `chat`."""
    told: dict[str, Any] = {"messages": [_message(one) for one in conversation.messages]}
    if conversation.tools and conversation.tool_choice.mode != ToolChoice.NONE:
        if not speech.call_parser:
            raise unsupported("tools", "it has no parser for how this model calls functions")
        told["tools"] = [_tool(place, one) for place, one in enumerate(conversation.tools)]
    if variables := _variables(conversation, speech):
        told["chat_template_kwargs"] = variables
    if conversation.continue_last:
        told |= {"add_generation_prompt": False, "continue_final_message": True}
    return told


def _variables(conversation: Conversation, speech: Speech) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    if conversation.HasField("reasoning"):
        if speech.thinks and not speech.switches_thoughts:
            raise unsupported("reasoning", "the model's template leaves no choice")
        variables = {"enable_thinking": conversation.reasoning, "thinking": conversation.reasoning}
    if conversation.template_arguments:
        try:
            more = orjson.loads(conversation.template_arguments)
        except orjson.JSONDecodeError:
            more = None
        if not isinstance(more, dict):
            what = Violation("template_arguments", "must be a JSON object")
            raise FieldInvalidError([what])
        variables |= more
    return variables


def _message(message: Message) -> dict[str, Any]:
    told: dict[str, Any] = {"role": _ROLES[message.role], "content": message.content}
    if message.tool_calls:
        told["tool_calls"] = [_call(one) for one in message.tool_calls]
    for name in ("tool_call_id", "name", "reasoning"):
        if value := getattr(message, name):
            told[name] = value
    return told


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _tool(place: int, tool: Tool) -> dict[str, Any]:
    parameters: Any = {"type": "object", "properties": {}}
    if tool.free_form:
        parameters = _ONE_TEXT
    elif tool.parameters:
        parameters = json_of(tool.parameters, f"tools[{place}].parameters")
    # What a call has for arguments is held to its schema, which vLLM does not do unasked.
    function: dict[str, Any] = {"name": tool.name, "parameters": parameters, "strict": True}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def json_of(text: str, field: str) -> Any:
    """What a field's JSON says.

    Raises:
        ConstraintInvalidError: It is none.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConstraintInvalidError(f"{field} is not JSON: {error}.") from None


def _choice(choice: ToolChoice) -> Any:
    if choice.name:
        return {"type": "function", "function": {"name": choice.name}}
    return "required" if choice.mode == ToolChoice.REQUIRED else "auto"
