"""The embedded model on a GPU that a program plays: placed, told, lost and back, with the CPU's
texts."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests import lavapipe
from tests.conftest import Stack, StartStack
from tests.server.conftest import SECONDS

MODEL = "funland-tiny"
LAYERS = 8
"""Seven, and the output."""
GPU, CPU = "gpu_0", "cpu_0"


class Service:
    """A service over REST."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def ask(self, method: str, path: str, body: object = None) -> Any:
        request = Request(  # noqa: S310 - the service's own
            f"{self.stack.http_url}/funland/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urlopen(request, timeout=6 * SECONDS) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def load(self, **settings: object) -> Any:
        return self.ask("POST", f"models/{MODEL}:load", {"settings": settings})["loaded"]

    def openai(self) -> Any:
        body = {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 4}
        request = Request(  # noqa: S310 - the service's own
            f"{self.stack.http_url}/v1/chat/completions",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urlopen(request, timeout=6 * SECONDS) as answer:  # noqa: S310 - as above
            return json.load(answer)

    def chat(self) -> Any:
        return self.ask(
            "POST",
            "chat",
            {
                "messages": [{"role": "USER", "content": "Tell me a story."}],
                "sampling": {"temperature": 0, "max_tokens": 16},
            },
        )


@pytest.fixture
def service(start_stack: StartStack) -> Service:
    return Service(start_stack(**lavapipe.environment()))


def test_a_model_is_computed_where_it_is_told_and_comes_back_there(service: Service) -> None:
    unasked = service.chat()
    estimate = service.ask("POST", f"models/{MODEL}:estimate", {"settings": {"device_ids": [GPU]}})
    loaded = service.load(device_ids=[GPU])
    asked = service.chat()
    used = service.openai()["device_used"]
    (worker,) = service.stack.workers()
    worker.kill()
    worker.wait(SECONDS)
    again = service.chat()
    back = service.ask("GET", f"models/{MODEL}")["loaded"]

    assert unasked["device_ids"] == [CPU], "what is emulated is used only if it is named"
    assert (loaded["device_ids"], loaded["device"]) == ([GPU], lavapipe.NAME)
    assert loaded["gpu_layers"] == loaded["layer_count"] == LAYERS
    (device,) = estimate["footprint"]["devices"]
    assert (device["device_id"], device["layers"]) == (GPU, LAYERS)
    (memory,) = loaded["device_memory"]
    assert 0 < int(memory["bytes"]) <= int(memory["estimate_bytes"]) == int(device["bytes"])
    assert asked["device_ids"] == again["device_ids"] == back["device_ids"] == [GPU]
    assert used == GPU
    assert asked["message"] == again["message"] == unasked["message"]
    assert (back["gpu_layers"], back["restarts"], back["fallback_reason"]) == (LAYERS, 1, "")


def test_some_layers_stay_on_the_cpu_if_that_is_wanted(service: Service) -> None:
    whole = service.chat()["message"]["content"]

    loaded = service.load(device_ids=[GPU], gpu_layers=3)

    assert (loaded["device_ids"], loaded["gpu_layers"]) == ([GPU, CPU], 3)
    answer = service.chat()
    assert answer["device_ids"] == [GPU, CPU]
    assert answer["message"]["content"] == whole


def test_acceleration_is_for_loads_that_name_nothing_and_outlives_the_server(
    service: Service, start_stack: StartStack
) -> None:
    # Its devices may still be asked when the first call comes; a load that names one waits.
    service.load(device_ids=[GPU])
    wanted = {"acceleration": {"primary_device_id": GPU, "mode": "SINGLE"}}
    told = service.ask("PUT", "acceleration", wanted)
    assert told["effective_device_ids"] == [GPU]
    service.stack.stop()

    again = Service(start_stack(service.stack.home, **lavapipe.environment()))

    assert again.chat()["device_ids"] == [GPU]
    assert again.ask("GET", "acceleration")["primary_device_id"] == GPU
