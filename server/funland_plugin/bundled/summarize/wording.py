"""What a model is told that is to summarize, and how long it may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from funland_plugin.bundled.asking import Question

TEXT: Final = "text"
MARKDOWN: Final = "markdown"


@dataclass(frozen=True, slots=True)
class Length:
    """How long a summary is to be."""

    prose: str
    max_tokens: int
    most_points: int
    most_sentences: int | None
    """None: there may be paragraphs."""


LENGTHS: Final[Mapping[str, Length]] = {
    "short": Length("in one or two sentences", 160, 3, 2),
    "medium": Length("in one paragraph", 400, 7, 10),
    "long": Length("in several paragraphs", 1000, 15, None),
}
DEFAULT_LENGTH: Final = "medium"
_PART_TOKENS: Final = 300


def whole_question(config: Mapping[str, Any], output_format: str) -> Question:
    """For what a model reads at once: a text, or the summaries of its parts."""
    length = LENGTHS[config.get("length", DEFAULT_LENGTH)]
    if output_format == MARKDOWN:
        form = (
            f"in at most {length.most_points} points, each a line of Markdown that begins with `- `"
        )
    else:
        form = f"{length.prose}, without Markdown"
    return _question(config, f"Summarize the user's text {form}.", length.max_tokens)


def part_question(config: Mapping[str, Any]) -> Question:
    """For a part of a longer text."""
    told = "The user's text is a part of a longer one. Summarize this part in a few sentences."
    return _question(config, told, _PART_TOKENS)


def _question(config: Mapping[str, Any], what: str, max_tokens: int) -> Question:
    language = config.get("language", "")
    tongue = f"Write in {language}." if language else "Write in the language of the text."
    rules = "Say only what the text says. Answer with the summary alone."
    return Question(f"{what} {tongue} {rules}", config.get("model", ""), max_tokens)
