"""Asks Vulkan's loader which devices its drivers have, and what they are.

llama.cpp tells neither whether a device is a program, nor its driver, nor its UUID. This needs
nothing but Python, so the installation asks it too, before there is a llama.cpp.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

_LIBRARY = "libvulkan.so.1" if sys.platform == "linux" else "libvulkan.dylib"
_VERSION_1_1 = 1 << 22 | 1 << 12
_CPU = 4
"""`VK_PHYSICAL_DEVICE_TYPE_CPU`."""
_UNSET = 0xFFFFFFFF
"""In a field that a driver fills if it knows of it."""

_u32 = ctypes.c_uint32
_Pointer = ctypes.c_void_p


class _Application(ctypes.Structure):
    """`VkApplicationInfo`."""

    _fields_ = (
        ("type", _u32),
        ("next", _Pointer),
        ("name", ctypes.c_char_p),
        ("version", _u32),
        ("engine", ctypes.c_char_p),
        ("engine_version", _u32),
        ("api_version", _u32),
    )


class _InstanceWish(ctypes.Structure):
    """`VkInstanceCreateInfo`."""

    _fields_ = (
        ("type", _u32),
        ("next", _Pointer),
        ("flags", _u32),
        ("application", ctypes.POINTER(_Application)),
        ("layer_count", _u32),
        ("layers", _Pointer),
        ("extension_count", _u32),
        ("extensions", _Pointer),
    )


class _BusInfo(ctypes.Structure):
    """`VkPhysicalDevicePCIBusInfoPropertiesEXT`."""

    _fields_ = (
        ("type", _u32),
        ("next", _Pointer),
        ("domain", _u32),
        ("bus", _u32),
        ("device", _u32),
        ("function", _u32),
    )


class _Ids(ctypes.Structure):
    """`VkPhysicalDeviceIDProperties`."""

    _fields_ = (
        ("type", _u32),
        ("next", _Pointer),
        ("device", ctypes.c_ubyte * 16),
        ("driver", ctypes.c_ubyte * 16),
        ("luid", ctypes.c_ubyte * 8),
        ("node_mask", _u32),
        ("luid_valid", _u32),
    )


class _Driver(ctypes.Structure):
    """`VkPhysicalDeviceDriverProperties`."""

    _fields_ = (
        ("type", _u32),
        ("next", _Pointer),
        ("id", _u32),
        ("name", ctypes.c_char * 256),
        ("info", ctypes.c_char * 256),
        ("conformance", ctypes.c_ubyte * 4),
    )


class _Properties(ctypes.Structure):
    """`VkPhysicalDeviceProperties2`; of its limits we want none."""

    _fields_ = (
        ("type", _u32),
        ("next", _Pointer),
        ("api_version", _u32),
        ("driver_version", _u32),
        ("vendor", _u32),
        ("device", _u32),
        ("kind", _u32),
        ("name", ctypes.c_char * 256),
        ("cache", ctypes.c_ubyte * 16),
        ("limits", ctypes.c_uint64 * 128),
    )


@dataclass(frozen=True, slots=True)
class VulkanDevice:
    """A device of one of Vulkan's drivers."""

    name: str
    emulated: bool
    """Whether a program on the CPU does its work."""
    vendor: int
    """PCI's number of its maker."""
    driver: str
    """Name and version, such as `llvmpipe, Mesa 22.3.6 (LLVM 15.0.6)`."""
    uuid: str
    pci_address: str
    """Empty if its driver does not say."""


def vulkan_devices(library: str = _LIBRARY) -> list[VulkanDevice]:
    """All devices, in the loader's order; none where there is no loader or no driver."""
    try:
        vulkan: Any = ctypes.CDLL(library)
        read = vulkan.vkGetPhysicalDeviceProperties2
    except (OSError, AttributeError):
        return []
    application = _Application(type=0, api_version=_VERSION_1_1)
    wish = _InstanceWish(type=1, application=ctypes.pointer(application))
    instance = _Pointer()
    if vulkan.vkCreateInstance(ctypes.byref(wish), None, ctypes.byref(instance)):
        return []
    try:
        count = _u32()
        if vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None):
            return []
        handles = (_Pointer * count.value)()
        vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
        return [_device(read, _Pointer(handle)) for handle in handles[: count.value]]
    finally:
        vulkan.vkDestroyInstance(instance, None)


def _device(read: Any, handle: ctypes.c_void_p) -> VulkanDevice:
    bus: Any = _BusInfo(type=1000212000, domain=_UNSET)
    ids: Any = _Ids(type=1000071004, next=ctypes.addressof(bus))
    driver: Any = _Driver(type=1000196000, next=ctypes.addressof(ids))
    told: Any = _Properties(type=1000059001, next=ctypes.addressof(driver))
    read(handle, ctypes.byref(told))
    address = f"{bus.domain:04x}:{bus.bus:02x}:{bus.device:02x}.{bus.function:x}"
    return VulkanDevice(
        name=told.name.decode(errors="replace"),
        emulated=told.kind == _CPU,
        vendor=told.vendor,
        driver=", ".join(filter(None, (text.decode() for text in (driver.name, driver.info)))),
        uuid=str(UUID(bytes=bytes(ids.device))),
        pci_address="" if bus.domain == _UNSET else address,
    )
