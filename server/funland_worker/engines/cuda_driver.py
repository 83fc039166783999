"""Asks NVIDIA's driver what CUDA's numbers mean in this process: which they are depends on
CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER, which the driver itself reads."""

from __future__ import annotations

import ctypes
from typing import Any
from uuid import UUID

from funland.worker.v1.worker_pb2 import EngineDevice

_MAJOR, _MINOR = 75, 76
"""`CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `_MINOR` in cuda.h."""
_NAME_LENGTH = 256
_ADDRESS_LENGTH = 32


class CudaDriver:
    """libcuda, by its C functions."""

    def __init__(self, library: str = "libcuda.so.1") -> None:
        """Raises:
        OSError: There is no such library.
        RuntimeError: It does not start.
        """
        self._cuda: Any = ctypes.CDLL(library)
        self._call("cuInit", 0)

    def describe(self, index: int, device: EngineDevice) -> None:
        """Fills in what the driver tells of the device of that number.

        Raises:
            RuntimeError: It is not there any more.
        """
        handle = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(handle), index)
        name = ctypes.create_string_buffer(_NAME_LENGTH)
        self._call("cuDeviceGetName", name, len(name), handle)
        device.description = name.value.decode(errors="replace")
        address = ctypes.create_string_buffer(_ADDRESS_LENGTH)
        self._call("cuDeviceGetPCIBusId", address, len(address), handle)
        device.pci_address = address.value.decode().lower()
        digits = (ctypes.c_ubyte * 16)()
        # Of a MIG slice the second version has the slice's own, the first the card's.
        self._call("cuDeviceGetUuid_v2", ctypes.byref(digits), handle)
        device.uuid = str(UUID(bytes=bytes(digits)))
        memory = ctypes.c_size_t()
        self._call("cuDeviceTotalMem_v2", ctypes.byref(memory), handle)
        device.memory_total_bytes = memory.value
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(major), _MAJOR, handle)
        self._call("cuDeviceGetAttribute", ctypes.byref(minor), _MINOR, handle)
        device.architecture = f"sm_{major.value}{minor.value}"

    def _call(self, name: str, *arguments: Any) -> None:
        if code := self._cuda[name](*arguments):
            raise RuntimeError(f"NVIDIA's driver answered {name} with the error {code}")
