"""Reflection: what a client that knows nothing of the server can ask it for.

Clients ask by one of two names. grpcio-reflection has the older, v1alpha; v1 has the same messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection, reflection_pb2

V1ALPHA: Final = "grpc.reflection.v1alpha.ServerReflection"
V1: Final = "grpc.reflection.v1.ServerReflection"


def add_reflection(services: Iterable[str], server: Any) -> None:
    """Lets a server tell of its services, of both versions of this one too."""
    _describe_v1()
    names = (*services, V1ALPHA, V1)
    untyped: Any = reflection
    untyped.enable_server_reflection(names, server)
    handler = grpc.stream_stream_rpc_method_handler(
        untyped.aio.ReflectionServicer(names).ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(V1, {"ServerReflectionInfo": handler}),)
    )


def _describe_v1() -> None:
    """Makes v1's own descriptor known, for who asks for those of all services."""
    pool = descriptor_pool.Default()
    try:
        pool.FindServiceByName(V1)
    except KeyError:
        older = FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb)
        text = text_format.MessageToString(older).replace("v1alpha", "v1")
        newer = text_format.Parse(text, FileDescriptorProto())
        pool.AddSerializedFile(newer.SerializeToString())
