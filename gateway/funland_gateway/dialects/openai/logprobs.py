"""The probabilities of tokens, as chats and as completions tell them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Any, Final

from funland.v1.inference_pb2 import TokenLogprob

MOST: Final = 20
"""OpenAI's own bound for the likeliest tokens of a chat, and the contract's."""

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
    """Makes `choices[].logprobs` of one text of a completion, whole or piece by piece."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._offset = 0

    def of(self, tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
        """Tells the next tokens; the offsets count the characters of the text before each."""
        made: dict[str, list[Any]] = {
            "tokens": [],
            "token_logprobs": [],
            "top_logprobs": [],
            "text_offset": [],
        }
        for token in tokens:
            made["tokens"].append(_text(token))
            made["token_logprobs"].append(_logprob(token))
            named = (*token.top, token)  # with the one that was chosen, as OpenAI has it
            made["top_logprobs"].append({_text(each): _logprob(each) for each in named})
            made["text_offset"].append(self._offset)
            self._offset += len(self._decoder.decode(token.token))
        return made


def _token(token: TokenLogprob) -> dict[str, Any]:
    return {"token": _text(token), "logprob": _logprob(token), "bytes": list(token.token)}


def _text(token: TokenLogprob) -> str:
    r"""The token as text; bytes that are part of a character as `\xe4`, as OpenAI has them."""
    return token.token.decode("utf-8", "backslashreplace")


def _logprob(token: TokenLogprob) -> float:
    return max(token.logprob, _LEAST)
