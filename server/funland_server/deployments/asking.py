"""What callers ask for: whether it makes sense, and what it means."""

from __future__ import annotations

from funland.v1.deployments_pb2 import Deployment, StartDeploymentRequest
from funland.v1.downloads_pb2 import StartDownloadRequest
from funland.v1.models_pb2 import Model
from funland_server.errors import FieldInvalidError, Violation
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.engines import CONVERTED_ARCHITECTURES

Engine = Deployment.Engine.ValueType

_FIELDS = {"source": "model"}
"""What this service calls fields of `StartDownloadRequest`."""


def check(request: StartDeploymentRequest) -> None:
    """Raises FieldInvalidError for settings of an engine that is not to run it."""
    violations: list[Violation] = []
    if request.engine == Deployment.VLLM and request.settings.ListFields():
        violations.append(Violation("settings", "is for BUILT_IN; vLLM has its own in `vllm`"))
    if request.engine == Deployment.BUILT_IN and request.vllm.ListFields():
        violations.append(Violation("vllm", "is for VLLM; the built-in engines have `settings`"))
    if violations:
        raise FieldInvalidError(violations)


def engine_of(request: StartDeploymentRequest, model: InstalledModel | None) -> Engine:
    """What is to run it; as long as the model is not there, what is likely.

    Who gives the settings of both leaves the choice to the model; those of the other don't count.
    """
    if request.engine != Deployment.ENGINE_UNSPECIFIED:
        return request.engine
    if request.vllm.ListFields() and not request.settings.ListFields():
        return Deployment.VLLM
    only_vllm = (
        model is not None
        and model.format == Model.SAFETENSORS
        and model.header.architecture not in CONVERTED_ARCHITECTURES
    )
    return Deployment.VLLM if only_vllm else Deployment.BUILT_IN


def download_of(request: StartDeploymentRequest) -> StartDownloadRequest:
    """What is to be downloaded."""
    settings = request.settings
    vllm = engine_of(request, None) == Deployment.VLLM
    return StartDownloadRequest(
        source=request.model,
        hub=request.hub,
        variant=request.variant,
        format=Model.SAFETENSORS if vllm else Model.FORMAT_UNSPECIFIED,
        context_length=settings.context_length if settings.HasField("context_length") else None,
    )


def in_our_words(error: FieldInvalidError) -> FieldInvalidError:
    """The error of a download with the fields as this service calls them."""
    return FieldInvalidError(
        [Violation(_FIELDS.get(one.field, one.field), one.description) for one in error.violations]
    )
