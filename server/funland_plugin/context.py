"""What a plugin's code is given to do more than compute."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from funland.worker.v1.plugin_pb2 import FromPlugin
from funland.worker.v1.worker_pb2 import JobArtefact, JobProgress
from funland_plugin.asking import Answer, Asking, Fetched, question
from funland_plugin.errors import LimitError
from funland_plugin.link import Link

_PART_BYTES: Final = 1024**2

Messages: TypeAlias = Iterable[Mapping[str, str]] | str
"""A conversation: mappings with `role` (`system`, `user` or `assistant`) and `content`; or what a
user says, alone."""


class Context:
    """One execution's. Its methods may be called by several threads, and wait for what they do."""

    def __init__(self, link: Link, folder: Path, output_format: str, output_bytes: int) -> None:
        self._link = link
        self._asking = Asking(link)
        self._left = output_bytes
        self._counting = threading.Lock()
        self._allowed = output_bytes
        self.folder = folder
        """A folder of the plugin's own, which stays from one execution to the next. Others that
        run now have the same."""
        self.output_format = output_format
        """The form that the output is to have, of the manifest's `supported_formats`; empty if
        that names none."""

    def progress(self, percent: float, text: str = "") -> None:
        """Tells how far it is, from 0 to 100, and with what, as often as one likes."""
        fraction = min(max(percent / 100, 0.0), 1.0) if percent == percent else 0.0  # noqa: PLR0124 - nan
        self._link.send(FromPlugin(progress=JobProgress(fraction=fraction, text=text)))

    def chat(
        self,
        messages: Messages,
        *,
        model: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        json_schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Has a model answer; the default one without `model`. With `json_schema` its text is JSON
        that fits that.

        Raises:
            AskError: There is no answer.
            DeniedError: The manifest's `permissions.models` is not set.
        """
        return self.chat_many(
            [messages],
            model=model,
            max_tokens=max_tokens,
            temperature=temperature,
            json_schema=json_schema,
        )[0]

    def chat_many(
        self,
        conversations: Sequence[Messages],
        *,
        model: str = "",
        max_tokens: int | None = None,
        temperature: float | None = None,
        json_schema: Mapping[str, Any] | None = None,
    ) -> list[Answer]:
        """As `chat`, for several conversations at once, which costs little more than one alone."""
        requests = [
            question(
                messages,
                model=model,
                max_tokens=max_tokens,
                temperature=temperature,
                json_schema=json_schema,
            )
            for messages in conversations
        ]
        return self._asking.ask(requests)

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Fetched:
        """Has the server make a GET, to one of the manifest's `permissions.hosts`. No redirect is
        followed: fetch its `location` where that may be.

        Raises:
            AskError: There is no answer, or one of more than 16 MiB.
            DeniedError: The manifest does not name the host.
        """
        return self._asking.fetch(url, headers or {})

    def write_file(self, name: str, data: bytes, media_type: str) -> None:
        """Gives out a file: the caller finds it among the execution's files. It is none of
        `folder`.

        Raises:
            LimitError: The execution's output would be longer than it may be.
            ValueError: The name has a slash or is empty.
        """
        if not name or "/" in name or "\0" in name or name in (".", ".."):
            raise ValueError(f"{name!r} is no name of a file.")
        with self._counting:  # and its parts go one behind the other
            self.take_output(len(data))
            for begin in range(0, max(len(data), 1), _PART_BYTES):
                part = JobArtefact(
                    name=name,
                    media_type=media_type if begin == 0 else "",
                    data=data[begin : begin + _PART_BYTES],
                    last=begin + _PART_BYTES >= len(data),
                )
                self._link.send(FromPlugin(artefact=part))

    def take_output(self, count: int) -> None:
        """Counts bytes of output. Raises LimitError if they are more than are left."""
        if count > self._left:
            raise LimitError("output", f"It has more than {self._allowed} bytes of output.")
        self._left -= count
