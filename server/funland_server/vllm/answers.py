"""What vLLM answers, as the events of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from funland.v1.inference_pb2 import (
    Delta,
    Finish,
    PromptLogprobs,
    Timings,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from funland.worker.v1.worker_pb2 import SequenceEvent
from funland_server.vllm.http import RefusedError
from funland_server.vllm.requests import Request

Json = Mapping[str, Any]

_PLACEHOLDER: Final = "token_id:"
_REASONS: Final = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
}
_BROKEN_OFF: Final = ("abort", "error")


@dataclass(slots=True)
class _Text:
    """One of the texts, as far as it is known."""

    tokens: int = 0
    calls: bool = False
    reason: Finish.Reason.ValueType | None = None
    stop: str = ""
    first: float | None = None
    """When its first token came, by the clock."""
    last: float = 0.0


class Answer:
    """Takes the parts of an answer, one that is whole included, and gives what they tell.

    A text's end is told with the last part, which has how many tokens the prompt had.
    """

    def __init__(
        self,
        request: Request,
        piece: Callable[[int], bytes],
        is_end: Callable[[int], bool],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`piece` gives a token's bytes, `is_end` whether it ends texts, `clock` seconds."""
        self._request = request
        self._piece = piece
        self._is_end = is_end
        self._clock = clock
        self._texts = [_Text() for _ in range(request.texts)]
        self._begin = clock()
        self._over = False

    @property
    def over(self) -> bool:
        """Whether all of it has come."""
        return self._over

    def take(self, part: Json) -> Iterator[SequenceEvent]:
        """What the next part tells. Some tells nothing."""
        choices: Sequence[Json] = part.get("choices") or ()
        if self._request.prompt_logprobs is not None and (told := self._of_prompt(part, choices)):
            yield SequenceEvent(prompt_logprobs=told)
        for choice in choices:
            event = self._choice(choice)
            if event.tokens or event.HasField("delta"):
                yield event
        if usage := part.get("usage"):
            self._over = True
            yield from self._ends(usage, part.get("metrics") or {})

    def _choice(self, choice: Json) -> SequenceEvent:
        index = int(choice.get("index") or 0)
        text = self._texts[index]
        tokens: Sequence[int] = choice.get("token_ids") or ()
        if tokens:
            text.last = self._clock()
            text.first = text.first or text.last
            text.tokens += len(tokens)
        if reason := choice.get("finish_reason"):
            if reason in _BROKEN_OFF:
                raise RefusedError(500, {"message": f"a text ended with {reason!r}"})
            text.reason = _REASONS.get(reason, Finish.STOP)
            stop = choice.get("stop_reason")  # or the id of a token that ended it
            text.stop = stop if isinstance(stop, str) else ""
        if self._request.makes_none:
            return SequenceEvent(choice=index)
        event = SequenceEvent(choice=index, tokens=len(tokens))
        delta = _delta(choice)
        text.calls = text.calls or bool(delta.tool_calls)
        delta.logprobs.extend(self._logprobs(choice, _part(delta)))
        if delta.ByteSize():
            event.delta.CopyFrom(delta)
        return event

    def _ends(self, usage: Json, metrics: Json) -> Iterator[SequenceEvent]:
        details: Json = usage.get("prompt_tokens_details") or {}
        made: Json = usage.get("completion_tokens_details") or {}
        prompt = int(usage.get("prompt_tokens") or 0)
        for index, text in enumerate(self._texts):
            count = 0 if self._request.makes_none else text.tokens
            told = Usage(
                prompt_tokens=prompt,
                completion_tokens=count,
                total_tokens=prompt + count,
                cached_prompt_tokens=int(details.get("cached_tokens") or 0),
                # Of all texts together: they are told with the first.
                reasoning_tokens=0 if index else int(made.get("reasoning_tokens") or 0),
            )
            finish = Finish(
                reason=self._reason(text),
                usage=told,
                timings=self._timings(text, metrics),
                stop=text.stop,
            )
            yield SequenceEvent(choice=index, finish=finish)

    def _reason(self, text: _Text) -> Finish.Reason.ValueType:
        if self._request.makes_none:
            return Finish.LENGTH
        if text.calls and text.reason == Finish.STOP:  # as it has it where the function was named
            return Finish.TOOL_CALLS
        return text.reason or Finish.STOP

    def _timings(self, text: _Text, metrics: Json) -> Timings:
        """What was measured here, parted by what vLLM says of its queue."""
        first = text.first or self._clock()
        waited = 1e3 * (first - self._begin)
        queue = min(float(metrics.get("queue_time_ms") or 0.0), waited)
        decode = 1e3 * max(0.0, text.last - first)
        return Timings(queue_ms=queue, prompt_ms=waited - queue, decode_ms=decode)

    def _logprobs(self, choice: Json, part: TokenLogprob.Part.ValueType) -> Iterator[TokenLogprob]:
        told: Json = choice.get("logprobs") or {}
        if self._request.top_logprobs is None:
            return
        entries: Sequence[Json] = told.get("content") or ()
        rows = [
            (one["token"], one["logprob"], {t["token"]: t["logprob"] for t in one["top_logprobs"]})
            for one in entries
        ] or zip(
            told.get("tokens") or (),
            told.get("token_logprobs") or (),
            told.get("top_logprobs") or (),
            strict=True,
        )
        for token, logprob, top in rows:
            chosen = _number(token)
            place = TokenLogprob.END if self._is_end(chosen) else part
            yield self._logprob(chosen, logprob, top or {}, self._request.top_logprobs, place)

    def _logprob(
        self,
        token: int,
        logprob: float | None,
        top: Mapping[str, float],
        count: int,
        part: TokenLogprob.Part.ValueType,
    ) -> TokenLogprob:
        likeliest = sorted(top.items(), key=lambda one: -one[1])[:count]
        return TokenLogprob(
            token_id=token,
            token=self._piece(token),
            logprob=logprob,
            part=part,
            top=[
                TokenLogprob(token_id=_number(one), token=self._piece(_number(one)), logprob=value)
                for one, value in likeliest
            ],
        )

    def _of_prompt(self, part: Json, choices: Sequence[Json]) -> PromptLogprobs | None:
        """A chat's stand beside the choices, a completion's in them."""
        places = [part, *choices[:1]]
        tokens = next((one["prompt_token_ids"] for one in places if _has(one)), None)
        told = next((one["prompt_logprobs"] for one in places if one.get("prompt_logprobs")), None)
        if tokens is None or told is None:
            return None
        count = self._request.prompt_logprobs or 0
        found: list[TokenLogprob] = []
        rows: Sequence[Mapping[str, Json] | None] = told
        for token, row in zip(tokens, rows, strict=True):
            values = {name: float(entry["logprob"]) for name, entry in (row or {}).items()}
            one = self._logprob(
                token, values.get(str(token)), values, count, TokenLogprob.PART_UNSPECIFIED
            )
            found.append(one)
        return PromptLogprobs(tokens=found)


def _has(place: Json) -> bool:
    return place.get("prompt_token_ids") is not None


def _delta(choice: Json) -> Delta:
    """More of a text; of a whole answer all of it."""
    told: Json = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
    delta = Delta(
        text=told.get("content") or "",
        reasoning=told.get("reasoning") or told.get("reasoning_content") or "",
    )
    for place, call in enumerate(told.get("tool_calls") or ()):
        function: Json = call.get("function") or {}
        name = function.get("name") or ""
        delta.tool_calls.append(
            ToolCallDelta(
                index=call.get("index", place),
                id=(call.get("id") or "") if name else "",
                name=name,
                arguments=function.get("arguments") or "",
            )
        )
    return delta


def _part(delta: Delta) -> TokenLogprob.Part.ValueType:
    """Whose tokens come with it; a token of marks alone is taken for the text's."""
    if delta.tool_calls:
        return TokenLogprob.CALLS
    return TokenLogprob.REASONING if delta.reasoning else TokenLogprob.CONTENT


def _number(token: str) -> int:
    return int(token.removeprefix(_PLACEHOLDER))
