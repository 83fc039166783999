"""Kept conversations as a user holds and sees them, with a server that is told what to say."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from funland.v1.inference_pb2 import Delta, Finish, Message, SamplingParameters, Timings, Usage
from funland.v1.sessions_pb2 import (
    CancelMessageRequest,
    CreateSessionRequest,
    DeleteSessionRequest,
    ExportSessionRequest,
    ForkSessionRequest,
    GetSessionRequest,
    ListMessagesRequest,
    ListMessagesResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    SendMessageRequest,
    Session,
    SessionEvent,
    SessionMessage,
    UpdateSessionRequest,
)
from tests.cli.terminal import SECONDS, Terminal
from tests.scripted_server import Refusal, ScriptedServer, serving

if TYPE_CHECKING:
    from tests.cli.conftest import Command

SESSION = Session(
    session_id="5e55-0001", title="A trip to Rome", model="tiny", message_count=2, tags=["travel"],
    head_message_id="a1",
)  # fmt: skip
SAID = SessionMessage(
    message_id="u1", session_id="5e55-0001", state=SessionMessage.COMPLETED,
    message=Message(role=Message.USER, content="Is it warm in Rome?"),
)  # fmt: skip
ANSWER = SessionMessage(
    message_id="a1", session_id="5e55-0001", parent_message_id="u1",
    state=SessionMessage.COMPLETED, finish_reason=Finish.STOP,
    message=Message(role=Message.ASSISTANT, content="It is."),
    usage=Usage(completion_tokens=3), timings=Timings(prompt_ms=4, decode_ms=20),
    sibling_message_ids=["a0", "a1"],
)  # fmt: skip


def begun() -> SessionMessage:
    message = SessionMessage()
    message.CopyFrom(ANSWER)
    message.state = SessionMessage.IN_PROGRESS
    message.message.content = ""
    return message


def told(_: SendMessageRequest) -> list[SessionEvent]:
    return [
        SessionEvent(number=1, message=SAID),
        SessionEvent(number=2, message=begun()),
        SessionEvent(number=3, message_id="a1", delta=Delta(text="It ")),
        SessionEvent(number=4, message_id="a1", delta=Delta(text="is.")),
        SessionEvent(number=5, message=ANSWER),
    ]


def get(request: GetSessionRequest) -> Session:
    if request.session_id != SESSION.session_id:
        raise Refusal(grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND", "No such session.")
    return SESSION


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """One that keeps a conversation of two messages."""
    with serving(
        CreateSession=SESSION,
        GetSession=get,
        ListSessions=ListSessionsResponse(sessions=[SESSION], total_size=3),
        ListMessages=ListMessagesResponse(messages=[SAID, ANSWER]),
        StreamMessage=told,
        UpdateSession=lambda request: Session(session_id="5e55-0001", title=request.title),
        ForkSession=Session(session_id="5e55-0002", model="tiny"),
        DeleteSession=Empty(),
        ExportSession=HttpBody(content_type="text/markdown", data=b"# A trip to Rome"),
    ) as scripted:
        yield scripted


def run(
    funland: Command, server: ScriptedServer, *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return funland(*arguments, stdin=stdin, FUNLAND_SERVER=server.address)


def sent(server: ScriptedServer) -> list[SendMessageRequest]:
    return [each for each in server.requests if isinstance(each, SendMessageRequest)]


def test_a_new_session_is_answered_as_the_flags_say_from_now_on(
    funland: Command, server: ScriptedServer
) -> None:
    result = run(
        *(funland, server, "chat", "--session", "new", "Is it warm in Rome?", "-m", "tiny"),
        *("--system", "Be brief.", "--temperature", "0", "--no-think", "--priority", "high"),
    )

    assert result.returncode == 0
    assert result.stdout == "It is.\n"
    assert result.stderr == "To go on: funland chat --session 5e55-0001\n"
    created, message = server.requests
    assert created == CreateSessionRequest(
        model="tiny", system_message="Be brief.", reasoning=False,
        sampling=SamplingParameters(temperature=0),
    )  # fmt: skip
    assert isinstance(message, SendMessageRequest)
    assert (message.session_id, message.content) == ("5e55-0001", "Is it warm in Rome?")
    assert message.priority
    assert not message.HasField("sampling")


@pytest.mark.parametrize("name", ["5e55-0001", "5e55", "last"])
def test_a_session_goes_on_and_flags_are_for_what_is_said_now(
    funland: Command, server: ScriptedServer, name: str
) -> None:
    result = run(funland, server, "chat", "--session", name, "--max-tokens", "5", stdin="And cold?")

    assert (result.returncode, result.stdout) == (0, "It is.\n")
    (message,) = sent(server)
    assert message.session_id == "5e55-0001"
    assert message.sampling == SamplingParameters(max_tokens=5)


def test_programs_get_the_events_of_the_session(funland: Command, server: ScriptedServer) -> None:
    result = run(funland, server, "--json", "chat", "--session", "last", "Is it warm?")

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["number"] for event in events] == [1, 2, 3, 4, 5]
    assert events[-1]["message"]["message"]["content"] == "It is."
    assert result.stderr == ""


def test_what_was_left_out_of_the_conversation_is_told(
    funland: Command, server: ScriptedServer
) -> None:
    whole = SessionMessage()
    whole.CopyFrom(ANSWER)
    whole.dropped_message_ids.extend(["u0", "a0"])
    server.answers["StreamMessage"] = lambda _: [SessionEvent(message=whole)]

    result = run(funland, server, "chat", "--session", "last", "Is it warm?")

    assert "The oldest 2 messages were left out: they don't fit." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--session", "gone", "Hi"), 4, "funland sessions"),
        (("--session", "last", "--model", "m", "Hi"), 2, "--session new"),
        (("--session", "last", "--system", "s", "Hi"), 2, "--session new"),
        (("--session", "new", "--n", "2", "Hi"), 2, "A session has no --n."),
        (("--session", "new", "--logprobs", "2", "Hi"), 2, "A session has no --logprobs."),
        (("--session", "new", "--adapter", "a", "Hi"), 2, "A session has no --adapter."),
    ],
    ids=["unknown", "model", "system", "n", "logprobs", "adapter"],
)
def test_what_can_not_be_is_told(
    funland: Command, server: ScriptedServer, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = run(funland, server, "chat", *arguments)

    assert result.returncode == code
    assert said in result.stderr
    assert not sent(server)


def test_there_is_no_last_session_before_the_first(
    funland: Command, server: ScriptedServer
) -> None:
    server.answers["ListSessions"] = ListSessionsResponse()

    result = run(funland, server, "sessions", "show", "last")

    assert result.returncode == 4
    assert "funland chat --session new" in result.stderr


def test_a_beginning_of_several_ids_is_too_short(funland: Command, server: ScriptedServer) -> None:
    both = [SESSION, Session(session_id="5e55-0002")]
    server.answers["ListSessions"] = ListSessionsResponse(sessions=both)

    result = run(funland, server, "sessions", "show", "5e55-")

    assert result.returncode == 2
    assert "5e55-0001, 5e55-0002" in result.stderr


@pytest.fixture
def terminal(funland: Command, server: ScriptedServer) -> Iterator[Terminal]:
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="dumb")
    opened = Terminal([funland.path, "chat", "--session", "last"], environment)
    try:
        yield opened
    finally:
        opened.close()


def test_a_conversation_goes_on_where_it_was(terminal: Terminal, server: ScriptedServer) -> None:
    shown = terminal.wait_for(r"A trip to Rome: tiny listens\.[^>]*> ")
    assert "> Is it warm in Rome?" in shown
    assert "It is." in shown

    terminal.type("And in Oslo?\n")
    terminal.wait_for(r"3 tokens · 100\.0 tokens/s · first after 4 ms[^>]*> ")
    terminal.type("/regenerate\n")
    terminal.wait_for(r"3 tokens[^>]*> ")
    terminal.type("/edit And in Paris?\n")
    terminal.wait_for(r"3 tokens[^>]*> ")
    terminal.type("/title Weather\n")
    terminal.wait_for(r"It is called Weather now\.[^>]*> ")
    terminal.type("/fork\n")
    terminal.wait_for(r"You are in 5e55-0002 now\.[^>]*> ")
    terminal.type("And in Bonn?\n")
    terminal.wait_for(r"3 tokens[^>]*> ")
    terminal.type("/help\n")
    terminal.wait_for(r"/edit TEXT +say it in place[\s\S]*\n> ")
    terminal.type("\x04")
    terminal.wait_for("To go on: funland chat --session 5e55-0002")
    assert terminal.process.wait(SECONDS) == 0

    first, again, edited, forked = sent(server)
    assert first.content == "And in Oslo?"
    assert (again.content, again.regenerate_message_id) == ("", "a1")
    assert (edited.content, edited.edit_message_id) == ("And in Paris?", "u1")
    assert forked.session_id == "5e55-0002"
    assert ForkSessionRequest(session_id="5e55-0001") in server.requests
    assert UpdateSessionRequest(session_id="5e55-0001", title="Weather") in server.requests


def test_a_command_that_fails_does_not_end_the_conversation(
    terminal: Terminal, server: ScriptedServer
) -> None:
    def refuse(_: ForkSessionRequest) -> Session:
        raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL", "The disk is full.")

    server.answers["ForkSession"] = refuse
    terminal.wait_for(r"listens\.[^>]*> ")

    terminal.type("/fork\n")

    terminal.wait_for(r"The disk is full\.[^>]*> ")


def test_ctrl_c_ends_the_answer_at_the_server(funland: Command, server: ScriptedServer) -> None:
    over = threading.Event()

    def answer(_: SendMessageRequest) -> Iterator[SessionEvent]:
        yield SessionEvent(number=1, message=SAID)
        yield SessionEvent(number=2, message=begun())
        yield SessionEvent(number=3, message_id="a1", delta=Delta(text="It might"))
        over.wait(SECONDS)

    def cancel(_: CancelMessageRequest) -> SessionMessage:
        over.set()
        return ANSWER

    server.answers |= {"StreamMessage": answer, "CancelMessage": cancel}
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="dumb")
    terminal = Terminal([funland.path, "chat", "--session", "last"], environment)
    try:
        terminal.wait_for(r"listens\.[^>]*> ")
        terminal.type("And in Oslo?\n")
        terminal.wait_for("It might")

        terminal.type("\x03")

        terminal.wait_for(r"Stopped\.[^>]*> ")
    finally:
        terminal.close()
    assert CancelMessageRequest(session_id="5e55-0001", message_id="a1") in server.requests


def test_ctrl_c_before_its_turn_leaves_the_answer_of_another_alone(
    funland: Command, server: ScriptedServer
) -> None:
    over = threading.Event()

    def wait(_: SendMessageRequest) -> Iterator[SessionEvent]:
        over.wait(SECONDS)
        yield SessionEvent(number=9, message=SAID)

    server.answers |= {"StreamMessage": wait, "CancelMessage": ANSWER}
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="xterm")
    terminal = Terminal([funland.path, "chat", "--session", "last"], environment)
    try:
        terminal.wait_for(r"listens\.[^>]*> ")
        terminal.type("And in Oslo?\n")
        terminal.wait_for("Waiting for the model")

        terminal.interrupt()

        terminal.wait_for(r"Stopped\.[^>]*> ")
    finally:
        over.set()
        terminal.close()
    assert not [one for one in server.requests if isinstance(one, CancelMessageRequest)]


def test_a_conversation_in_which_nothing_was_said_leaves_nothing_behind(
    funland: Command, server: ScriptedServer
) -> None:
    server.answers["ListMessages"] = ListMessagesResponse()
    server.answers["GetSession"] = Session(session_id="5e55-0001")
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="dumb")
    terminal = Terminal([funland.path, "chat", "--session", "new"], environment)
    try:
        terminal.wait_for(r"listens\.[^>]*> ")
        terminal.type("/regenerate\n")
        terminal.wait_for(r"There is no answer yet\.[^>]*> ")
        terminal.type("/edit Hello\n")
        terminal.wait_for(r"Nothing to say it in place of\.[^>]*> ")
        terminal.type("/exit\n")
        assert terminal.process.wait(SECONDS) == 0
    finally:
        terminal.close()

    assert server.requests[-1] == DeleteSessionRequest(session_id="5e55-0001")


@pytest.mark.parametrize(("session", "messages"), [("last", 0), ("last", 2), ("new", 2)])
def test_what_others_began_or_said_is_not_deleted(
    funland: Command, server: ScriptedServer, session: str, messages: int
) -> None:
    server.answers["ListMessages"] = ListMessagesResponse()
    server.answers["GetSession"] = Session(session_id="5e55-0001", message_count=messages)
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="dumb")
    terminal = Terminal([funland.path, "chat", "--session", session], environment)
    try:
        terminal.wait_for(r"listens\.[^>]*> ")
        terminal.type("/exit\n")
        assert terminal.process.wait(SECONDS) == 0
    finally:
        terminal.close()

    assert not [one for one in server.requests if isinstance(one, DeleteSessionRequest)]


def test_sessions_are_listed_and_searched(funland: Command, server: ScriptedServer) -> None:
    for arguments in (("sessions",), ("sessions", "list")):
        head, row = run(funland, server, *arguments).stdout.splitlines()
        assert head.split() == ["SESSION", "TITLE", "MODEL", "MESSAGES", "TAGS", "LAST"]
        assert row.startswith("5e55-0001")
    searched = run(
        *(funland, server, "sessions", "search", "blue", "whale", "--tag", "sea", "-m", "tiny"),
        *("-n", "5", "--json"),
    )

    assert json.loads(searched.stdout)["sessions"][0]["title"] == "A trip to Rome"
    assert server.requests[-1] == ListSessionsRequest(
        query="blue whale", tags=["sea"], model="tiny", page_size=5
    )
    assert "2 more" in run(funland, server, "sessions").stderr


def test_a_session_is_shown_turn_by_turn(funland: Command, server: ScriptedServer) -> None:
    shown = run(funland, server, "sessions", "show", "last", "--all").stdout
    document = json.loads(run(funland, server, "sessions", "show", "last", "--json").stdout)

    assert "A trip to Rome" in shown
    assert "user · u1\nIs it warm in Rome?\n\nassistant · a1 · 2 of 2\nIt is.\n" in shown
    assert [message["message_id"] for message in document["messages"]] == ["u1", "a1"]
    assert document["session_id"] == "5e55-0001"
    asked = [each for each in server.requests if isinstance(each, ListMessagesRequest)]
    assert [each.all_branches for each in asked] == [True, False]


def test_sessions_are_renamed_forked_and_deleted(funland: Command, server: ScriptedServer) -> None:
    renamed = run(funland, server, "sessions", "rename", "last", "Weather")
    forked = run(funland, server, "sessions", "fork", "last", "--message", "a1", "--title", "B")
    deleted = run(funland, server, "sessions", "delete", "last", "5e55-0001", "--json")

    assert renamed.stdout == "5e55-0001 is called 'Weather' now.\n"
    assert forked.stdout == "5e55-0002\n"
    assert "funland chat --session 5e55-0002" in forked.stderr
    assert deleted.stdout == '{"deleted_session_id": "5e55-0001"}\n'  # whatever names it
    assert ForkSessionRequest(session_id="5e55-0001", message_id="a1", title="B") in server.requests


def test_a_session_is_exported_and_no_file_is_written_over(
    funland: Command, server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "rome.md"

    written = run(funland, server, "sessions", "export", "last")
    saved = run(funland, server, "sessions", "export", "last", "-o", str(file))
    again = run(funland, server, "sessions", "export", "last", "-o", str(file))
    run(funland, server, "sessions", "export", "last", "--format", "json")

    assert written.stdout == "# A trip to Rome\n"
    assert saved.stdout == ""
    assert file.read_text() == "# A trip to Rome"
    assert again.returncode == 2
    assert "File exists" in again.stderr
    asked = [each for each in server.requests if isinstance(each, ExportSessionRequest)]
    assert [each.format for each in asked] == [ExportSessionRequest.MARKDOWN] * 3 + [
        ExportSessionRequest.JSON
    ]
