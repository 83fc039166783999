"""The part of OpenAI's table that is about pictures."""

from __future__ import annotations

from typing import Final

from funland.v1.images_pb2 import GenerateImagesRequest
from funland_gateway.dialects.dialect import JsonSchema, Route
from funland_gateway.dialects.openai.images import (
    FORMATS,
    MOST_PREVIEWS,
    create_image,
    edit_image,
    vary_image,
)
from funland_gateway.dialects.rules import field_schema
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    STRING,
    array_of,
    body_with,
    described,
    object_with,
    one_of_values,
)

_TAG: Final = "openai"
_FIELDS: Final = GenerateImagesRequest.DESCRIPTOR.fields_by_name
_MODEL: Final = described(
    field_schema(_FIELDS["model"]),
    "A model's id or alias. Empty, absent, or one of OpenAI's names: the default one.",
)
_SEED: Final = {**INTEGER, "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}
_PICTURE: Final = {"type": "string", "format": "binary"}

_ALL: Final[dict[str, JsonSchema]] = {
    "model": _MODEL,
    "n": {**field_schema(_FIELDS["n"]), "minimum": 1},
    "size": described(
        {**STRING, "pattern": "^(auto|[0-9]{1,5}x[0-9]{1,5})$"},
        "In pixels, as 512x512. A model that paints only smaller ones enlarges its own.",
    ),
    "response_format": described(
        one_of_values("b64_json", "url"), "Where the pictures are.", default="b64_json"
    ),
    "seed": described(_SEED, "What chance begins with; -1: another each time."),
}
_MORE: Final[dict[str, JsonSchema]] = {
    **_ALL,
    "prompt": described(field_schema(_FIELDS["prompt"]), "What is to be seen."),
    "output_format": described(one_of_values(*FORMATS), "How pictures are written.", default="png"),
    "output_compression": described(
        {**INTEGER, "minimum": 0, "maximum": 100}, "The quality of JPEG and WebP."
    ),
    "stream": described(BOOLEAN, "Whether each is sent when it is done."),
    "partial_images": described(
        {**INTEGER, "minimum": 0, "maximum": MOST_PREVIEWS}, "With `stream`: previews of each."
    ),
    "negative_prompt": field_schema(_FIELDS["negative_prompt"]),
    "steps": field_schema(_FIELDS["steps"]),
    "guidance_scale": field_schema(_FIELDS["guidance_scale"]),
}
_GENERATE: Final = body_with(_MORE, ("prompt",))
_STRENGTH: Final = {"strength": field_schema(_FIELDS["strength"])}
_EDIT: Final = object_with(
    {
        **_MORE,
        "image": described(_PICTURE, "The picture to begin with; `image[]` too."),
        "mask": described(_PICTURE, "Where it is transparent, the picture is painted anew."),
        **_STRENGTH,
    },
    ("image", "prompt"),
)
_VARY: Final = object_with(
    {**_ALL, "image": described(_PICTURE, "The picture."), **_STRENGTH}, ("image",)
)
_ANSWER: Final = object_with(
    {
        "created": INTEGER,
        "data": array_of(
            object_with(
                {"b64_json": STRING, "url": STRING, "seed": INTEGER, "painted_size": STRING}
            )
        ),
        "background": one_of_values("opaque"),
        "output_format": one_of_values(*FORMATS),
        "size": STRING,
        "quality": STRING,
        "model": STRING,
    },
    ("created", "data"),
)

IMAGE_ROUTES: Final = (
    Route(
        "POST",
        "/v1/images/generations",
        create_image,
        "Paints pictures out of a text.",
        _TAG,
        _GENERATE,
        _ANSWER,
        streams=True,
    ),
    Route(
        "POST",
        "/v1/images/edits",
        edit_image,
        "Paints a picture, or a part of it, anew.",
        _TAG,
        _EDIT,
        _ANSWER,
        streams=True,
        form=True,
    ),
    Route(
        "POST",
        "/v1/images/variations",
        vary_image,
        "Paints pictures like another one.",
        _TAG,
        _VARY,
        _ANSWER,
        form=True,
    ),
)
