"""Answers `WorkerService` on a server that listens before there is a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import grpc
from google.protobuf.message_factory import GetMessageClass

from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2_grpc import WorkerServiceServicer

_HANDLERS: Final[dict[tuple[bool, bool], Callable[..., grpc.RpcMethodHandler[Any, Any]]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
"""By whether requests and whether answers are streams."""


class Answers(grpc.GenericRpcHandler):
    """Has nothing to say until `begin`: such calls are UNIMPLEMENTED, and nobody makes them."""

    def __init__(self) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def begin(self, servicer: WorkerServiceServicer) -> None:
        """Has calls answered from now on."""
        service = worker_pb2.DESCRIPTOR.services_by_name["WorkerService"]
        for method in service.methods:
            handler = _HANDLERS[method.client_streaming, method.server_streaming]
            self._handlers[f"/{service.full_name}/{method.name}"] = handler(
                getattr(servicer, method.name),
                request_deserializer=GetMessageClass(method.input_type).FromString,
                response_serializer=GetMessageClass(method.output_type).SerializeToString,
            )

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See `grpc.GenericRpcHandler`."""
        return self._handlers.get(handler_call_details.method)
