"""OpenAI's pictures: out of texts and out of others, as JSON, addresses and events."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

from funland.v1.deployments_pb2 import ListDeploymentsResponse
from funland.v1.images_pb2 import (
    GenerateImagesRequest,
    GenerateImagesResponse,
    Image,
    ImageDone,
    ImageEvent,
    ImageFinish,
    ImageProgress,
    ImageStart,
)
from funland.v1.models_pb2 import ListModelsResponse
from tests.gateway.dialects.keeping import Keeping

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
VARIATIONS = "/v1/images/variations"
PICTURES = [
    Image(
        data=b"one" * 200_000, format=Image.PNG, media_type="image/png",
        width=512, height=256, seed=7, painted_width=64, painted_height=32,
    ),
    Image(
        data=b"two", format=Image.PNG, media_type="image/png",
        width=64, height=64, seed=8, painted_width=64, painted_height=64,
    ),
]  # fmt: skip
STEPS = 8


class Painting(Keeping):
    """A server that paints `PICTURES`; `asked` is what it was asked, `given` what it was given."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(answers)
        self.asked: list[GenerateImagesRequest] = []
        self.given: list[bytes] = []
        answers["GenerateImages"] = self._paint
        answers["StreamGenerateImages"] = self._stream
        answers["ListModels"] = self._models
        answers["ListDeployments"] = self._deployments

    def _take(self, request: GenerateImagesRequest) -> None:
        self.asked.append(request)
        ids = (request.image_file_id, request.mask_file_id)
        self.given += [self.kept[file_id] for file_id in ids if file_id]

    async def _paint(self, request: GenerateImagesRequest, _: Any) -> GenerateImagesResponse:
        self._take(request)
        return GenerateImagesResponse(model="sketch", images=PICTURES, steps=STEPS)

    async def _stream(self, request: GenerateImagesRequest, _: Any) -> AsyncIterator[ImageEvent]:
        self._take(request)
        yield ImageEvent(start=ImageStart(model="sketch", n=2, steps=STEPS))
        for index, image in enumerate(PICTURES):
            for step in range(1, STEPS + 1):
                progress = ImageProgress(index=index, step=step, steps=STEPS)
                if step <= request.previews:
                    progress.preview.CopyFrom(Image(data=bytes([step]), width=64, height=64))
                yield ImageEvent(progress=progress)
            yield ImageEvent(image=ImageDone(index=index, image=image))
        yield ImageEvent(finish=ImageFinish())

    async def _models(self, _: Any, __: Any) -> ListModelsResponse:
        return ListModelsResponse()

    async def _deployments(self, _: Any, __: Any) -> ListDeploymentsResponse:
        return ListDeploymentsResponse()


@pytest.fixture
def painting(answers: Answers) -> Painting:
    return Painting(answers)


def form(*fields: tuple[str, Any]) -> aiohttp.FormData:
    made = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields:
        made.add_field(name, value, filename="a.png" if isinstance(value, bytes) else None)
    return made


def decoded(events: str) -> list[Any]:
    return [orjson.loads(line[6:]) for line in events.splitlines() if line.startswith("data: ")]


async def test_pictures_come_as_base64_with_what_they_are(
    painting: Painting, http: aiohttp.ClientSession
) -> None:
    body = {"prompt": "a cat", "model": "gpt-image-2", "n": 2, "quality": "high"}
    async with http.post(GENERATIONS, json=body) as answer:
        told = await answer.json()

    assert answer.status == 200
    assert [base64.b64decode(each["b64_json"]) for each in told["data"]] == [
        each.data for each in PICTURES
    ]
    assert [each["seed"] for each in told["data"]] == [7, 8]
    assert [each.get("painted_size") for each in told["data"]] == ["64x32", None]
    common = ("size", "output_format", "background", "quality", "model")
    assert [told[name] for name in common] == ["512x256", "png", "opaque", "high", "sketch"]
    assert isinstance(told["created"], int)
    assert painting.asked == [
        GenerateImagesRequest(prompt="a cat", n=2, upscale=True, format=Image.PNG)
    ]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"model": "sketch"}, {"model": "sketch"}),
        ({"size": "512x256"}, {"width": 512, "height": 256}),
        ({"size": "auto"}, {}),
        ({"output_format": "jpeg"}, {"format": Image.JPEG}),
        ({"output_format": "webp", "output_compression": 80}, {"format": 3, "quality": 80}),
        ({"output_compression": 0}, {"quality": 1}),
        ({"seed": 7}, {"seed": 7}),
        ({"seed": -1}, {}),
        ({"seed": 2**32 + 7}, {"seed": 7}),
        ({"steps": 4}, {"steps": 4}),
        ({"num_inference_steps": 4}, {"steps": 4}),
        ({"guidance_scale": 2.5, "negative_prompt": "dogs"}, {
            "guidance_scale": 2.5, "negative_prompt": "dogs"}),
        ({"partial_images": 2}, {}),
        ({"background": "auto", "moderation": "low", "style": "vivid", "user": "me"}, {}),
    ],
)  # fmt: skip
async def test_fields_become_the_contracts(
    painting: Painting, http: aiohttp.ClientSession, more: dict[str, Any], wanted: dict[str, Any]
) -> None:
    async with http.post(GENERATIONS, json={"prompt": "a cat", **more}) as answer:
        assert answer.status == 200, await answer.text()

    common: dict[str, Any] = {"prompt": "a cat", "upscale": True, "format": Image.PNG}
    assert painting.asked == [GenerateImagesRequest(**{**common, **wanted})]


async def test_addresses_lead_to_files_that_are_kept_for_an_hour(
    painting: Painting, http: aiohttp.ClientSession
) -> None:
    body = {"prompt": "a cat", "response_format": "url"}
    async with http.post(GENERATIONS, json=body) as answer:
        told = await answer.json()

    origin = str(answer.url.origin())
    assert [each["url"] for each in told["data"]] == [
        f"{origin}/v1/files/file-{number}/content" for number in (1, 2)
    ]
    assert painting.kept == {"file-1": PICTURES[0].data, "file-2": PICTURES[1].data}
    assert [(each.retention_seconds, each.media_type) for each in painting.heads] == [
        (3600, "image/png")
    ] * 2
    assert painting.largest <= 256 * 1024


@pytest.mark.parametrize("previews", [0, 1, 3])
async def test_streams_send_previews_and_each_picture_when_it_is_done(
    painting: Painting, http: aiohttp.ClientSession, previews: int
) -> None:
    body = {"prompt": "a cat", "stream": True, "partial_images": previews}
    async with http.post(GENERATIONS, json=body) as answer:
        events = decoded(await answer.text())

    partial = [each for each in events if each["type"] == "image_generation.partial_image"]
    done = [each for each in events if each["type"] == "image_generation.completed"]
    assert [base64.b64decode(each["b64_json"])[0] for each in partial] == [
        *range(1, previews + 1)
    ] * 2
    assert [each["partial_image_index"] for each in partial] == [*range(previews)] * 2
    assert [base64.b64decode(each["b64_json"]) for each in done] == [each.data for each in PICTURES]
    assert [(each["size"], each["quality"], each["background"]) for each in done] == [
        ("512x256", "auto", "opaque"),
        ("64x64", "auto", "opaque"),
    ]
    assert all(each["usage"]["total_tokens"] == 0 for each in done)
    assert events[-1] == done[-1]


@pytest.mark.parametrize("name", ["image", "image[]"])
async def test_edits_have_a_picture_and_a_mask_that_go_when_the_call_ends(
    painting: Painting, http: aiohttp.ClientSession, name: str
) -> None:
    fields = (("prompt", "a hat"), ("mask", b"mask"), (name, b"picture"), ("strength", "0.25"))
    async with http.post(EDITS, data=form(*fields, ("n", "2"))) as answer:
        assert answer.status == 200, await answer.text()

    assert painting.given == [b"picture", b"mask"]
    assert painting.asked == [
        GenerateImagesRequest(
            prompt="a hat", n=2, strength=0.25, image_file_id="file-2", mask_file_id="file-1",
            upscale=True, format=Image.PNG,
        )
    ]  # fmt: skip
    await painting.emptied()


async def test_edits_are_streamed_under_their_own_name(
    painting: Painting, http: aiohttp.ClientSession
) -> None:
    fields = (("prompt", "a hat"), ("image", b"picture"), ("stream", "true"))
    async with http.post(EDITS, data=form(*fields)) as answer:
        events = decoded(await answer.text())

    assert [each["type"] for each in events] == ["image_edit.completed"] * 2
    await painting.emptied()


async def test_variations_change_a_picture_by_half(
    painting: Painting, http: aiohttp.ClientSession
) -> None:
    async with http.post(VARIATIONS, data=form(("image", b"picture"), ("size", "64x64"))) as answer:
        assert answer.status == 200, await answer.text()

    asked = painting.asked[0]
    assert (asked.strength, asked.width, asked.prompt.strip()) == (0.5, 64, "")
    assert painting.given == [b"picture"]
    await painting.emptied()


UNSUPPORTED = "unsupported_parameter"


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"prompt": None}, "prompt", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": "2"}, "n", "invalid_type"),
        ({"size": "512"}, "size", "invalid_value"),
        ({"size": "512x"}, "size", "invalid_value"),
        ({"size": "٣x٣"}, "size", "invalid_value"),
        ({"output_format": "gif"}, "output_format", UNSUPPORTED),
        ({"output_format": "bmp"}, "output_format", "invalid_value"),
        ({"output_compression": 101}, "output_compression", "invalid_value"),
        ({"background": "transparent"}, "background", UNSUPPORTED),
        ({"svg": {"model": "x"}}, "svg", UNSUPPORTED),
        ({"partial_images": 4}, "partial_images", "invalid_value"),
        ({"stream": True, "response_format": "url"}, "response_format", UNSUPPORTED),
        ({"response_format": "x"}, "response_format", "invalid_value"),
    ],
)
async def test_what_is_wrong_is_named(
    painting: Painting, http: aiohttp.ClientSession, more: dict[str, Any], param: str, code: str
) -> None:
    async with http.post(GENERATIONS, json={"prompt": "a cat", **more}) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["param"], error["code"]) == (400, param, code)
    assert painting.asked == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ((("prompt", "a hat"),), "image"),
        ((("image", b"x"),), "prompt"),
        ((("prompt", "a hat"), ("image[]", b"x"), ("image[]", b"y")), "image"),
        ((("prompt", "a hat"), ("image", b"x"), ("markup", b"y")), "markup"),
        ((("prompt", "a hat"), ("image", b"x"), ("n", "no")), "n"),
    ],
)
async def test_what_is_wrong_with_an_edit_is_named_and_nothing_stays(
    painting: Painting,
    http: aiohttp.ClientSession,
    fields: tuple[tuple[str, Any], ...],
    param: str,
) -> None:
    async with http.post(EDITS, data=form(*fields)) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["param"]) == (400, param)
    assert painting.asked == []
    await painting.emptied()
