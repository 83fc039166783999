"""Message types that have every kind of field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import google.api.annotations_pb2
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc


@pytest.fixture(scope="session")
def kitchen_file(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptor:
    here = Path(__file__).parent
    out = tmp_path_factory.mktemp("kitchen") / "kitchen.binpb"
    annotations = Path(google.api.annotations_pb2.__file__).parents[2]
    well_known = Path(protoc.__file__).parent / "_proto"
    compiler: Any = protoc  # it has no types
    done: int = compiler.main(
        [
            "protoc",
            f"-I{here}",
            f"-I{annotations}",
            f"-I{well_known}",
            f"--descriptor_set_out={out}",
            "kitchen.proto",
        ]
    )
    assert done == 0
    file = FileDescriptorSet.FromString(out.read_bytes()).file[0]
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName(file.name)


@pytest.fixture(scope="session")
def kitchen(kitchen_file: FileDescriptor) -> Descriptor:
    return kitchen_file.message_types_by_name["Kitchen"]
