"""Shows pictures and sounds to a model of llama.cpp's."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from funland_worker.engines.llama_cpp.projector import Projector
from funland_worker.engines.media import MediaKind, ReadMedia
from funland_worker.media_files import picture, sound

_KEPT_BYTES: Final = 64 * 1024**2
_DECODED_AT_ONCE: Final = 2

Result = TypeVar("Result")


class LlamaMediaReader:
    """See `funland_worker.engines.media.MediaReader`.

    What was shown lately is kept, up to 64 MiB of rows, so the next turn of a chat neither decodes
    nor computes its pictures again.
    """

    def __init__(self, projector: Projector) -> None:
        self._projector = projector
        self.kinds = projector.kinds
        self._kept: OrderedDict[bytes, ReadMedia] = OrderedDict()
        """What is computed, by its file's digest, the least recently shown first."""
        self._bytes = 0
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)
        self._computing = asyncio.Lock()

    async def read(self, kind: MediaKind, data: bytes, field: str, most_pixels: int) -> ReadMedia:
        """See `MediaReader`."""
        digest = hashlib.sha256(kind.value.encode() + data).digest()
        if (known := self._kept.get(digest)) is not None:
            self._kept.move_to_end(digest)
            return known
        async with self._decoding:
            if kind == MediaKind.AUDIO:
                return await asyncio.to_thread(self._heard, data, field, digest)
            return await asyncio.to_thread(self._seen, data, field, digest, most_pixels)

    async def compute(self, media: Sequence[ReadMedia]) -> None:
        """See `MediaReader`. What has begun is done, whether anyone waits for it or not."""
        for one in media:
            await asyncio.shield(asyncio.create_task(self._compute(one)))

    def _seen(self, data: bytes, field: str, digest: bytes, most_pixels: int) -> ReadMedia:
        return self._projector.read_image(picture(data, most_pixels, field), digest, field)

    def _heard(self, data: bytes, field: str, digest: bytes) -> ReadMedia:
        samples = sound(data, self._projector.sample_rate, field)
        return self._projector.read_audio(samples, digest, field)

    async def _compute(self, media: ReadMedia) -> None:
        async with self._computing:
            known = self._kept.get(media.digest)
            for number, chunk in enumerate(media.chunks):
                if chunk.rows is not None:
                    continue
                if known is not None:  # another call showed the same meanwhile
                    chunk.rows, chunk.source = known.chunks[number].rows, None
                    continue
                await _in_own_thread(partial(self._projector.compute, chunk))
            self._keep(media)

    def _keep(self, media: ReadMedia) -> None:
        if media.digest in self._kept:
            return
        self._kept[media.digest] = media
        self._bytes += media.row_bytes
        while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.row_bytes


async def _in_own_thread(work: Callable[[], Result]) -> Result:
    """Runs what computes in a thread that ends then: OpenMP's threads that a thread had stay with
    it, and with those of the engine there would be more than cores."""
    with ThreadPoolExecutor(1, thread_name_prefix="media") as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
