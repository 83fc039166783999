"""NVIDIA's management library, asked so that one value that it lacks costs no other.

https://docs.nvidia.com/deploy/nvml-api/
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_NO_DRIVER: Final = (9, 12)
"""The driver is not loaded, or the library is not there: this machine computes on no NVIDIA GPU."""
_LOST: Final = (15, 16)
"""The GPU fell off the bus, or must be reset."""


class NoDriverError(Exception):
    """There is no driver of NVIDIA's."""


class BrokenDriverError(Exception):
    """There is one, but it can't be asked. The message is the library's."""


class Nvml:
    """The library, once it is ready."""

    def __init__(self, library: Any) -> None:
        """Makes it ready; `library` is the module `pynvml`.

        Raises:
            NoDriverError: There is no driver.
            BrokenDriverError: It fails.
        """
        self._library = library
        self.lost: str = ""
        """What the library said of a device that it lost, since this was cleared last."""
        try:
            library.nvmlInit()
        except library.NVMLError as error:
            if error.value in _NO_DRIVER:
                raise NoDriverError from None
            raise BrokenDriverError(str(error)) from None

    def ask(self, function: str, *arguments: Any) -> Any:
        """What a function answers; None if this library, driver or device does not."""
        try:
            return getattr(self._library, function)(*arguments)
        except self._library.NVMLError as error:
            if error.value in _LOST:
                self.lost = str(error)
            return None
        except AttributeError:  # an older package
            return None

    def memory(self, device: Any) -> Any:
        """A device's memory: without what is reserved counted as used, where it is told apart."""
        version = getattr(self._library, "nvmlMemory_v2", None)
        told = self.ask("nvmlDeviceGetMemoryInfo", device, version) if version else None
        return told or self.ask("nvmlDeviceGetMemoryInfo", device)

    def close(self) -> None:
        """Lets it go; a new one sees devices that came meanwhile."""
        self.ask("nvmlShutdown")


def nvml_library() -> Any:
    """The package's module. Its import takes a while and memory: only who has such a GPU pays."""
    return import_module("pynvml")
