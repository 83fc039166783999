from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from funland.v1.deployments_pb2 import VllmSettings
from funland_server.vllm.arguments import Model, arguments, command, variables
from funland_server.vllm.speech import Speech

TINY = Model("tiny", Path("/models/tiny"))
SOCKET = Path("/run/socket")


def pairs(told: list[str]) -> dict[str, str]:
    """The arguments that have a value."""
    return dict(pairwise(told))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (VllmSettings(gpu_memory_utilization=0.9), {"--gpu-memory-utilization": "0.9"}),
        (VllmSettings(max_model_len=16), {"--max-model-len": "16"}),
        (VllmSettings(dtype="bfloat16"), {"--dtype": "bfloat16"}),
        (VllmSettings(tensor_parallel_size=2), {"--tensor-parallel-size": "2"}),
        (VllmSettings(max_num_seqs=4096), {"--max-num-seqs": "4096"}),
    ],
)
def test_a_field_becomes_its_argument(settings: VllmSettings, expected: dict[str, str]) -> None:
    plain = pairs(arguments(TINY, VllmSettings(), SOCKET))
    told = pairs(arguments(TINY, settings, SOCKET))

    assert expected.items() <= told.items()
    assert not expected.keys() & plain.keys()


def test_all_fields_have_an_argument() -> None:
    names = {f"--{one.name.replace('_', '-')}" for one in VllmSettings.DESCRIPTOR.fields}
    settings = VllmSettings(
        gpu_memory_utilization=1, max_model_len=16, dtype="auto", tensor_parallel_size=1,
        max_num_seqs=1,
    )  # fmt: skip

    assert names <= {*arguments(TINY, settings, SOCKET)}


def test_it_is_told_the_model_its_socket_and_nothing_that_runs_its_code() -> None:
    told = arguments(TINY, VllmSettings(), SOCKET)

    assert pairs(told)["--model"] == "/models/tiny"
    assert pairs(told)["--uds"] == "/run/socket"
    assert pairs(told)["--served-model-name"] == "model"
    assert not [one for one in told if one in ("--trust-remote-code", "--host", "--port")]


def test_parsers_a_template_and_a_size_of_the_cache_are_told_if_there_are_some() -> None:
    speech = Speech("hermes", "qwen3")

    told = arguments(
        Model("m", Path("/m"), "{{ messages }}", speech), VllmSettings(), SOCKET, cache_bytes=7
    )

    assert "--enable-auto-tool-choice" in told
    assert {
        "--tool-call-parser": "hermes",
        "--reasoning-parser": "qwen3",
        "--chat-template": "{{ messages }}",
        "--kv-cache-memory-bytes": "7",
    }.items() <= pairs(told).items()


@pytest.mark.parametrize(("parser", "backend"), [("", "guidance"), ("hermes", "auto")])
def test_formats_are_kept_by_the_library_that_can(parser: str, backend: str) -> None:
    model = Model("m", Path("/m"), speech=Speech(parser))

    told = pairs(arguments(model, VllmSettings(), SOCKET))["--structured-outputs-config"]

    assert orjson.loads(told)["backend"] == backend


def test_of_the_environment_it_gets_what_programs_need_and_no_secret() -> None:
    given = {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "0",
        "VLLM_CPU_OMP_THREADS_BIND": "0-3",
        "FUNLAND_SERVER__HUGGINGFACE_TOKEN": "secret",
        "HF_TOKEN": "secret",
        "MODELSCOPE_API_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "PYTHONPATH": "/elsewhere",
        "VLLM_PLUGINS": "anything",
    }

    told = variables(given, Path("/v/bin/python"), Path("/cache"), "key")

    assert set(given.items()) & set(told.items()) == {*list(given.items())[1:4]}
    assert told["PATH"] == "/v/bin:/bin"
    assert told["VLLM_API_KEY"] == "key"
    assert told["HF_HUB_OFFLINE"] == "1"
    assert told["VLLM_CACHE_ROOT"] == "/cache/vllm"
    assert "secret" not in told.values()


def test_its_module_is_run_and_nothing_of_the_working_folder_imported() -> None:
    told = command(Path("/v/bin/python"), ["--model", "m"])

    assert told == [
        *("/v/bin/python", "-P", "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", "m"),
    ]
