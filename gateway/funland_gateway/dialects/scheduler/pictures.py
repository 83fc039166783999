"""`image`: a picture as a task, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest, GenerateImagesResponse, Image
from funland.v1.tasks_pb2 import (
    GetTaskRequest,
    ListLanesRequest,
    ListLanesResponse,
    SubmitTaskRequest,
    Task,
    Work,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.query import Parameter, choice, whole_number
from funland_gateway.dialects.reading import unsupported
from funland_gateway.dialects.rpcs import GET_TASK, LIST_LANES, SUBMIT_TASK
from funland_gateway.dialects.scheduler.answers import done
from funland_gateway.dialects.scheduler.contents import Contents, address, with_contents
from funland_gateway.dialects.scheduler.errors import error_fields
from funland_gateway.dialects.scheduler.estimating import estimated_ms
from funland_gateway.dialects.scheduler.parameters import (
    NUMBER,
    SEED,
    SWITCH,
    TEXT,
    WHOLE,
    Reader,
    parameters_of,
    read,
    word_of,
)
from funland_gateway.dialects.states import state_word
from funland_gateway.failures import failure

FORMATS: Final = Image.DESCRIPTOR.enum_types_by_name["Format"]
_SCHEDULERS: Final = GenerateImagesRequest.DESCRIPTOR.enum_types_by_name["Scheduler"]

PARAMETERS: Final[Mapping[str, Reader]] = {
    "width": WHOLE,
    "height": WHOLE,
    "steps": WHOLE,
    "guidance_scale": NUMBER,
    "seed": SEED,
    "model": TEXT,
    "n": WHOLE,
    "scheduler": word_of(_SCHEDULERS),
    "image_file_id": TEXT,
    "mask_file_id": TEXT,
    "strength": NUMBER,
    "format": word_of(FORMATS),
    "quality": WHOLE,
    "upscale": SWITCH,
}

BASE64: Final = "base64"
URL: Final = "url"
FORMAT: Final = choice("format", "How the picture is told.", BASE64, URL)
QUALITY: Final = whole_number(
    "quality", "Of JPEG and WebP: as it was asked for when it was painted.", 1, 100, None
)
RESULT_QUERY: Final[tuple[Parameter[Any], ...]] = (FORMAT, QUALITY)

_OUTSIDE: Final = ("prompt", "negative_prompt")
_USUAL_QUALITY: Final = 90
"""The contract's."""
_LOSSY: Final = (Image.JPEG, Image.WEBP)


def generate(incoming: Incoming) -> Unary:
    """Makes a task of a prompt. Sizes that the model does not paint are enlarged, unless `upscale`
    is false: this API has no way to ask which it paints."""
    body = incoming.body
    parameters: dict[str, Any] = {"upscale": True, **read(parameters_of(body), PARAMETERS)}
    request = GenerateImagesRequest(
        prompt=body.string("prompt"),
        negative_prompt=body.optional_string("negative_prompt"),
        **parameters,
    )

    def submitted(task: Task) -> Unary:
        def answer(lanes: ListLanesResponse) -> Reply:
            data = {
                "task_id": task.task_id,
                "status": state_word(task.state),
                "message": "Image generation task submitted successfully",
                "estimated_time_ms": estimated_ms(task, lanes.lanes),
            }
            return done(incoming, data, task_id=task.task_id)

        return Unary(LIST_LANES, ListLanesRequest(), answer)

    task = SubmitTaskRequest(work=Work(images=request))
    return Unary(SUBMIT_TASK, task, submitted, _field_name)


def get_result(incoming: Incoming) -> Unary:
    """Asks for the picture of a task. One that has none yet says how far it is."""
    task_id = incoming.path["task_id"]
    how, quality = FORMAT.of(incoming.query), QUALITY.of(incoming.query)

    def answer(task: Task) -> Reply | Unary:
        if task.kind != Task.IMAGES:
            raise failure(
                "NOT_FOUND",
                ErrorReason.TASK_NOT_FOUND,
                f"Task {task_id!r} paints no picture.",
                task_id=task_id,
            )
        if task.state != Task.COMPLETED:
            return done(incoming, _unfinished(task))
        response = task.result.images
        if quality is not None:
            _check_quality(task, quality)
        file_ids = [image.file_id for image in response.images] if how == BASE64 else []

        def tell(contents: Contents) -> Reply:
            data = {"task_id": task_id, "status": state_word(task.state)}
            return done(incoming, {**data, **painted(incoming, task, response, contents)})

        return with_contents(file_ids, tell)

    return Unary(GET_TASK, GetTaskRequest(task_id=task_id), answer)


def painted(
    incoming: Incoming, task: Task, response: GenerateImagesResponse, contents: Contents
) -> dict[str, Any]:
    """What is told of pictures: of each its content as far as that is given, and its address."""
    images = [_image(incoming, task, image, contents) for image in response.images]
    return {
        "image": images[0] if images else None,
        "images": images,
        "model": response.model,
        "steps": response.steps,
        "guidance_scale": response.guidance_scale,
        "execution_time_ms": round(response.timings.total_ms),
    }


def _image(incoming: Incoming, task: Task, image: Image, contents: Contents) -> dict[str, Any]:
    content = contents.get(image.file_id)
    return {
        "format": Image.Format.Name(image.format).lower(),
        BASE64: content.base64 if content else None,
        URL: address(incoming, task.task_id, image.file_id),
        "width": image.width,
        "height": image.height,
        "painted_width": image.painted_width,
        "painted_height": image.painted_height,
        "seed": image.seed,
    }


def _unfinished(task: Task) -> dict[str, Any]:
    progress = round(task.progress_percent) if task.HasField("progress_percent") else None
    failed = {"error": error_fields(task.error)} if task.state == Task.FAILED else {}
    state = {"task_id": task.task_id, "status": state_word(task.state), "progress": progress}
    return {**state, "image": None, "images": [], **failed}


def _check_quality(task: Task, quality: int) -> None:
    """Pictures stay as they were written; without losses there is no quality."""
    asked = task.work.images
    if asked.format in _LOSSY and quality != (asked.quality or _USUAL_QUALITY):
        raise unsupported(
            "quality", "a picture stays as it was painted; give it in parameters.quality then"
        )


def _field_name(path: str) -> str:
    inner = path.removeprefix("work.images.")
    return inner if inner in _OUTSIDE else f"parameters.{inner}"
