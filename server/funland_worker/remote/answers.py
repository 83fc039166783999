"""Answers `WorkerService` on a server that listens before there is a model."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2_grpc import WorkerServiceServicer


class Answers(grpc.GenericRpcHandler):
    """Has nothing to say until `begin`: such calls are UNIMPLEMENTED, and nobody makes them."""

    def __init__(self) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def begin(self, servicer: WorkerServiceServicer) -> None:
        """Has calls answered from now on."""
        service = worker_pb2.DESCRIPTOR.services_by_name["WorkerService"]
        for method in service.methods:
            self._handlers[f"/{service.full_name}/{method.name}"] = (
                grpc.unary_unary_rpc_method_handler(
                    getattr(servicer, method.name),
                    request_deserializer=GetMessageClass(method.input_type).FromString,
                    response_serializer=GetMessageClass(method.output_type).SerializeToString,
                )
            )

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See `grpc.GenericRpcHandler`."""
        return self._handlers.get(handler_call_details.method)
