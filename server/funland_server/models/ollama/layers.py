"""Reads what a model of Ollama's registry has beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import orjson
import structlog

from funland.v1.inference_pb2 import Message
from funland_server.models.installed.defaults import Defaults
from funland_server.models.ollama.jinja import NotTranslatedError, to_jinja
from funland_server.models.ollama.params import read_params

logger = structlog.get_logger(__name__)

LARGEST_LAYER: Final = 1024**2
"""In bytes: larger ones are not meant well."""
TEXT_LAYERS: Final = ("params", "system", "messages", "template", "config.json")

_MOST_MESSAGES: Final = 256
_LONGEST_SYSTEM: Final = 256 * 1024
_ROLES: Final = {"user": Message.USER, "assistant": Message.ASSISTANT, "system": Message.SYSTEM}


def read_layers(
    model_id: str,
    layers: Mapping[str, bytes],
    *,
    own_template: bool,
    adapters: tuple[str, ...] = (),
) -> Defaults:
    """What calls get that say nothing of it. Never fails: what is wrong is passed over, and the log
    says so. A template is not needed where the weights bring their `own_template`.

    Args:
        model_id: For the log.
        layers: Those of `TEXT_LAYERS` that there are.
        own_template: Whether the weights have a chat template.
        adapters: Those that it is meant to have.
    """
    log = logger.bind(model=model_id)
    params = read_params(_object(layers.get("params", b"")))
    for name in params.passed_over:
        log.warning("model_parameter_passed_over", parameter=name)
    config = _object(layers.get("config.json", b""))
    made_for = {key: config[key] for key in ("renderer", "parser") if config.get(key)}
    if made_for:
        log.info(
            "model_has_ollamas_own_formats", **{key: str(made_for[key])[:80] for key in made_for}
        )
    template = ""
    if not own_template:
        template = _template(log, layers.get("template", b"").decode(errors="replace"))
    return Defaults(
        sampling=params.sampling,
        system_message=layers.get("system", b"").decode(errors="replace")[:_LONGEST_SYSTEM].strip(),
        messages=_messages(log, layers.get("messages", b"")),
        context_length=params.context_length,
        chat_template=template,
        adapters=adapters,
    )


def _template(log: Any, template: str) -> str:
    if not template.strip():
        log.warning("model_has_no_chat_template")
        return ""
    try:
        return to_jinja(template)
    except NotTranslatedError as error:
        log.warning("chat_template_not_translated", why=str(error))
        return ""


def _messages(log: Any, text: bytes) -> tuple[Message, ...]:
    found = _json(text)
    several = cast("list[Any]", found) if isinstance(found, list) else []
    messages: list[Message] = []
    for one in several[:_MOST_MESSAGES]:
        entry = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
        role, content = _ROLES.get(str(entry.get("role"))), entry.get("content")
        if role is None or not isinstance(content, str):
            log.warning("model_messages_passed_over")
            return ()
        messages.append(Message(role=role, content=content))
    return tuple(messages)


def _object(text: bytes) -> dict[str, Any]:
    found = _json(text)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _json(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
