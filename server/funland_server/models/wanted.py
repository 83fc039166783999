"""What an import wants calls of its model to get that say nothing of it."""

from __future__ import annotations

from typing import Final

from funland.v1.inference_pb2 import SamplingParameters
from funland.v1.models_pb2 import ModelDefaults
from funland_server.errors import FieldInvalidError, Violation
from funland_server.models.installed.defaults import Defaults
from funland_server.models.ollama.jinja import NotTranslatedError, to_jinja

_TEMPLATE: Final = "defaults.ollama_template"


def wanted_defaults(base: Defaults, wanted: ModelDefaults, adapters: tuple[str, ...]) -> Defaults:
    """What is wanted, and else what `base` has; a list that is wanted takes the place of the one
    there. `adapters` are the ids of those that act in calls which name none.

    Raises:
        FieldInvalidError: The template is Ollama's, and is not translated.
    """
    context = wanted.context_length if wanted.HasField("context_length") else base.context_length
    return Defaults(
        sampling=_merged(base.sampling, wanted.sampling),
        system_message=wanted.system_message or base.system_message,
        messages=tuple(wanted.messages) or base.messages,
        context_length=context,
        chat_template=_template(wanted) or base.chat_template,
        adapters=adapters,
    )


def _merged(base: SamplingParameters, wanted: SamplingParameters) -> SamplingParameters:
    merged = SamplingParameters()
    merged.CopyFrom(base)
    for field, _ in wanted.ListFields():
        if field.is_repeated:
            merged.ClearField(field.name)  # pyright: ignore[reportArgumentType] - a field of it
    merged.MergeFrom(wanted)
    return merged


def _template(wanted: ModelDefaults) -> str:
    if not wanted.ollama_template:
        return wanted.chat_template
    try:
        return to_jinja(wanted.ollama_template)
    except NotTranslatedError as error:
        problem = f"can't be translated: {error}; send one in Jinja as chat_template"
        raise FieldInvalidError([Violation(_TEMPLATE, problem)]) from None
