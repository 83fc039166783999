"""A gRPC client that knows nothing of Funland learns its contract by reflection and uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

if TYPE_CHECKING:
    from tests.conftest import Stack

SERVICES = {
    "funland.v1.AuthService",
    "funland.v1.BatchService",
    "funland.v1.DatasetService",
    "funland.v1.DeploymentService",
    "funland.v1.DownloadService",
    "funland.v1.FileService",
    "funland.v1.HardwareService",
    "funland.v1.HubService",
    "funland.v1.ImageService",
    "funland.v1.InferenceService",
    "funland.v1.McpService",
    "funland.v1.ModelService",
    "funland.v1.NodeService",
    "funland.v1.PluginService",
    "funland.v1.ProjectService",
    "funland.v1.ResponseService",
    "funland.v1.SessionService",
    "funland.v1.SpeechService",
    "funland.v1.SystemService",
    "funland.v1.TaskService",
    "funland.v1.TrainingService",
    "funland.v1.UploadService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


class ReflectedClient:
    """Calls methods by name with dictionaries for requests."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self.database)

    def unary(self, service: str, method: str, **request: Any) -> Any:
        """Calls a method that answers once."""
        described, message, read = self._prepare(service, method, request)
        call: Callable[..., Any] = self._channel.unary_unary(
            f"/{service}/{described.name}", _serialize, read
        )
        return call(message, timeout=120)

    def stream(self, service: str, method: str, **request: Any) -> Any:
        """Calls a method that answers with a stream."""
        described, message, read = self._prepare(service, method, request)
        call: Callable[..., Any] = self._channel.unary_stream(
            f"/{service}/{described.name}", _serialize, read
        )
        return call(message, timeout=120)

    def _prepare(
        self, service: str, method: str, request: dict[str, Any]
    ) -> tuple[MethodDescriptor, Any, Any]:
        described = self._pool.FindServiceByName(service).FindMethodByName(method)
        message = GetMessageClass(described.input_type)(**request)
        return described, message, GetMessageClass(described.output_type).FromString


@pytest.fixture
def channel(stack: Stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.grpc_address) as opened:
        yield opened


@pytest.fixture
def client(channel: grpc.Channel) -> ReflectedClient:
    return ReflectedClient(channel)


CHAT: dict[str, Any] = {
    "messages": [{"role": 2, "content": "Who are you?"}],
    "sampling": {"temperature": 0, "max_tokens": 100},
}


def test_the_server_lists_its_services(client: ReflectedClient) -> None:
    assert set(client.database.get_services()) == SERVICES


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_all_services_are_described_by_both_versions(channel: grpc.Channel, version: str) -> None:
    answers: Any = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        _serialize,
        reflection_pb2.ServerReflectionResponse.FromString,
    )

    def ask(**request: Any) -> Any:
        wanted = reflection_pb2.ServerReflectionRequest(**request)
        (answer,) = answers(iter([wanted]), timeout=120)
        return answer

    listed = {each.name for each in ask(list_services="").list_services_response.service}
    described = {
        f"{file.package}.{service.name}"
        for name in listed
        for data in ask(file_containing_symbol=name).file_descriptor_response.file_descriptor_proto
        for file in [FileDescriptorProto.FromString(data)]
        for service in file.service
    }
    unknown = ask(file_containing_symbol="funland.v1.Nobody")

    assert listed == SERVICES
    assert described == SERVICES
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_a_chat_is_answered_whole_and_as_a_stream(client: ReflectedClient) -> None:
    whole = client.unary("funland.v1.InferenceService", "Chat", **CHAT)
    events = list(client.stream("funland.v1.InferenceService", "StreamChat", **CHAT))

    assert "Funland" in whole.message.content
    assert [events[0].WhichOneof("event"), events[-1].WhichOneof("event")] == ["start", "finish"]
    assert "".join(event.delta.text for event in events) == whole.message.content
    assert events[-1].finish.usage.completion_tokens == whole.usage.completion_tokens


def test_the_other_services_answer_too(client: ReflectedClient) -> None:
    models = client.unary("funland.v1.ModelService", "ListModels").models
    health = client.unary("funland.v1.SystemService", "GetHealth")

    assert "funland-tiny" in [model.model_id for model in models]
    assert health.state == 1


@pytest.mark.parametrize("service", ["", *sorted(s for s in SERVICES if s.startswith("funland."))])
def test_the_standard_health_service_says_serving(channel: grpc.Channel, service: str) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)

    health = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=120)

    assert health.status == health_pb2.HealthCheckResponse.SERVING
