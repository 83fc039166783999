"""Conversations and the ChatML form in which the model reads and writes them."""

from __future__ import annotations

from dataclasses import dataclass

END_OF_TEXT = "<|endoftext|>"
MESSAGE_START = "<|im_start|>"
MESSAGE_END = "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, MESSAGE_START, MESSAGE_END)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer.

    Right answers are `assistant`, those in `others`, and where `expect` says something, any text
    that contains all of it.
    """

    user: str
    assistant: str
    expect: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    def accepts(self, answer: str) -> bool:
        """Whether `answer` would do in the place of this turn's own."""
        if self.expect:
            return all(part.lower() in answer.lower() for part in self.expect)
        return answer.strip() in (self.assistant, *self.others)


@dataclass(frozen=True, slots=True)
class Conversation:
    """An optional system prompt and the turns under it, oldest first."""

    turns: tuple[Turn, ...]
    system: str = ""

    def segments(self) -> list[tuple[str, bool]]:
        """The ChatML text in pieces, each with whether the model is to learn to write it."""
        pieces: list[tuple[str, bool]] = []
        if self.system:
            pieces.append((f"{MESSAGE_START}system\n{self.system}{MESSAGE_END}\n", False))
        for turn in self.turns:
            opening = f"{MESSAGE_START}user\n{turn.user}{MESSAGE_END}\n{MESSAGE_START}assistant\n"
            pieces.append((opening, False))
            pieces.append((turn.assistant + MESSAGE_END, True))
            pieces.append(("\n", False))
        return pieces

    def prompt(self) -> str:
        """The ChatML text up to where the last answer begins."""
        *before, _answer, _newline = self.segments()
        return "".join(text for text, _learned in before)

    def messages(self) -> list[dict[str, str]]:
        """The same as role and content, without the last answer."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for turn in self.turns:
            messages.append({"role": "user", "content": turn.user})
            messages.append({"role": "assistant", "content": turn.assistant})
        return messages[:-1]
