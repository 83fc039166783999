"""A conversation that the server keeps, so that it can go on later and elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from funland.v1.inference_pb2 import Message, MessagePart
from funland.v1.sessions_pb2 import Session, SessionMessage
from funland_cli import options
from funland_cli.answers import write
from funland_cli.conversations import pace, with_shown
from funland_cli.told_failures import failure_of
from funland_cli.turns import Turn, hold
from funland_client import Format, Funland, FunlandError, MessageArguments, MessageStream
from funland_client.errors import NotFoundError

_SHOWN_LINES = 12


class KeptConversation:
    """A session, and how the next turn in it is answered."""

    def __init__(
        self,
        client: Funland,
        terminal: options.Session,
        session: Session,
        *,
        is_new: bool,
        wanted: Format | None,
        arguments: MessageArguments,
        shows: Sequence[MessagePart] = (),
    ) -> None:
        """`is_new`: whether the session was made for this. `shows` are the pictures and sounds of
        the first message."""
        self._shows = shows
        self._client = client
        self._output = terminal.output
        self._flags = terminal.flags
        self._session = session
        self._is_new = is_new
        self._format: Format | None = wanted
        self._arguments = arguments
        self._said = ""
        """The id of what was said last."""
        self._answered = ""
        """The id of the last answer."""

    def answer_once(self, message: str) -> None:
        """Answers one message and nothing else on standard output."""
        with self._stream(message) as stream:
            self._write(stream)
        self._output.note(self._next())

    def hold(self) -> None:
        """Shows where the conversation stands, and answers what is typed until the end is."""
        turns = self._client.sessions.messages(self._session.session_id)
        if turns and not self._output.as_json:
            self._output.line(recalled(turns), "dim")
        self._go_on(turns)
        name = self._session.title or "A new conversation"
        greeting = f"{name}: {self._session.model} listens."
        hold(self._output, greeting, self._answer, self._commands())
        if self._said:
            self._output.line(self._next(), "dim")
        elif self._is_new:
            self._leave_nothing()

    def _next(self) -> str:
        session = ["--session", self._session.session_id]
        return f"To go on: {shlex.join(['funland', 'chat', *session, *self._flags])}"

    def _leave_nothing(self) -> None:
        """Deletes the session, unless somebody else has said something in it."""
        session_id = self._session.session_id
        try:
            if not self._client.sessions.get(session_id).message_count:
                self._client.sessions.delete(session_id)
        except NotFoundError:  # Somebody else has deleted it.
            pass

    def _commands(self) -> Mapping[str, Turn]:
        return {
            "/regenerate": Turn("have the last answer written again", self._regenerate),
            "/edit": Turn("say it in place of what you said last", self._edit, "TEXT"),
            "/fork": Turn("go on in a copy; the conversation stays as it is", self._fork),
            "/title": Turn("name the conversation", self._name, "TEXT"),
        }

    def _answer(self, message: str) -> None:
        self._take(message)

    def _regenerate(self, _: str) -> None:
        if self._answered:
            self._take(regenerate_message_id=self._answered)
        else:
            self._output.line("There is no answer yet.", "dim")

    def _edit(self, text: str) -> None:
        if self._said and text:
            self._take(text, edit_message_id=self._said)
        else:
            self._output.line("Nothing to say it in place of." if text else "Say what.", "dim")

    def _fork(self, _: str) -> None:
        self._session = self._client.sessions.fork(self._session.session_id)
        self._go_on(self._client.sessions.messages(self._session.session_id))
        self._output.line(f"You are in {self._session.session_id} now.", "dim")

    def _name(self, title: str) -> None:
        self._session = self._client.sessions.update(self._session.session_id, title=title)
        self._output.line(f"It is called {self._session.title or 'nothing'} now.", "dim")

    def _take(
        self, message: str = "", *, edit_message_id: str = "", regenerate_message_id: str = ""
    ) -> None:
        """Answers a turn. What was said stays, also where the answer fails."""
        place: MessageArguments = {}
        if edit_message_id:
            place["edit_message_id"] = edit_message_id
        if regenerate_message_id:
            place["regenerate_message_id"] = regenerate_message_id
        try:
            with self._stream(message, place) as stream:
                try:
                    self._write(stream)
                finally:
                    self._note(stream)
            answer = stream.answer
            self._output.line(pace(answer.usage, answer.timings, answer.finish_reason), "dim")
        except KeyboardInterrupt:
            self._output.line()
            self._output.line("Stopped.", "dim")
        except FunlandError as error:
            self._output.line()
            self._output.failure(failure_of(error))

    def _stream(self, message: str, place: MessageArguments | None = None) -> MessageStream:
        given: MessageArguments = {**self._arguments, **(place or {})}
        said = with_shown(message, self._shows) if message else message
        self._shows = () if message else self._shows
        return self._client.sessions.stream(
            self._session.session_id, said, format=self._format, **given
        )

    def _write(self, stream: MessageStream) -> None:
        """Writes an answer; Ctrl-C ends it at the server too."""
        try:
            write(stream, self._output)
        except KeyboardInterrupt:
            self._stop(stream)
            raise
        if dropped := len(stream.answer.dropped_message_ids):
            self._output.note(f"The oldest {dropped} messages were left out: they don't fit.")

    def _stop(self, stream: MessageStream) -> None:
        session_id = self._session.session_id
        try:
            if message_id := self._answer_of(stream):
                self._client.sessions.cancel(session_id, message_id)
        except NotFoundError:  # Somebody else has deleted the session.
            pass

    def _answer_of(self, stream: MessageStream) -> str:
        """The id of the answer; empty as long as there is none, since others are written first."""
        if stream.answering:
            return stream.answer.message_id
        if stream.sent is None:
            return ""
        session_id = self._session.session_id
        head = self._client.sessions.get(session_id).head_message_id
        parent = self._client.sessions.message(session_id, head).parent_message_id
        return head if parent == stream.sent.message_id else ""

    def _note(self, stream: MessageStream) -> None:
        if stream.sent is not None:
            self._said = stream.sent.message_id
        if stream.answering:
            self._answered = stream.answer.message_id

    def _go_on(self, turns: Sequence[SessionMessage]) -> None:
        """Notes what was said last, and what was answered."""
        for turn in turns:
            if turn.message.role == Message.USER:
                self._said = turn.message_id
            elif turn.message.role == Message.ASSISTANT:
                self._answered = turn.message_id


def recalled(turns: Sequence[SessionMessage]) -> str:
    """The last turns of a conversation, in so many lines, for who goes on with it."""
    lines: list[str] = []
    for turn in turns[-2:]:
        mark = "> " if turn.message.role == Message.USER else ""
        lines += [mark + line for line in turn.message.content.splitlines()]
    return "\n".join(lines if len(lines) <= _SHOWN_LINES else ["…", *lines[-_SHOWN_LINES:]])
