"""Tasks that paint: each picture is a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from funland.v1.images_pb2 import GenerateImagesResponse, Image, ImageDone, ImageEvent, ImageStart
from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland_server.errors import ServerStoppingError
from funland_server.files.domain import Files
from funland_server.images.domain import Images
from funland_server.models.errors import ModelNotFoundError
from funland_server.tasks.kinds import Checked, NotHereError, Running
from funland_server.tasks.media.given import check_given, file_ids
from funland_server.tasks.media.output import Output, output

Progress = Callable[[float, str], None]


class Painting:
    """See `Kind`."""

    kind = Task.IMAGES
    lane = Lane.PICTURES
    resumes = False

    def __init__(self, images: Images, files: Files) -> None:
        self._images = images
        self._files = files

    async def check(self, work: Work) -> Checked:
        """Raises FieldInvalidError, UnknownFileError, FileElsewhereError, and what the choice of a
        model does."""
        check_given(work)
        for file_id in file_ids(work):
            await self._files.path(file_id)
        return Checked(self._images.painting.check(work.images), here=bool(file_ids(work)))

    async def run(self, running: Running) -> TaskResult:
        """Paints them."""
        request = running.work.images
        request.preview_steps = request.previews = 0  # nobody sees them
        try:
            async with output(self._files, running.task_id) as made:
                events = self._images.painting.stream(request, background=True)
                return TaskResult(images=await painted(events, made, running.progress))
        except ModelNotFoundError as error:
            raise NotHereError(model=True) from error


async def painted(
    events: AsyncGenerator[ImageEvent], made: Output, progress: Progress
) -> GenerateImagesResponse:
    """Keeps the pictures of a stream, each as it comes; raises what the stream does."""
    start = ImageStart()
    images: dict[int, Image] = {}
    async with aclosing(events):
        async for event in events:
            match event.WhichOneof("event"):
                case "start":
                    start = event.start
                case "progress":
                    told = event.progress
                    _tell(progress, start, told.index + told.step / max(told.steps, 1))
                case "image":
                    images[event.image.index] = await _kept(event.image, made)
                    _tell(progress, start, len(images))
                case "finish":
                    return GenerateImagesResponse(
                        model=start.model,
                        images=[images[index] for index in sorted(images)],
                        steps=start.steps,
                        guidance_scale=event.finish.guidance_scale,
                        timings=event.finish.timings,
                        device_ids=start.device_ids,
                    )
                case _:
                    pass
    raise ServerStoppingError("The server ended before the pictures were painted.")


async def _kept(done: ImageDone, made: Output) -> Image:
    """A picture with its file in the place of its content."""
    image = done.image

    async def content() -> AsyncGenerator[bytes]:
        yield image.data

    ending = Image.Format.Name(image.format or Image.PNG).lower()
    name = f"picture-{done.index + 1}.{ending}"
    file = await made.keep(content(), name=name, media_type=image.media_type)
    kept = Image()
    kept.CopyFrom(image)
    kept.data = b""
    kept.file_id = file.file_id
    return kept


def _tell(progress: Progress, start: ImageStart, pictures: float) -> None:
    """`pictures` are those that are done, and the part of the next one."""
    count = max(start.n, 1)
    progress(100.0 * pictures / count, f"{int(pictures)} of {count}")
