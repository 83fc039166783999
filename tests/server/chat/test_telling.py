"""Which messages of a branch the model is told: a table."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from funland.v1.inference_pb2 import Message, ToolCall
from funland.v1.sessions_pb2 import SessionMessage
from funland_server.chat.telling import told

ROLES = {"u": Message.USER, "a": Message.ASSISTANT, "t": Message.TOOL}
STATES = {
    "": SessionMessage.COMPLETED,
    "i": SessionMessage.INCOMPLETE,
    "c": SessionMessage.CANCELLED,
    "f": SessionMessage.FAILED,
    "x": SessionMessage.CUT_OFF,
    "p": SessionMessage.IN_PROGRESS,
}


def branch(*letters: str) -> list[SessionMessage]:
    """`u`, `a` or `t` for who speaks; then perhaps the state, `-`: says nothing, `!`: has calls."""
    found: list[SessionMessage] = []
    for place, one in enumerate(letters):
        message = Message(role=ROLES[one[0]], content="" if "-" in one else f"says {place}")
        if "!" in one:
            message.tool_calls.append(ToolCall(id="1", name="get", arguments="{"))
        state = STATES[one[1:].strip("-!")]
        found.append(SessionMessage(message_id=f"m{place}", message=message, state=state))
    return found


@pytest.mark.parametrize(
    ("letters", "places"),
    [
        ([], []),
        (["u"], [0]),
        (["u", "a", "u"], [0, 1, 2]),
        (["u", "ai", "u"], [0, 1, 2]),
        (["u", "ac", "u"], [0, 1, 2]),
        (["u", "ac-", "u"], [0, 2]),
        (["u", "af-", "u"], [0, 2]),
        (["u", "af", "u"], [0, 1, 2]),
        (["u", "ax-", "u"], [0, 2]),
        (["u", "ax", "u"], [0, 1, 2]),
        (["u", "ap", "u"], [0, 1, 2]),
        (["u", "a-", "u"], [0, 2]),
        (["u", "a-!", "t", "a", "u"], [0, 1, 2, 3, 4]),
        (["u", "ac-!", "u"], [0, 2]),
        (["u", "ai-!", "t", "u"], [0, 1, 2, 3]),
        (["u-", "a", "u"], [0, 1, 2]),
    ],
)
def test_what_says_nothing_is_left_out(letters: Sequence[str], places: Sequence[int]) -> None:
    tells = told(branch(*letters))

    assert tells.ids == tuple(f"m{place}" for place in places)
    assert len(tells.messages) == len(places)
    assert tells.left_out == ()


def test_calls_that_broke_off_are_not_told_and_what_was_said_before_them_is() -> None:
    tells = told(branch("u", "ac!", "u"))

    assert [len(one.tool_calls) for one in tells.messages] == [0, 0, 0]
    assert tells.messages[1].content == "says 1"


def answered(*, model: str = "m", state: SessionMessage.State.ValueType) -> list[SessionMessage]:
    """A branch whose last answer left out the first turn."""
    messages = branch("u", "a", "u", "a", "u")
    messages[3].model, messages[3].state = model, state
    messages[3].dropped_message_ids.extend(["m0", "m1"])
    return messages


@pytest.mark.parametrize("state", [SessionMessage.COMPLETED, SessionMessage.INCOMPLETE])
def test_what_the_last_answer_left_out_stays_out(state: SessionMessage.State.ValueType) -> None:
    tells = told(answered(state=state), begins_as="m")

    assert tells.ids == ("m2", "m3", "m4")
    assert tells.dropped(0) == ("m0", "m1")
    assert tells.dropped(2) == ("m0", "m1", "m2", "m3")


@pytest.mark.parametrize(
    ("messages", "model"),
    [
        (answered(state=SessionMessage.COMPLETED), ""),  # nothing may be left out
        (answered(state=SessionMessage.COMPLETED), "larger"),
        (answered(state=SessionMessage.FAILED), "m"),
        (branch("u", "a", "u"), "m"),
    ],
)
def test_else_all_is_told(messages: list[SessionMessage], model: str) -> None:
    assert len(told(messages, begins_as=model).ids) == len(messages)


def test_an_answer_that_failed_does_not_bring_back_what_the_one_before_left_out() -> None:
    messages = [*answered(state=SessionMessage.COMPLETED), *branch("af-", "u")]

    assert told(messages, begins_as="m").left_out == ("m0", "m1")
