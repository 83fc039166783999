"""What a log shows of what processes write."""

from __future__ import annotations

from time import process_time

import pytest

from funland_server.deployments.log_lines import LONGEST, clean, level

SECRETS = {
    "an option": "api_key='abc123', port=1",
    "an option in JSON": '{"api-key": "abc123", "port": 1}',
    "an option with a list": "api_key=['abc123'] port=1",
    "a header": "Authorization: Bearer abc123",
    "a bearer's": "sent bearer abc12345678",
    "a variable": "HF_TOKEN=abc123",
    "a token for access": "access_token: abc123",
    "a password": "password=abc123;",
    "a hub's key": "took hf_abc123ABCDEFGHIJKLMNOP from there",
    "a cloud's key": "sk-abc123-ABCDEFGHIJKLMNOP",
    "a URL with a password": "postgresql://me:abc123@host/db",
    "a signed URL": "GET https://cdn.example/file?X-Amz-Signature=abc123&x=1 404",
}


@pytest.mark.parametrize("line", SECRETS.values(), ids=SECRETS)
def test_secrets_are_left_out(line: str) -> None:
    assert "abc123" not in clean(line)
    assert "***" in clean(line)


PLAIN = [
    "llama_context: n_ctx = 4096",
    "print_info: EOS token = 2 '</s>'",
    "print_info: max token length = 48",
    "tokens: 12, tokenizer: gpt2",
    "Loading https://hub.example/owner/name/resolve/main/model.gguf",
    "avg 3.5 tokens/s, 7 keys, secretary of state",
]


@pytest.mark.parametrize("line", PLAIN)
def test_what_is_no_secret_stays(line: str) -> None:
    assert clean(line) == line


def test_a_terminal_finds_nothing_to_obey() -> None:
    written = "\x1b[31mred\x1b[0m \x1b]0;title\x07a\rb\x00c\u202ed\te\n"

    assert clean(written) == "red a b c d e".replace("d e", "d   e")


def test_a_line_has_a_longest() -> None:
    assert len(clean("x" * 100_000)) < LONGEST + 40
    assert clean("x" * 100_000).endswith("[91808 more characters]")


def test_a_line_of_megabytes_takes_no_time() -> None:
    for line in ("a:" * 2_000_000, "https://" * 500_000, "api_key=" * 500_000, "\x1b]" * 1_000_000):
        clean(line)


def test_a_line_full_of_beginnings_takes_no_time() -> None:
    begin = process_time()

    for beginning in ("auth_", "token_", "a.", "a-", "a_"):
        for _ in range(10):
            clean(beginning * LONGEST)

    assert process_time() - begin < 3


@pytest.mark.parametrize(
    ("told", "shown"),
    [("critical", "error"), ("warning", "warning"), ("debug", "debug"), ("what", "info")],
)
def test_levels_are_the_contracts(told: str, shown: str) -> None:
    assert level(told) == shown
