"""Translates Ollama's chat templates, which are Go's, to Jinja."""

from __future__ import annotations


class NotTranslatedError(Exception):
    """The template has something that is not translated; the message says what."""


def to_jinja(template: str) -> str:
    """A Jinja template that gives the same prompts for conversations of text.

    Raises:
        NotTranslatedError: It does more than this knows.
    """
    raise NotTranslatedError("templates are not translated yet")
