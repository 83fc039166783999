"""The commands against the real service."""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64decode
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import lora_files

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

MODEL = "funland-tiny"
GREEDY = ("--temperature", "0", "--max-tokens", "16")


def test_chat_answers_a_message_and_nothing_else(funland: Command, stack: Stack) -> None:
    result = funland("chat", "Hello", *GREEDY, "--server", stack.grpc_address)

    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.strip()
    assert "\x1b" not in result.stdout
    assert result.stdout.endswith("\n")


def test_chat_reads_a_pipe(funland: Command, stack: Stack) -> None:
    given = funland("chat", "Hello", *GREEDY, FUNLAND_SERVER=stack.grpc_address)
    piped = funland("chat", *GREEDY, stdin="Hello", FUNLAND_SERVER=stack.grpc_address)

    assert piped.stdout == given.stdout


def test_json_events_tell_the_same_text_and_what_it_took(funland: Command, stack: Stack) -> None:
    text = funland("generate", "Once upon", *GREEDY, "--server", stack.grpc_address).stdout
    events = [
        json.loads(line)
        for line in funland(
            "generate", "-", *GREEDY, "--json", stdin="Once upon", FUNLAND_SERVER=stack.grpc_address
        ).stdout.splitlines()
    ]

    assert events[0]["start"]["model"] == MODEL
    assert "".join(e["delta"]["text"] for e in events[1:-1]).rstrip("\n") == text.rstrip("\n")
    assert events[-1]["finish"]["usage"]["completion_tokens"] > 0


def test_models_are_listed_and_shown(funland: Command, stack: Stack) -> None:
    listed = funland("models", "list", "--server", stack.grpc_address)
    document = json.loads(
        funland("models", "list", "--json", "--server", stack.grpc_address).stdout
    )
    shown = funland("models", "show", MODEL, "--server", stack.grpc_address)

    assert f"{MODEL} (default)" in listed.stdout
    (model,) = [one for one in document["models"] if one["model_id"] == MODEL]
    assert model["sha256"] in shown.stdout


def test_a_loaded_model_is_in_ps_until_it_is_unloaded(funland: Command, stack: Stack) -> None:
    loaded = funland("models", "load", MODEL, "--server", stack.grpc_address)
    busy = json.loads(funland("ps", "--json", "--server", stack.grpc_address).stdout)
    table = funland("ps", "--server", stack.grpc_address)
    unloaded = funland("models", "unload", MODEL, "--server", stack.grpc_address)
    idle = json.loads(funland("ps", "--json", "--server", stack.grpc_address).stdout)

    pinned = funland("models", "pin", MODEL, "--server", stack.grpc_address)
    kept = funland("ps", "--server", stack.grpc_address)
    unpinned = funland("models", "unpin", MODEL, "--server", stack.grpc_address)
    funland("models", "unload", MODEL, "--server", stack.grpc_address)

    assert pinned.stdout == f"{MODEL} is in memory, and stays there.\n"
    assert "a pin" in kept.stdout
    assert unpinned.stdout == f"{MODEL} leaves when nobody calls it.\n"
    assert loaded.stdout.startswith(f"Loaded {MODEL} in ")
    assert [model["model_id"] for model in busy["models"]] == [MODEL]
    assert MODEL in table.stdout
    assert unloaded.stdout == f"Unloaded {MODEL}.\n"
    assert idle["models"] == []


def test_a_model_is_imported_used_and_removed(funland: Command, stack: Stack) -> None:
    file = resources.files("funland_server.models") / "embedded" / f"{MODEL}.gguf"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return funland(*arguments, FUNLAND_SERVER=stack.grpc_address)

    imported = run("models", "import", str(file), "--id", "copy", "--alias", "c2")
    answered = run("chat", "Hello", "-m", "c2", *GREEDY)
    taken = run("models", "import", str(file), "--id", "copy")
    replaced = run("models", "import", str(file), "--id", "copy", "--replace")
    again = run("chat", "Hello", "-m", "c2", *GREEDY)
    removed = run("models", "rm", "copy")

    assert imported.stdout == "Imported copy. Try it: funland chat -m copy\n"
    assert answered.stdout == again.stdout == run("chat", "Hello", *GREEDY).stdout
    assert taken.returncode == 1
    assert "or replace or delete it" in taken.stderr
    assert replaced.stdout == imported.stdout
    assert removed.stdout == "Deleted copy.\n"
    assert run("models", "show", "copy").returncode == 4


def test_a_model_is_sent_to_the_server(funland: Command, stack: Stack) -> None:
    file = resources.files("funland_server.models") / "embedded" / f"{MODEL}.gguf"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return funland(*arguments, FUNLAND_SERVER=stack.grpc_address)

    sent = run("models", "import", str(file), "--upload", "--id", "sent")
    files = json.loads(run("files", "--json").stdout)
    answered = run("chat", "Hello", "-m", "sent", *GREEDY)
    run("models", "rm", "sent")
    lost = run("models", "import", "/nowhere.gguf", "--upload")
    both = run("models", "import", str(file), "--upload", "--sha256", "ab")

    assert sent.stdout == "Imported sent. Try it: funland chat -m sent\n"
    assert answered.stdout == run("chat", "Hello", *GREEDY).stdout
    assert f"{MODEL}.gguf" not in [each["name"] for each in files["files"]]
    assert (lost.returncode, both.returncode) == (2, 2)
    assert "can't be read" in lost.stderr


def test_status(funland: Command, stack: Stack) -> None:
    shown = funland("status", "--server", stack.grpc_address)
    document = json.loads(funland("status", "--json", "--server", stack.grpc_address).stdout)

    assert "serving" in shown.stdout
    assert document["state"] == "SERVING"
    assert document["backing_off_models"] == []
    assert document["memory"]["total_bytes"] > 0


@pytest.mark.parametrize(
    "command", ["models show nope", "models load nope", "models rm nope", "chat Hi -m nope"]
)
def test_an_unknown_model_is_exit_code_4(funland: Command, stack: Stack, command: str) -> None:
    result = funland(*command.split(), "--server", stack.grpc_address)

    assert result.returncode == 4
    assert "nope" in result.stderr


def test_a_value_out_of_range_is_named(funland: Command, stack: Stack) -> None:
    result = funland("chat", "Hi", "--temperature", "7", "--json", "--server", stack.grpc_address)

    assert result.returncode == 1
    error = json.loads(result.stderr)["error"]
    assert error["reason"] == "FIELD_INVALID"
    assert error["field_violations"][0]["field"] == "sampling.temperature"
    assert error["request_id"]


def test_the_built_in_model_is_not_removed(funland: Command, stack: Stack) -> None:
    result = funland("models", "rm", MODEL, "--server", stack.grpc_address)

    assert result.returncode == 1
    assert "hint: To free its memory: funland models unload" in result.stderr


def test_an_answer_is_held_to_a_file(funland: Command, stack: Stack, tmp_path: Path) -> None:
    schema, grammar = tmp_path / "n.json", tmp_path / "list.gbnf"
    schema.write_text(
        '{"properties": {"n": {"enum": [7]}}, "required": ["n"], '
        '"type": "object", "additionalProperties": false}'
    )
    grammar.write_text('root ::= "[1]"')

    def answer(*arguments: str) -> object:
        return json.loads(
            funland("chat", "Hi", *arguments, FUNLAND_SERVER=stack.grpc_address).stdout
        )

    assert answer("--grammar", str(grammar)) == [1]
    assert answer("--json-schema", str(schema), "--temperature", "0") == {"n": 7}


def test_several_answers_stand_below_each_other(funland: Command, stack: Stack) -> None:
    result = funland(
        *("generate", "In", "--regex", "[0-9]{2}", "--n", "2", "--priority", "high"),
        *("--server", stack.grpc_address),
    )

    first, one, second, two = result.stdout.splitlines()
    assert (first, second) == ("[1]", "[2]")
    assert one.isdigit()
    assert two.isdigit()


def test_the_chances_of_tokens_are_shown(funland: Command, stack: Stack) -> None:
    result = funland("chat", "Hello", *GREEDY, "--logprobs", "2", "--server", stack.grpc_address)

    answer, head, *rows = result.stdout.splitlines()
    assert head.split() == ["TOKEN", "PROBABILITY", "LIKELIEST"]
    assert all("%" in row for row in rows)
    assert answer.startswith(rows[0].split()[0].strip("'"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--regex", "a", "--json-schema", "x.json"], "Only one of"),
        (["--json-schema", "no-such-file.json"], "can't be read"),
        (["--json-schema", __file__], "is not JSON"),
        (["--adapter", "poet=much"], "'much' is not a number"),
    ],
)
def test_a_form_that_can_not_be_is_wrong_usage(
    funland: Command, arguments: list[str], said: str
) -> None:
    result = funland("chat", "Hello", *arguments)

    assert result.returncode == 2
    assert said in result.stderr


def test_an_adapter_is_attached_used_and_detached(
    funland: Command, stack: Stack, tmp_path: Path
) -> None:
    file = lora_files.write(tmp_path / "bard.gguf")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return funland(*arguments, FUNLAND_SERVER=stack.grpc_address)

    attached = run("models", "attach", MODEL, str(file))
    answered = run("generate", "Once", *GREEDY, "--adapter", "bard=0.5")
    shown = run("models", "show", MODEL)
    detached = run("models", "detach", MODEL, "bard")

    assert attached.stdout == f"{MODEL} has the adapters: bard.\n"
    assert answered.returncode == 0
    assert re.search(r"^adapters +bard *$", shown.stdout, re.MULTILINE)
    assert detached.stdout == f"Detached bard from {MODEL}.\n"
    assert run("generate", "Once", "--adapter", "bard").returncode == 4


def test_a_model_is_loaded_as_the_flags_say(funland: Command, stack: Stack) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return funland(*arguments, FUNLAND_SERVER=stack.grpc_address)

    flags = (
        "--engine llama_cpp --context-length 256 --slots 3 --keep-alive 10m --gpu-layers 0"
        " --split 1 --kv-cache q8_0 --value-type q4_0 --flash-attention --no-fallback"
        " --cache-tokens 512"
    )
    elsewhere = run("models", "load", MODEL, "--device", "cpu_0,gpu_77")
    by_name = run("models", "load", MODEL, "--device", "cpu")
    run("models", "unload", MODEL)
    loaded = run("models", "load", MODEL, *flags.split(), "--device=cpu_0", "--memory-limit=1GB")
    shown = run("models", "show", MODEL).stdout
    listed = run("ps").stdout
    run("models", "unload", MODEL)

    assert loaded.returncode == 0, loaded.stderr
    assert "; keys and values are q8_0, q4_0." in loaded.stdout
    for part in (
        "llama_cpp, CPU", "256 tokens, 3 slots", "of 1.0 GB", "in 9 min", "q8_0, q4_0",
        "in one pass (flash)", "0 of 512 tokens",
    ):  # fmt: skip
        assert part in shown
    assert by_name.returncode == 0, by_name.stderr
    assert elsewhere.returncode == 4
    assert "no device 'gpu_77'" in elsewhere.stderr
    assert "llama_cpp  cpu_0" in listed
    assert "0/3" in listed


def test_texts_become_vectors_ranks_and_tokens(funland: Command, stack: Stack) -> None:
    def run(*arguments: str, stdin: str = "") -> str:
        return funland(*arguments, stdin=stdin, FUNLAND_SERVER=stack.grpc_address).stdout

    vectors = [json.loads(line) for line in run("embed", "a cat", "a ship").splitlines()]
    piped = run("embed", "--dimensions", "4", stdin="a cat\na ship\n").splitlines()
    ranked = run("rerank", "A fox in a forest.", stdin="The sea.\nA fox in a forest.\n")
    tokens = json.loads(run("tokenize", "Hello", "--json"))["tokens"]

    assert [len(vector) for vector in vectors] == [256, 256]
    assert [len(json.loads(line)) for line in piped] == [4, 4]
    assert ranked.splitlines()[1].endswith("A fox in a forest.")
    assert run("tokenize", "-", stdin="Hello").split() == [str(token) for token in tokens]
    table = run("tokenize", "--pieces", "Hello you").splitlines()
    assert [line.split(maxsplit=1)[1].strip() for line in table] == ["PIECE", "'Hello'", "' you'"]
    pieces = json.loads(run("tokenize", "--pieces", "Hello you", "--json"))["pieces"]
    assert b"".join(map(b64decode, pieces)) == b"Hello you"


def test_a_conversation_is_kept_goes_on_and_is_deleted(funland: Command, stack: Stack) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return funland(*arguments, FUNLAND_SERVER=stack.grpc_address)

    begun = run("chat", "--session", "new", "Hello", *GREEDY)
    name = begun.stderr.split()[-1]
    said = run("chat", "--session", name[:14], "Good bye", "--max-tokens", "4", "--json")
    shown = run("sessions", "show", name)
    exported = run("sessions", "export", name)
    deleted = run("sessions", "delete", name)

    assert begun.stdout == run("chat", "Hello", *GREEDY).stdout
    last = json.loads(said.stdout.splitlines()[-1])["message"]
    assert (last["session_id"], last["finish_reason"]) == (name, "LENGTH")
    for text in (shown.stdout, exported.stdout):
        assert "Hello" in text
        assert "Good bye" in text
    assert deleted.stdout == f"Deleted {name}.\n"
    assert run("sessions", "show", name).returncode == 4


def test_a_model_is_deployed_used_and_deleted(funland: Command, stack: Stack) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return funland(*arguments, FUNLAND_SERVER=stack.grpc_address)

    deployed = run("deploy", MODEL, "--name", "cli-chat", "--context", "512")
    answered = run("chat", "Hello", "-m", "cli-chat", *GREEDY, "--server", stack.grpc_address)
    listed = run("deployments", "--json", "list", "--state", "running")
    logs = run("logs", "cli-chat", "-n", "50")
    deleted = run("deployments", "delete", "cli-chat")

    assert deployed.stdout == "cli-chat runs. Try it: funland chat -m cli-chat\n"
    assert answered.stdout.strip()
    (deployment,) = json.loads(listed.stdout)["deployments"]
    assert (deployment["name"], deployment["settings"]["context_length"]) == ("cli-chat", 512)
    assert "RUNNING" in logs.stdout
    assert deleted.stdout == "Deleted cli-chat.\n"
    assert run("logs", "cli-chat").returncode == 4
