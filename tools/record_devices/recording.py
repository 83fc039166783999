"""Writes down what readers read: files of `/proc` and `/sys`, and NVML's answers."""

from __future__ import annotations

import base64
import re
from typing import Any

from funland_server.kernel_files import KernelFiles
from tools.record_devices.scrubbing import (
    file_without_secrets,
    link_is_told,
    nvml_without_secrets,
    path_without_secrets,
)


class RecordingFiles(KernelFiles):
    """This machine's files; those that were read are in `files`, as a tree for tests has them."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        super().__init__()
        self.files: dict[str, str] = {}

    def content(self, path: str) -> bytes | None:
        """See `KernelFiles`."""
        content = super().content(path)
        if content is not None and not path.startswith("usr/"):  # lists that a system brings
            shown = file_without_secrets(path, content)
            try:
                text = shown.decode()
            except UnicodeDecodeError:
                text = f"base64 {base64.b64encode(shown).decode()}"
            self.files[path_without_secrets(path)] = text
        return content

    def names(self, folder: str) -> list[str]:
        """See `KernelFiles`."""
        names = super().names(folder)
        if not folder.startswith("proc"):
            for name in names:
                if re.search(r"\d$", name):  # others are files, which are read or are not
                    self.files.setdefault(f"{folder}/{name}/", "")
        return names

    def link(self, path: str) -> str | None:
        """See `KernelFiles`."""
        target = super().link(path)
        if target is not None and link_is_told(path, target):
            self.files[path] = f"-> {target}"
        return target

    def exists(self, path: str) -> bool:
        """See `KernelFiles`."""
        there = super().exists(path)
        if there:
            self.files[path] = ""
        return there

    def tree(self) -> dict[str, str]:
        """What was read, without folders that are there by what is in them."""
        return {
            path: content
            for path, content in sorted(self.files.items())
            if not path.endswith("/") or not any(
                other.startswith(path) and other != path for other in self.files
            )
        }  # fmt: skip


class RecordingNvml:
    """The library; what it answered is in `answers`, by the call, with names for its handles."""

    def __init__(self, library: Any) -> None:
        """`library` is the module `pynvml`."""
        self._library = library
        self._names: list[tuple[Any, str]] = []
        self.answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        """A function that writes down what it answers; else what the library has."""
        there = getattr(self._library, name)
        if not name.startswith("nvml") or not callable(there):
            return there

        def recorded(*arguments: Any) -> Any:
            shown = [self._name(argument) for argument in arguments]
            call = f"{name}({', '.join(map(str, shown))})"
            try:
                answer = there(*arguments)
            except self._library.NVMLError as error:
                self.answers[call] = {"error": error.value}
                raise
            self.answers[call] = self._told(name, shown, answer)
            return answer

        return recorded

    def _name(self, argument: Any) -> Any:
        return next((name for handle, name in self._names if handle is argument), argument)

    def _told(self, function: str, arguments: list[Any], answer: Any) -> Any:
        if function.startswith("nvmlDeviceGetHandle"):
            self._names.append((answer, f"gpu{arguments[-1]}"))
            return {"handle": f"gpu{arguments[-1]}"}
        if function == "nvmlDeviceGetMigDeviceHandleByIndex":
            self._names.append((answer, f"{arguments[0]}/mig{arguments[1]}"))
            return {"handle": f"{arguments[0]}/mig{arguments[1]}"}
        if hasattr(answer, "_fields_"):
            return {field[0]: _plain(getattr(answer, field[0])) for field in answer._fields_}
        return nvml_without_secrets(_plain(answer))


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
