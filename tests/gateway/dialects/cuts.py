"""Random answers, cut into random events, for the tests of streams."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from funland.v1.inference_pb2 import Delta, TokenLogprob, ToolCallDelta

NAMES = ("add", "mcp__add", "patch")
"""A plain function's, one of a namespace, and one that takes a text."""

_TEXTS = st.text(st.sampled_from('aé😀"\\\n'), max_size=6)


def cut(text: str, data: st.DataObject) -> list[str]:
    """The text in pieces, some of them perhaps empty."""
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def deltas(draw: st.DrawFn, names: Sequence[str] = NAMES, most_calls: int = 3) -> list[Delta]:
    """An answer with thoughts, text and calls, each of which may be absent, in random events:
    one may hold a letter or all of the answer. Its tokens are told or not."""
    steps = [Delta(reasoning=letter, logprobs=[_token(letter, TokenLogprob.REASONING)])
             for letter in draw(_TEXTS)]  # fmt: skip
    steps += [Delta(text=letter, logprobs=[_token(letter)]) for letter in draw(_TEXTS)]
    for index in range(draw(st.integers(0, most_calls))):
        name = draw(st.sampled_from(names))
        steps.append(_piece(ToolCallDelta(index=index, id=f"c{index}", name=name)))
        arguments = json.dumps({"input": draw(_TEXTS)}, ensure_ascii=draw(st.booleans()))
        steps += [_piece(ToolCallDelta(index=index, arguments=letter)) for letter in arguments]
    events: list[Delta] = []
    for step in steps:
        if not events or draw(st.integers(0, 3)) == 0:
            events.append(Delta())
        _add(events[-1], step, join=draw(st.booleans()))
    if draw(st.booleans()):
        for event in events:
            event.ClearField("logprobs")
    return events


def letters(events: Sequence[Delta]) -> list[Delta]:
    """The same answer, a letter an event."""
    made: list[Delta] = []
    for event in events:
        made += [Delta(reasoning=letter) for letter in event.reasoning]
        tokens = bool(event.logprobs)
        made += [
            Delta(text=letter, logprobs=[_token(letter)] if tokens else ()) for letter in event.text
        ]
        for call in event.tool_calls:
            if call.id:
                begun = ToolCallDelta(index=call.index, id=call.id, name=call.name)
                made.append(Delta(tool_calls=[begun]))
            made += [
                Delta(tool_calls=[ToolCallDelta(index=call.index, arguments=letter)])
                for letter in call.arguments
            ]
    return made


def _token(letter: str, part: TokenLogprob.Part.ValueType = TokenLogprob.CONTENT) -> TokenLogprob:
    return TokenLogprob(token=letter.encode(), logprob=-1, part=part)


def _piece(call: ToolCallDelta) -> Delta:
    return Delta(tool_calls=[call], logprobs=[_token("#", TokenLogprob.CALLS)])


def _add(event: Delta, step: Delta, *, join: bool) -> None:
    """Joins a call's piece to the one before it, or leaves both in the event."""
    event.text += step.text
    event.reasoning += step.reasoning
    event.logprobs.extend(step.logprobs)
    for piece in step.tool_calls:
        last = event.tool_calls[-1] if event.tool_calls else None
        if join and last is not None and last.index == piece.index:
            last.arguments += piece.arguments
        else:
            event.tool_calls.append(piece)
