"""The probabilities of tokens, as chats and as completions tell them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from typing import Any, Final

from funland.v1.inference_pb2 import TokenLogprob

MOST: Final = 20
"""OpenAI's own bound for the likeliest tokens of a chat, and the contract's."""

_LISTS: Final = ("tokens", "token_logprobs", "top_logprobs", "text_offset")

Echo = str | None
"""The prompt that a text begins with. None: its tokens come with the answer and make it."""
_CONTENT: Final = (TokenLogprob.CONTENT, TokenLogprob.PART_UNSPECIFIED)

_LEAST: Final = -9999.0  # OpenAI's word for a probability of 0, for which JSON has no number


def chat_logprobs(tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
    """`choices[].logprobs` of a chat: of the tokens that its content is made of, and no others."""
    content = [
        {**_token(token), "top_logprobs": [_token(other) for other in token.top]}
        for token in content_tokens(tokens)
    ]
    return {"content": content, "refusal": None}


def content_tokens(tokens: Iterable[TokenLogprob]) -> Iterable[TokenLogprob]:
    """Without those of reasoning, calls, marks and stop strings."""
    return (token for token in tokens if token.part in _CONTENT)


class TextLogprobs:
    """Makes `choices[].logprobs` of one text of a completion, whole or piece by piece.

    Every token that was made is told, the end's mark too: programs count them. What is no part of
    the text takes no place in it and has none of its own.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._offset = 0

    def of_prompt(self, tokens: Sequence[TokenLogprob], echo: Echo) -> dict[str, list[Any]]:
        """Tells the tokens of the prompt that the text begins with."""
        shown = [token.token for token in tokens] if echo is None else placed(tokens, echo)
        told = self._told(zip(tokens, shown, strict=True))
        self._decoder.reset()
        self._offset = len(text_of(tokens) if echo is None else echo)
        return told

    def of(self, tokens: Iterable[TokenLogprob]) -> dict[str, list[Any]]:
        """Tells the next tokens; the offsets count the characters of the text before each."""
        return self._told((token, _shown(token)) for token in tokens)

    def _told(self, tokens: Iterable[tuple[TokenLogprob, bytes]]) -> dict[str, list[Any]]:
        told: dict[str, list[Any]] = {name: [] for name in _LISTS}
        for token, shown in tokens:
            first = not token.HasField("logprob")  # it follows nothing
            told["tokens"].append("" if token.part == TokenLogprob.END else _text(token))
            told["token_logprobs"].append(None if first else _logprob(token))
            told["top_logprobs"].append(None if first else _named(token))
            told["text_offset"].append(self._offset)
            self._offset += len(self._decoder.decode(shown))
        return told


def _shown(token: TokenLogprob) -> bytes:
    return b"" if token.part == TokenLogprob.END else token.token


def text_of(tokens: Iterable[TokenLogprob]) -> str:
    """The text that tokens make."""
    return b"".join(token.token for token in tokens).decode("utf-8", "replace")


def placed(tokens: Iterable[TokenLogprob], text: str) -> list[bytes]:
    """What of its text each of a prompt's tokens holds: nothing for a mark that was put before it,
    and not the space that some vocabularies begin every text with."""
    data, place = text.encode(), 0
    shown: list[bytes] = []
    for token in tokens:
        part = token.token
        if place == 0 and not data.startswith(part):
            part = part.removeprefix(b" ")
        shown.append(part if data.startswith(part, place) else b"")
        place += len(shown[-1])
    return shown


def joined(first: dict[str, list[Any]], second: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The logprobs of two parts of one text."""
    return {name: first[name] + second[name] for name in _LISTS}


def _named(token: TokenLogprob) -> dict[str, float]:
    """The likeliest texts at a place, with the one that was chosen, as OpenAI has it. Of tokens
    that are written alike the likeliest counts."""
    named: dict[str, float] = {}
    for each in (*token.top, token):
        named.setdefault(_text(each), _logprob(each))
    return named


def _token(token: TokenLogprob) -> dict[str, Any]:
    return {"token": _text(token), "logprob": _logprob(token), "bytes": list(token.token)}


def _text(token: TokenLogprob) -> str:
    r"""The token as text; bytes that are part of a character as `\xe4`, as OpenAI has them."""
    return token.token.decode("utf-8", "backslashreplace")


def _logprob(token: TokenLogprob) -> float:
    return max(token.logprob, _LEAST)
