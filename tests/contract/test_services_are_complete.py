"""What the contract promises is there: its RPCs, their routes, and the meaning of its errors."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2

import funland_server
from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    files_pb2,
    hardware_pb2,
    hub_pb2,
    images_pb2,
    inference_pb2,
    models_pb2,
    nodes_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)
from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.transcoding.comments import contract_comments
from funland_server import errors
from funland_server.auth.service import AuthService
from funland_server.batches.service import BatchService
from funland_server.chat.service import SessionService
from funland_server.datasets.service import DatasetService
from funland_server.deployments.service import DeploymentService
from funland_server.downloads.service import DownloadService
from funland_server.files.service import FileService
from funland_server.files.upload_service import UploadService
from funland_server.hardware.service import HardwareService
from funland_server.hub.service import HubService
from funland_server.images.service import ImageService
from funland_server.inference.service import InferenceService
from funland_server.models.service import ModelService
from funland_server.nodes.service import NodeService
from funland_server.plugins.service import PluginService
from funland_server.projects.service import ProjectService
from funland_server.responses.service import ResponseService
from funland_server.speech.service import SpeechService
from funland_server.system.service import SystemService
from funland_server.tasks.service import TaskService
from funland_server.training.service import TrainingService

FILES: dict[FileDescriptor, type] = {
    inference_pb2.DESCRIPTOR: InferenceService,
    models_pb2.DESCRIPTOR: ModelService,
    hardware_pb2.DESCRIPTOR: HardwareService,
    sessions_pb2.DESCRIPTOR: SessionService,
    datasets_pb2.DESCRIPTOR: DatasetService,
    deployments_pb2.DESCRIPTOR: DeploymentService,
    nodes_pb2.DESCRIPTOR: NodeService,
    hub_pb2.DESCRIPTOR: HubService,
    downloads_pb2.DESCRIPTOR: DownloadService,
    responses_pb2.DESCRIPTOR: ResponseService,
    tasks_pb2.DESCRIPTOR: TaskService,
    training_pb2.DESCRIPTOR: TrainingService,
    plugins_pb2.DESCRIPTOR: PluginService,
    files_pb2.DESCRIPTOR: FileService,
    speech_pb2.DESCRIPTOR: SpeechService,
    images_pb2.DESCRIPTOR: ImageService,
    auth_pb2.DESCRIPTOR: AuthService,
    projects_pb2.DESCRIPTOR: ProjectService,
    batches_pb2.DESCRIPTOR: BatchService,
    system_pb2.DESCRIPTOR: SystemService,
    uploads_pb2.DESCRIPTOR: UploadService,
}
RPCS = [
    rpc for file in FILES for service in file.services_by_name.values() for rpc in service.methods
]
every_rpc = pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.full_name)

# The gateway's own: the server never has them.
GATEWAYS = {
    ErrorReason.SERVER_UNREACHABLE, ErrorReason.ROUTE_NOT_FOUND,
    ErrorReason.METHOD_NOT_ALLOWED, ErrorReason.HOST_NOT_ALLOWED, ErrorReason.BODY_TOO_LARGE,
    ErrorReason.TOO_MANY_CONNECTIONS, ErrorReason.PARAMETER_UNSUPPORTED,
    ErrorReason.REQUEST_MALFORMED, ErrorReason.URL_TOO_LONG, ErrorReason.HEADERS_TOO_LARGE,
    ErrorReason.CONTENT_UNSUPPORTED, ErrorReason.EXPECTATION_UNSUPPORTED,
}  # fmt: skip


@every_rpc
def test_an_rpc_has_a_method_that_takes_and_gives_its_messages(rpc: MethodDescriptor) -> None:
    method = getattr(FILES[rpc.containing_service.file], rpc.name)

    hints = typing.get_type_hints(method)
    given = hints.pop("return")
    if rpc.server_streaming:
        assert not inspect.iscoroutinefunction(method)
        (given,) = typing.get_args(given)
    else:
        assert inspect.iscoroutinefunction(method)
    (taken,) = hints.values()
    if rpc.client_streaming:
        (taken,) = typing.get_args(taken)
    assert taken is GetMessageClass(rpc.input_type)
    assert given is GetMessageClass(rpc.output_type)


@pytest.mark.parametrize("service", FILES.values())
def test_a_service_has_no_public_method_beside_its_rpcs(service: type) -> None:
    public = {name for name in vars(service) if not name.startswith("_")}

    assert public == {rpc.name for rpc in RPCS if FILES[rpc.containing_service.file] is service}


@every_rpc
def test_an_rpc_has_a_route_of_the_native_api(rpc: MethodDescriptor) -> None:
    options: Any = rpc.GetOptions()  # the package of annotations_pb2 has no types
    rule: HttpRule = options.Extensions[annotations_pb2.http]

    verb = rule.WhichOneof("pattern")
    assert verb in ("get", "post", "delete", "put", "patch")
    assert getattr(rule, verb).startswith("/funland/v1/")


@every_rpc
def test_an_rpc_has_a_comment(rpc: MethodDescriptor) -> None:
    assert contract_comments()[rpc.full_name]


@pytest.mark.parametrize(
    "name", [ErrorReason.Name(number) for number in ErrorReason.values() if number]
)
def test_a_reason_names_its_canonical_code(name: str) -> None:
    assert code_of(name) in dict(code_pb2.Code.items())


def all_errors(kind: type[errors.FunlandError]) -> Iterator[type[errors.FunlandError]]:
    """The errors below one that callers can get."""
    for each in kind.__subclasses__():
        yield from all_errors(each)
        if getattr(each, "reason", ErrorReason.ERROR_REASON_UNSPECIFIED):
            yield each


# Importing a domain's errors is what makes them known here.
MODULES: list[ModuleType] = [
    errors,
    *(
        importlib.import_module(f"funland_server.{domain.name}.errors")
        for domain in pkgutil.iter_modules(funland_server.__path__)
        if domain.ispkg and importlib.util.find_spec(f"funland_server.{domain.name}.errors")
    ),
]
ERRORS = sorted(all_errors(errors.FunlandError), key=lambda error: error.__name__)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_of_the_server_has_the_code_of_its_reason(
    error: type[errors.FunlandError],
) -> None:
    assert error.code == code_of(ErrorReason.Name(error.reason))


def test_every_reason_is_an_error_of_the_server_or_the_gateway() -> None:
    servers = [error.reason for error in ERRORS]

    assert len(servers) == len(set(servers))
    assert set(servers) | GATEWAYS == set(ErrorReason.values()) - {0}
    assert not GATEWAYS & set(servers)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_tree_of_errors_is_drawn_in_its_docstring(module: ModuleType) -> None:
    drawn = re.findall(r"(\w+Error) +([A-Z_]{2,})$", module.__doc__ or "", re.MULTILINE)

    own = [error for error in ERRORS if error.__module__ == module.__name__]
    assert dict(drawn) == {error.__name__: ErrorReason.Name(error.reason) for error in own}


def test_every_error_is_in_the_errors_of_its_domain() -> None:
    names = {module.__name__ for module in MODULES}

    assert {error.__module__ for error in ERRORS} <= names


def code_of(reason: str) -> str:
    """The code that the comment of a reason begins with."""
    comment = contract_comments()[f"funland.v1.ErrorReason.{reason}"]
    return comment.partition(". ")[0]
