"""Puts pictures and sounds into a conversation for its template, and takes them out of the prompt.

A chat template writes text. So in the place of what is shown stands a word that nobody can know
before, and where that comes out in the prompt, its rows do.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message, MessagePart
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.engines.media import MediaKind, MediaReader, ReadMedia
from funland_worker.engines.protocol import EngineError, Vocabulary
from funland_worker.tokenizing import tokenized

_KINDS: Final[Mapping[str, MediaKind]] = {"image": MediaKind.IMAGE, "audio": MediaKind.AUDIO}
_NOBODY_SEES: Final[Mapping[MediaKind, tuple[ErrorReason.ValueType, str]]] = {
    MediaKind.IMAGE: (
        ErrorReason.MODEL_CANNOT_SEE,
        "The model can't see: leave the pictures out, or use one that has a projector for them.",
    ),
    MediaKind.AUDIO: (
        ErrorReason.MODEL_CANNOT_HEAR,
        "The model can't hear: leave the sounds out, or use one that has a projector for them.",
    ),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation whose messages are texts, and what the words in them stand for."""

    conversation: Conversation
    media: Mapping[str, tuple[MediaKind, ReadMedia]] = field(
        default_factory=dict[str, tuple[MediaKind, ReadMedia]]
    )
    """What is shown, by the words that stand in its place."""

    def readable(self, prompt: str) -> str:
        """The prompt with `<|image|>` and `<|audio|>` in place of the words."""
        for word, (kind, _) in self.media.items():
            prompt = prompt.replace(word, f"<|{kind.value}|>")
        return prompt

    async def tokens(
        self, prompt: str, vocabulary: Vocabulary, *, add_special: bool
    ) -> tuple[list[int], tuple[ReadMedia, ...]]:
        """The tokens of a prompt, and what is shown in it.

        Raises:
            EngineError: TEMPLATE_FAILED, if a picture or sound of the messages is not in it.
        """
        found: list[ReadMedia] = []
        tokens: list[int] = []
        for piece in parted(prompt, self.media):
            if piece in self.media:
                found.append(self.media[piece][1])
                tokens += found[-1].tokens
            elif piece or not tokens:
                tokens += await tokenized(
                    vocabulary,
                    piece,
                    add_special=add_special and not tokens,
                    parse_special=True,
                )
        return tokens, tuple(found)

    def check(self, messages: Sequence[Message], prompt: str) -> None:
        """Sees whether what these messages show is in the prompt.

        Raises:
            EngineError: TEMPLATE_FAILED.
        """
        for word, (kind, _) in self.media.items():
            if word not in prompt and any(word in message.content for message in messages):
                raise EngineError(
                    ErrorReason.TEMPLATE_FAILED,
                    f"The model's chat template leaves out {_name(kind)} of this conversation.",
                )


async def shown(conversation: Conversation, reader: MediaReader | None) -> Shown:
    """The conversation as its template can be given it.

    Raises:
        EngineError: MODEL_CANNOT_SEE, MODEL_CANNOT_HEAR, IMAGE_INVALID, AUDIO_INVALID or
            FORMAT_UNAVAILABLE.
    """
    if not any(message.parts for message in conversation.messages):
        return Shown(conversation)
    told = Conversation()
    told.CopyFrom(conversation)
    media: dict[str, tuple[MediaKind, ReadMedia]] = {}
    for number, message in enumerate(told.messages):
        pieces: list[tuple[str, bool]] = []
        for place, part in enumerate(message.parts):
            name = part.WhichOneof("part") or "text"
            if name == "text":
                pieces.append((part.text, True))
                continue
            kind, path = _KINDS[name], f"messages[{number}].parts[{place}].{name}"
            word = f"Qz{secrets.token_hex(12)}x"
            media[word] = kind, await _read(kind, part, path, reader, told.image_pixels)
            pieces.append((word, False))
        if pieces:
            message.content = joined(pieces)
            del message.parts[:]
    return Shown(told, media)


def joined(pieces: Sequence[tuple[str, bool]]) -> str:
    """The pieces as one text, each given with whether it is text: texts that follow each other
    stand on a line each, and what is shown right beside what is said."""
    text, follows = "", False
    for piece, is_text in pieces:
        text += "\n" + piece if is_text and follows else piece
        follows = is_text
    return text


def parted(prompt: str, words: Mapping[str, object]) -> list[str]:
    """The prompt cut before and behind each of the words."""
    if not words:
        return [prompt]
    return re.split(f"({'|'.join(map(re.escape, words))})", prompt)


async def _read(
    kind: MediaKind, part: MessagePart, path: str, reader: MediaReader | None, most_pixels: int
) -> ReadMedia:
    if reader is None or kind not in reader.kinds:
        reason, message = _NOBODY_SEES[kind]
        raise EngineError(reason, message)
    media = part.image if kind == MediaKind.IMAGE else part.audio
    return await reader.read(kind, media.data, f"{path}.data", most_pixels)


def _name(kind: MediaKind) -> str:
    return "a picture" if kind == MediaKind.IMAGE else "a sound"
