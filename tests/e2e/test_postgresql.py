"""A whole service whose state is in PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from tests.conftest import Stack, StartStack
from tests.postgresql import Cluster

MODEL = "funland-tiny"


def connect(stack: Stack) -> OpenAI:
    return OpenAI(base_url=f"{stack.http_url}/v1", api_key="any", max_retries=0)


def test_responses_are_kept_followed_and_found_over_the_servers_death(
    start_stack: StartStack, postgresql: Cluster
) -> None:
    url = postgresql.database()
    stack = start_stack(FUNLAND_SERVER__DATABASE_URL=url)
    with connect(stack) as client:
        first = client.responses.create(model=MODEL, input="Hello!", metadata={"topic": "test"})
        assert secret_nowhere(stack)
    os.kill(stack.pid, signal.SIGKILL)
    stack.process.wait()

    again = start_stack(FUNLAND_DATABASE_URL=url)
    with connect(again) as client:
        found = client.responses.retrieve(first.id)
        second = client.responses.create(
            model=MODEL, input="And then?", previous_response_id=first.id
        )
        begun = client.responses.create(model=MODEL, input="Go on.", background=True)
        ends = [event.type for event in client.responses.retrieve(begun.id, stream=True)]
        client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(first.id)

    assert found.output_text == first.output_text
    assert found.metadata == {"topic": "test"}
    assert second.previous_response_id == first.id
    assert ends[-1] == "response.completed"
    assert not (again.home / "funland.sqlite3").exists()
    assert again.stop() == 0


def secret_nowhere(stack: Stack) -> bool:
    """Whether neither log nor workers know the password; the log has our own words alone."""
    workers = [worker.environ() for worker in stack.workers()]
    assert workers
    assert not any(name.startswith("FUNLAND_") for each in workers for name in each)
    assert "database_migrated" in stack.log()
    assert "alembic" not in stack.log()
    return "unasked" not in stack.log()


def test_a_database_that_is_gone_is_worth_another_try(
    start_stack: StartStack, own_postgresql: Cluster
) -> None:
    stack = start_stack(FUNLAND_DATABASE_URL=own_postgresql.database())
    with connect(stack) as client:
        kept = client.responses.create(model=MODEL, input="Hello!")
        own_postgresql.kill()

        with pytest.raises(openai.InternalServerError) as raised:
            client.responses.retrieve(kept.id)
        assert raised.value.status_code == 503
        assert raised.value.code == "storage_unavailable"
        assert raised.value.response.headers["retry-after"] == "1"
        chat = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello!"}]
        )

        assert chat.choices[0].message.content
        own_postgresql.start()
        assert client.responses.retrieve(kept.id).output_text == kept.output_text


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://me:unasked@127.0.0.1:1/funland", "postgresql://127.0.0.1:1/funland"),
        ("postgresql://me:un/asked@127.0.0.1:1/funland", "server.database_url"),
        ("mysql://me:unasked@127.0.0.1/funland", "server.database_url"),
    ],
)
def test_a_database_that_cannot_be_used_stops_the_start_without_a_word_of_its_password(
    tmp_path: Path, url: str, told: str
) -> None:
    command = [str(Path(sys.executable).parent / "funland"), "serve", "--home", str(tmp_path)]

    ended = subprocess.run(
        [*command, "--grpc-port", "0", "--http-port", "0"],
        env={**os.environ, "FUNLAND_DATABASE_URL": url},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert ended.returncode in (1, 2)
    assert told in ended.stderr
    assert "FUNLAND_DATABASE_URL" in ended.stderr
    assert "asked" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
