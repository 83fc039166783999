"""Parts the calls of a message into the server's and the caller's, as they are written: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from funland.v1.inference_pb2 import Delta, ToolCall, ToolCallDelta


class Handing:
    """What the caller is told of one message while it comes."""

    def __init__(self, is_servers: Callable[[str], bool]) -> None:
        self._is_servers = is_servers
        self._places: dict[int, int | None] = {}
        """The caller's place of a call, by that in the message; None: it is the server's."""
        self._told = 0
        self._untold = 0
        """Tokens of the server's calls since the last delta that was told."""

    def told(self, delta: Delta) -> Delta | None:
        """A delta without the server's calls; None if nothing is left."""
        if not delta.tool_calls:
            if self._untold:
                delta.tokens, self._untold = delta.tokens + self._untold, 0
            return delta
        own = [piece for piece in map(self._own, delta.tool_calls) if piece is not None]
        rest = Delta(text=delta.text, reasoning=delta.reasoning, logprobs=delta.logprobs)
        rest.tool_calls.extend(own)
        self._untold += delta.tokens
        if not rest.ByteSize():
            return None
        if self._untold:
            rest.tokens, self._untold = self._untold, 0
        return rest

    def handed(self, calls: Sequence[ToolCall]) -> Delta | None:
        """The calls of the server that nobody has made, for the caller to see; None: there are
        none."""
        delta = Delta()
        for call in calls:
            if self._is_servers(call.name):
                delta.tool_calls.append(
                    ToolCallDelta(
                        index=self._told, id=call.id, name=call.name, arguments=call.arguments
                    )
                )
                self._told += 1
        return delta if delta.tool_calls else None

    def _own(self, piece: ToolCallDelta) -> ToolCallDelta | None:
        if piece.index not in self._places:
            servers = self._is_servers(piece.name)
            self._places[piece.index] = None if servers else self._told
            self._told += not servers
        place = self._places[piece.index]
        if place is None:
            return None
        return ToolCallDelta(index=place, id=piece.id, name=piece.name, arguments=piece.arguments)
