"""LiteLLM as a proxy: OpenAI's and Anthropic's clients before it, Funland behind it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from checks import ANSWER, CITY, HELLO, MODEL, URL, Checks
from openai import OpenAI

checks = Checks()
SAID = [{"role": "user", "content": HELLO}]
KEY = "sk-proxy"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def config(folder: Path) -> Path:
    params = {"model": f"openai/{MODEL}", "api_base": f"{URL}/v1", "api_key": "none"}
    # JSON is YAML too.
    told = {
        "model_list": [{"model_name": "tiny", "litellm_params": params}],
        "general_settings": {"master_key": KEY},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(told))
    return path


folder = Path(tempfile.mkdtemp(prefix="litellm-proxy-"))
port = free_port()
program = str(Path(sys.executable).with_name("litellm"))
proxy = subprocess.Popen(
    [program, "--config", str(config(folder)), "--port", str(port)],
    stdout=(folder / "log").open("w"), stderr=subprocess.STDOUT, cwd=folder,
    env={**os.environ, "LITELLM_TELEMETRY": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
)  # fmt: skip
base = f"http://127.0.0.1:{port}"
client = OpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0)


def ready() -> bool:
    try:
        with urllib.request.urlopen(f"{base}/health/liveliness", timeout=5):
            return True
    except OSError:
        return False


def post(path: str, body: dict, **headers: str) -> bytes:
    request = urllib.request.Request(
        base + path, json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}", **headers},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


@checks
def chat() -> None:
    answer = client.chat.completions.create(model="tiny", messages=SAID, temperature=0)
    assert answer.choices[0].message.content == ANSWER, answer


@checks
def chat_streamed() -> None:
    parts = client.chat.completions.create(model="tiny", messages=SAID, temperature=0, stream=True)
    text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    assert text == ANSWER, text


@checks
def a_forced_call() -> None:
    parameters = {"type": "object", "properties": {"city": CITY}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    answer = client.chat.completions.create(
        model="tiny", messages=SAID, tools=[tool], tool_choice="required", max_tokens=80
    )
    assert answer.choices[0].message.tool_calls[0].function.name == "weather", answer


@checks
def responses() -> None:
    answer = client.responses.create(model="tiny", input=HELLO, temperature=0)
    assert answer.output_text == ANSWER, answer


@checks
def embeddings_of_texts_and_tokens() -> None:
    assert len(client.embeddings.create(model="tiny", input=["a", "b"]).data) == 2
    assert len(client.embeddings.create(model="tiny", input=[[1, 2]]).data) == 1


@checks
def completions_with_echo_and_logprobs() -> None:
    answer = client.completions.create(
        model="tiny", prompt="Once upon a time", echo=True, logprobs=1, max_tokens=1
    )
    assert answer.choices[0].logprobs.token_logprobs[0] is None, answer


@checks
def min_tokens_goes_on_to_the_server() -> None:
    answer = client.chat.completions.create(
        model="tiny", messages=SAID, max_tokens=20, extra_body={"min_tokens": 20}
    )
    assert answer.usage.completion_tokens == 20, answer


@checks
def anthropic_s_messages() -> None:
    body = {"model": "tiny", "max_tokens": 40, "messages": SAID, "temperature": 0}
    answer = json.loads(post("/v1/messages", body))
    assert answer["content"][0]["text"] == ANSWER, answer


@checks
def anthropic_s_messages_streamed() -> None:
    body = {"model": "tiny", "max_tokens": 40, "messages": SAID, "temperature": 0, "stream": True}
    assert b"message_stop" in post("/v1/messages", body)


@checks
def health() -> None:
    request = urllib.request.Request(f"{base}/health", headers={"authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        told = json.load(answer)
    assert (told["healthy_count"], told["unhealthy_count"]) == (1, 0), told


try:
    until = time.monotonic() + 120
    while not ready() and proxy.poll() is None and time.monotonic() < until:
        time.sleep(0.5)
    checks.run()
finally:
    proxy.terminate()
    proxy.wait()
