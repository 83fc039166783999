"""Sessions as documents."""

from __future__ import annotations

import json

from funland.v1.inference_pb2 import Message, SamplingParameters, ToolCall, Usage
from funland.v1.sessions_pb2 import Session, SessionMessage
from funland_gateway.transcoding.encoder import encode
from funland_server.chat.exporting import as_json, as_markdown


def said(role: Message.Role.ValueType, content: str, **fields: object) -> SessionMessage:
    message = Message(role=role, content=content, **fields)  # type: ignore[arg-type]  # its own
    return SessionMessage(message=message, state=SessionMessage.COMPLETED)


def test_json_is_the_contracts_own() -> None:
    session = Session(
        session_id="s",
        title="Größe",
        last_event=2**40,
        sampling=SamplingParameters(temperature=0.3, seed=7, logit_bias={5: -1.5}),
        metadata={"a": "b"},
        state=Session.IDLE,
    )
    session.create_time.FromMicroseconds(1_700_000_000_123_456)
    message = said(Message.ASSISTANT, "Hi \U0001f600", tool_calls=[ToolCall(id="1", name="get")])
    message.usage.CopyFrom(Usage(prompt_tokens=3))
    message.timings.queue_ms = 0.1

    document = json.loads(as_json(session, [message]))

    assert document == {"session": encode(session), "messages": [encode(message)]}


def test_markdown_is_for_people() -> None:
    session = Session(title="A\ntitle", system_message="Be brief.")
    broken_off = said(Message.ASSISTANT, "Look:\n\n~~~\nfor x")
    broken_off.state = SessionMessage.CANCELLED
    call = ToolCall(id="1", name="get", arguments='{"a": "```"}')
    branch = [
        said(Message.USER, "Write code!\n", name="Ann"),
        said(Message.ASSISTANT, "Here:\n\n```python\nprint('# no heading')\n```"),
        broken_off,
        said(Message.ASSISTANT, "", tool_calls=[call]),
        said(Message.TOOL, "````\nx"),
    ]

    assert (
        as_markdown(session, branch).decode()
        == """\
# A title

## System

Be brief.

## User (Ann)

Write code!

## Assistant

Here:

```python
print('# no heading')
```

## Assistant

Look:

~~~
for x
~~~

*(cancelled)*

## Assistant

Calls `get`:

````json
{"a": "```"}
````

## Function

`````
````
x
`````
"""
    )
