"""Each RPC says who may call it."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from funland.v1.access_pb2 import Access
from funland_gateway.app import _CONTRACT  # pyright: ignore[reportPrivateUsage] - the list of all services
from funland_server.identity import rule
from funland_server.metrics import Metrics
from funland_server.rpc.pipeline import Pipeline

METHODS: list[MethodDescriptor] = [
    method
    for module in _CONTRACT
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_an_rpc_says_who_may_call_it(method: MethodDescriptor) -> None:
    assert rule(method) != Access.RULE_UNSPECIFIED


def test_only_what_must_be_is_open() -> None:
    opened = {method.name for method in METHODS if rule(method) == Access.OPEN}

    assert opened <= {"GetHealth", "CreateToken", "RevokeToken"}


def test_a_server_does_not_take_an_rpc_without_a_rule() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="rules_of_nobody.proto", package="rules")
    file.message_type.add(name="Nothing")
    service = file.service.add(name="Ruleless")
    service.method.add(name="Do", input_type=".rules.Nothing", output_type=".rules.Nothing")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # pyright: ignore[reportUnknownMemberType] - its stubs say nothing
    ruleless = pool.FindServiceByName("rules.Ruleless")

    with pytest.raises(ValueError, match=r"rules.Ruleless.Do lacks the option `access`"):
        Pipeline(Metrics()).add(ruleless, object())
