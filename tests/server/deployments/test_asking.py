"""What is to run a deployment follows from what its caller asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from funland.v1.deployments_pb2 import Deployment, StartDeploymentRequest, VllmSettings
from funland.v1.models_pb2 import LoadSettings
from funland_server.deployments.asking import Engine, check, engine_of
from funland_server.errors import FieldInvalidError
from funland_server.models.installed.embedded import embedded_model
from funland_server.models.installed.model import InstalledModel

OURS = LoadSettings(context_length=64)
VLLMS = VllmSettings(max_model_len=64)


@pytest.mark.parametrize(
    ("request_", "engine"),
    [
        (StartDeploymentRequest(), Deployment.BUILT_IN),
        (StartDeploymentRequest(settings=OURS), Deployment.BUILT_IN),
        (StartDeploymentRequest(vllm=VLLMS), Deployment.VLLM),
        (StartDeploymentRequest(settings=OURS, vllm=VLLMS), Deployment.BUILT_IN),
        (StartDeploymentRequest(engine=Deployment.VLLM), Deployment.VLLM),
    ],
    ids=["nothing", "ours", "vllms", "both", "said"],
)
def test_settings_tell_the_engine_that_is_not_said(
    request_: StartDeploymentRequest, engine: Engine
) -> None:
    assert engine_of(request_, None) == engine


def installed(architecture: str, weights: str = "SAFETENSORS") -> InstalledModel:
    model = embedded_model()
    header = replace(model.header, architecture=architecture, format=weights)
    return replace(model, header=header)


@pytest.mark.parametrize(
    ("request_", "model", "engine"),
    [
        (StartDeploymentRequest(), installed("qwen3"), Deployment.VLLM),
        (StartDeploymentRequest(settings=OURS), installed("qwen3"), Deployment.VLLM),
        (StartDeploymentRequest(settings=OURS, vllm=VLLMS), installed("qwen3"), Deployment.VLLM),
        (
            StartDeploymentRequest(engine=Deployment.BUILT_IN),
            installed("qwen3"),
            Deployment.BUILT_IN,
        ),
        (StartDeploymentRequest(), installed("qwen2"), Deployment.BUILT_IN),
        (
            StartDeploymentRequest(settings=OURS, vllm=VLLMS),
            installed("qwen2"),
            Deployment.BUILT_IN,
        ),
        (StartDeploymentRequest(), installed("qwen3", "GGUF"), Deployment.BUILT_IN),
    ],
    ids=[
        *("only vLLM's", "only vLLM's, ours", "only vLLM's, both", "only vLLM's, said"),
        *("a converted one", "a converted one, both", "another format"),
    ],
)
def test_weights_that_only_vllm_runs_are_run_by_it_unless_another_is_said(
    request_: StartDeploymentRequest, model: InstalledModel, engine: Engine
) -> None:
    assert engine_of(request_, model) == engine


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (StartDeploymentRequest(engine=Deployment.VLLM, settings=OURS), "settings"),
        (StartDeploymentRequest(engine=Deployment.BUILT_IN, vllm=VLLMS), "vllm"),
    ],
    ids=["vllm", "built in"],
)
def test_settings_of_an_engine_that_is_not_to_run_it_are_refused(
    request_: StartDeploymentRequest, field: str
) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        check(request_)

    assert [violation.field for violation in raised.value.violations] == [field]
