"""What a model is told that is to summarize, and how long it may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from funland_plugin.bundled.asking import Question

TEXT: Final = "text"
MARKDOWN: Final = "markdown"


@dataclass(frozen=True, slots=True)
class _Length:
    prose: str
    points: str
    max_tokens: int


_LENGTHS: Final[Mapping[str, _Length]] = {
    "short": _Length("in one or two sentences", "in at most three points", 160),
    "medium": _Length("in one paragraph", "in at most seven points", 400),
    "long": _Length("in several paragraphs", "in at most fifteen points", 1000),
}
_PART: Final = _Length("in a few sentences", "in a few sentences", 300)


def whole_question(config: Mapping[str, Any], output_format: str) -> Question:
    """For what a model reads at once: a text, or the summaries of its parts."""
    length = _LENGTHS[config.get("length", "medium")]
    if output_format == MARKDOWN:
        form = f"{length.points}, each a line of Markdown that begins with `- `"
    else:
        form = f"{length.prose}, without Markdown"
    return _question(config, f"Summarize the user's text {form}.", length.max_tokens)


def part_question(config: Mapping[str, Any]) -> Question:
    """For a part of a longer text."""
    told = f"The user's text is a part of a longer one. Summarize this part {_PART.prose}."
    return _question(config, told, _PART.max_tokens)


def _question(config: Mapping[str, Any], what: str, max_tokens: int) -> Question:
    language = config.get("language", "")
    tongue = f"Write in {language}." if language else "Write in the language of the text."
    rules = "Say only what the text says. Answer with the summary alone."
    return Question(f"{what} {tongue} {rules}", config.get("model", ""), max_tokens)
