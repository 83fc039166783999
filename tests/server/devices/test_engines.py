"""The engines are asked by a program, whose failures are told."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.readers.engines import EnginesReader
from funland_server.devices.readers.protocol import Look, ReaderError


def program(text: str, seconds: float = 20) -> EnginesReader:
    return EnginesReader((sys.executable, "-c", text), seconds)


def test_the_engines_that_are_installed_name_the_cpu() -> None:
    look = EnginesReader().look(anew=False)

    named = {
        each.engine
        for found in look.found
        if found.device.kind == Device.CPU
        for each in found.device.engines
    }
    assert named == {LoadSettings.LLAMA_CPP, LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2}
    assert look.problems == ()


def test_devices_are_read_from_the_last_line_of_json_and_problems_beside_them() -> None:
    told = (
        '{"devices": [{"engine": "LLAMA_CPP", "name": "Vulkan0", "backend": "Vulkan",'
        ' "kind": "GPU", "description": "llvmpipe", "pciAddress": "0000:0A:00.0",'
        ' "memoryTotalBytes": "8",'
        ' "emulated": true, "numberTypes": ["FP16"], "maxPromptTokens": 4, "unknown": 1}],'
        ' "problems": {"OPENVINO": "no"}}'
    )

    look = program(f"print('loading'); print('{{'); print({told!r}); print('bye')").look(anew=False)

    (found,) = look.found
    device = found.device
    assert (device.kind, device.name, device.pci_address) == (
        Device.GPU,
        "llvmpipe",
        "0000:0a:00.0",
    )
    assert (device.engines[0].name, device.engines[0].backend) == ("Vulkan0", "Vulkan")
    assert device.metrics.memory_total_bytes == 8
    assert device.emulated
    assert device.accelerator.max_prompt_tokens == 4
    assert look.problems == ("OPENVINO: no",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit('no driver')", "The engines could not be asked: no driver"),
        ("raise SystemExit(3)", "The engines could not be asked: it said nothing"),
        ("print('hello')", "The engines told nothing that can be read."),
        ("print('{\"devices\": 3}')", "The engines told nothing that can be read."),
        ("print(chr(123))", "The engines told nothing that can be read."),
    ],
)
def test_a_program_that_tells_nothing_is_a_problem(text: str, said: str) -> None:
    with pytest.raises(ReaderError) as raised:
        program(text).look(anew=False)

    assert str(raised.value) == said


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(ReaderError, match=r"within 0\.2 s"):
        program("import time; time.sleep(60)", seconds=0.2).look(anew=False)


def test_closing_ends_the_program() -> None:
    reader = program("import sys, time; print('x', flush=True); time.sleep(60)", seconds=60)
    ended: list[Look | ReaderError] = []

    def look() -> None:
        try:
            ended.append(reader.look(anew=False))
        except ReaderError as error:
            ended.append(error)

    thread = threading.Thread(target=look)
    start = time.monotonic()
    thread.start()
    reader.close()
    thread.join(120)

    assert time.monotonic() - start < 20
    assert isinstance(ended[0], ReaderError)


def test_settings_are_not_told_to_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNLAND_SERVER__HUGGINGFACE_TOKEN", "secret")

    look = "import os, sys; sys.exit(str([n for n in os.environ if n.startswith('FUNLAND_')]))"
    with pytest.raises(ReaderError, match=r"asked: \[\]$"):
        program(look).look(anew=False)
