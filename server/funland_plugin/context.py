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
from funland_plugin.media import (
    Heard,
    Picture,
    Sound,
    heard_of,
    hearing_question,
    picture_question,
    pictures_of,
    sound_of,
    speech_question,
)

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

    def speak(
        self,
        text: str,
        *,
        voice: str = "",
        model: str = "",
        format: str = "",  # noqa: A002 - as the contract calls it
        sample_rate: int | None = None,
        speed: float | None = None,
        pitch: float | None = None,
        ssml: bool = False,
        seed: int | None = None,
    ) -> Sound:
        """Has a text spoken. `voice` is a voice's id or name, or a language such as `en-US`;
        `format` is `wav`, the default, `pcm`, `flac`, `opus`, `mp3` or `aac`.

        Raises:
            AskError: There is no sound, or one of more than 64 MiB.
            DeniedError: The manifest's `permissions.models` is not set.
            ValueError: There is no such format.
        """
        request = speech_question(
            text, voice=voice, model=model, format=format, sample_rate=sample_rate, speed=speed,
            pitch=pitch, ssml=ssml, seed=seed,
        )  # fmt: skip
        return sound_of(self._asking.speak(request))

    def hear(
        self,
        data: bytes = b"",
        *,
        file_id: str = "",
        model: str = "",
        language: str = "",
        prompt: str = "",
        translate: bool = False,
        words: bool = False,
    ) -> Heard:
        """Has it written down what is said in a recording: a whole file of at most 25 MiB, or a
        kept one of any length, which the caller must have named in the input. With `translate` it
        is in English, with `words` each word has its times.

        Raises:
            AskError: There is no answer.
            DeniedError: The manifest's `permissions.models` is not set, or the input does not name
                the file.
        """
        request = hearing_question(
            data, file_id=file_id, model=model, language=language, prompt=prompt,
            translate=translate, words=words,
        )  # fmt: skip
        return heard_of(self._asking.hear(request))

    def paint(
        self,
        prompt: str,
        *,
        model: str = "",
        negative_prompt: str = "",
        width: int | None = None,
        height: int | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int | None = None,
        n: int = 1,
        image: bytes = b"",
        mask: bytes = b"",
        strength: float | None = None,
        format: str = "",  # noqa: A002 - as the contract calls it
        upscale: bool = False,
    ) -> list[Picture]:
        """Has `n` pictures painted. `format` is `png`, the default, `jpg` or `webp`; with `upscale`
        they are enlarged where the model does not paint in the size that is wanted.

        Raises:
            AskError: There is no picture.
            DeniedError: The manifest's `permissions.models` is not set.
            ValueError: There is no such format.
        """
        request = picture_question(
            prompt, model=model, negative_prompt=negative_prompt, width=width, height=height,
            steps=steps, guidance_scale=guidance_scale, seed=seed, n=n, image=image, mask=mask,
            strength=strength, format=format, upscale=upscale,
        )  # fmt: skip
        return pictures_of(self._asking.paint(request))

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
