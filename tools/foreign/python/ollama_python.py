"""Each method of Ollama's package for Python that talks to a server."""

from __future__ import annotations

import os
from pathlib import Path

from checks import ANSWER, CITY, HELLO, MODEL, URL, Checks
from ollama import Client, ResponseError

checks = Checks()
client = Client(URL)
SAID = [{"role": "user", "content": HELLO}]
ZERO = {"temperature": 0}
SCHEMA = {"type": "object", "properties": {"city": CITY}, "required": ["city"]}


@checks
def chat() -> None:
    answer = client.chat(MODEL, SAID, options=ZERO)
    assert answer.message.content == ANSWER, answer
    assert (answer.done_reason, answer.eval_count) == ("stop", 10), answer


@checks
def chat_streamed() -> None:
    parts = list(client.chat(MODEL, SAID, options=ZERO, stream=True))
    assert "".join(part.message.content for part in parts) == ANSWER, parts
    assert parts[-1].done, parts


@checks
def chat_with_a_schema() -> None:
    answer = client.chat(MODEL, SAID, options=ZERO, format=SCHEMA)
    assert '"city"' in answer.message.content, answer


@checks
def chat_with_tools_and_what_they_gave() -> None:
    def weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        return city

    called = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}
    said = [
        *SAID,
        {"role": "assistant", "tool_calls": [called]},
        {"role": "tool", "tool_name": "weather", "content": "sunny"},
    ]
    answer = client.chat(MODEL, said, tools=[weather], options=ZERO)
    assert answer.message.content, answer


@checks
def generate() -> None:
    assert client.generate(MODEL, HELLO, options=ZERO).response == ANSWER


@checks
def generate_streamed() -> None:
    parts = client.generate(MODEL, HELLO, options=ZERO, stream=True)
    assert "".join(part.response for part in parts) == ANSWER


@checks
def embed_and_embeddings() -> None:
    assert [len(each) for each in client.embed(MODEL, ["a", "b"]).embeddings] == [256, 256]
    assert len(client.embeddings(MODEL, "a").embedding) == 256


@checks
def list_show_and_ps() -> None:
    assert f"{MODEL}:latest" in [each.model for each in client.list().models]
    assert client.show(MODEL).modelinfo["llama.context_length"] == 1024
    assert f"{MODEL}:latest" in [each.model for each in client.ps().models]


@checks
def create_of_a_blob() -> None:
    digest = client.create_blob(Path(os.environ["SERVICE_MODEL_FILE"]))
    assert client.create("blob", files={"m.gguf": digest}).status == "success"
    assert client.chat("blob", SAID, options=ZERO).message.content == ANSWER


@checks
def create_of_a_model() -> None:
    client.create("short", from_=MODEL, system="Be brief.", parameters={"num_predict": 2})
    assert client.chat("short", SAID).eval_count == 2


@checks
def copy_and_delete() -> None:
    assert client.copy("short", "me/short:v2").status == "success"
    assert client.chat("me/short:v2", SAID).eval_count == 2
    for name in ("blob", "short", "me/short:v2"):
        assert client.delete(name).status == "success"


@checks
def an_unknown_model_is_the_client_s_own_error() -> None:
    try:
        client.chat("ghost", SAID)
    except ResponseError as error:
        assert error.status_code == 404, error
    else:
        raise AssertionError("it was answered")


@checks
def pull_of_what_no_hub_has_is_an_error() -> None:
    try:
        client.pull("a b")
    except ResponseError as error:
        assert error.status_code == 400, error
    else:
        raise AssertionError("it was pulled")


@checks
def push() -> None:
    client.push(MODEL)


checks.run()
