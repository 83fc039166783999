"""Models that paint: a folder of several networks, as diffusers has it, each in OpenVINO's form.

    model_index.json                 which parts there are
    generation_config.json           how it wants to paint; may be missing
    scheduler/scheduler_config.json
    tokenizer/                       one for each text encoder; openvino_tokenizer.xml and .bin
    text_encoder/                    config.json, openvino_model.xml and .bin; so have those below
    unet/ or transformer/
    vae_decoder/
    vae_encoder/                     may be missing: then it can't begin with a picture

Only files of these names are looked at and installed, and neither they nor their folders may be
links.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.header import ModelHeader, PictureFacts
from funland_server.models.formats.openvino import check_network, input_shape
from funland_server.models.formats.plain_files import check_regular, read_json

INDEX: Final = "model_index.json"
PIPELINES: Final = (
    "FluxPipeline",
    "LatentConsistencyModelPipeline",
    "StableDiffusion3Pipeline",
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
)
"""What `_class_name` of the index may be."""

_NETWORK, _TOKENIZER = "openvino_model", "openvino_tokenizer"
_PAINTERS: Final = ("unet", "transformer")
_READERS: Final = ("text_encoder", "text_encoder_2", "text_encoder_3")
_TOKENIZERS: Final = ("tokenizer", "tokenizer_2", "tokenizer_3")
_DECODER, _ENCODER = "vae_decoder", "vae_encoder"
_SCHEDULER: Final = "scheduler/scheduler_config.json"
_SETTINGS: Final = "generation_config.json"
_OF_NETWORK: Final = ("config.json", f"{_NETWORK}.bin", f"{_NETWORK}.xml")
_OF_TOKENIZER: Final = (f"{_TOKENIZER}.bin", f"{_TOKENIZER}.xml")
_BESIDE_TOKENIZER: Final = ("special_tokens_map.json", "tokenizer_config.json")
_LEVELS, _MOST_LEVELS, _PATCH = 4, 8, 2
_OWN_SIZE, _MOST_SIZE = 128, 4096
"""In latents, where a model does not say; and in pixels."""


def picture_files(there: Collection[str]) -> tuple[str, ...] | None:
    """The files of a model that paints, the networks first, among the paths of a folder; None if
    one that it needs is not there."""
    needed, more = _parts(there)
    if any(name not in there for name in needed):
        return None
    return tuple(dict.fromkeys([*needed, *more]))


def _parts(there: Collection[str]) -> tuple[list[str], list[str]]:
    """The files that a folder must have, given what it has, and others that count."""

    def of(folder: str, names: Collection[str]) -> list[str]:
        return [f"{folder}/{name}" for name in names]

    def begun(folder: str) -> bool:
        return any(path.startswith(f"{folder}/") and path.endswith(".xml") for path in there)

    painter = next((one for one in _PAINTERS if begun(one)), _PAINTERS[0])
    networks = [painter, _DECODER, _READERS[0], *filter(begun, (*_READERS[1:], _ENCODER))]
    tokenizers = [_TOKENIZERS[0], *filter(begun, _TOKENIZERS[1:])]
    needed = [path for one in networks for path in of(one, _OF_NETWORK)]
    needed += [path for one in tokenizers for path in of(one, _OF_TOKENIZER)]
    needed += [INDEX, _SCHEDULER]
    more = [path for one in tokenizers for path in of(one, _BESIDE_TOKENIZER)]
    return needed, [path for path in (*more, _SETTINGS) if path in there]


def read_pictures(folder: Path) -> tuple[ModelHeader, tuple[str, ...]]:
    """Checks a folder, and gives what it says of itself and the paths in it that count.

    Raises:
        DamagedFileError: It is not a whole model, or one of a kind that is not run here.
    """
    there = _paths(folder)
    needed, more = _parts(there)
    if missing := [path for path in needed if path not in there]:
        raise DamagedFileError(f"{missing[0]} is not there")
    files = sorted({*needed, *more})
    described: dict[str, Mapping[str, Any]] = {}
    for path in files:
        with _of_part(path):
            check_regular(folder / path)
            if path.endswith(".json"):
                described[path] = read_json(folder / path)
    pipeline = described[INDEX].get("_class_name")
    if pipeline not in PIPELINES:
        raise DamagedFileError(
            f"it is of the kind {str(pipeline)[:80]!r}; Funland runs {', '.join(PIPELINES)}"
        )
    parameters = sum(_check(folder, path) for path in files if path.endswith(".xml"))
    return _header(folder, str(pipeline), parameters, described), tuple(files)


@contextmanager
def _of_part(path: str) -> Generator[None]:
    """Tells of what is wrong with a file which part it is of: several have the same names."""
    try:
        yield
    except DamagedFileError as error:
        part = path.rpartition("/")[0]
        raise DamagedFileError(f"of {part}, {error}" if part else str(error)) from None


def _paths(folder: Path) -> set[str]:
    """What lies in the folder and in those of the parts."""
    found = {one.name for one in folder.iterdir()}
    parts = (*_PAINTERS, *_READERS, *_TOKENIZERS, _DECODER, _ENCODER, "scheduler")
    for name in found & set(parts):
        mode = (folder / name).lstat().st_mode
        if stat.S_ISLNK(mode):
            raise DamagedFileError(f"{name} is a link; copy the files themselves (cp -rL)")
        if stat.S_ISDIR(mode):
            found |= {f"{name}/{one.name}" for one in (folder / name).iterdir()}
    return found


def _check(folder: Path, path: str) -> int:
    """Checks a network or tokenizer, and counts the weights of a network."""
    part, _, name = path.rpartition("/")
    with _of_part(path):
        found = check_network(folder / part, name.removesuffix(".xml"))
    return found if name == f"{_NETWORK}.xml" else 0


def _header(
    folder: Path, pipeline: str, parameters: int, described: Mapping[str, Mapping[str, Any]]
) -> ModelHeader:
    return ModelHeader(
        architecture=pipeline,
        name="",
        description="",
        license="",
        quantization="",
        parameter_count=parameters,
        context_length=0,
        embedding_length=0,
        has_chat_template=False,
        format="OPENVINO_IR",
        writes_text=False,
        purpose="IMAGE",
        picture=_facts(folder, described),
    )


def _facts(folder: Path, described: Mapping[str, Mapping[str, Any]]) -> PictureFacts:
    painter = next(one for one in _PAINTERS if f"{one}/config.json" in described)
    config, decoder = described[f"{painter}/config.json"], described[f"{_DECODER}/config.json"]
    factor = 2 ** (_levels(decoder, "block_out_channels", _LEVELS) - 1)
    unit = factor
    if painter == "unet":
        unit *= 2 ** (_levels(config, "down_block_types", 1) - 1)
    else:  # takes latents in squares of two by two
        unit *= _PATCH
    given = "sample" if painter == "unet" else "hidden_states"
    sides = input_shape(folder / painter, _NETWORK, given)[2:]
    high, wide = sides if len(sides) == 2 else (None, None)  # noqa: PLR2004 - height and width
    own_high, own_wide = _own_size(config)
    scheduler = described[_SCHEDULER].get("_class_name")
    return PictureFacts(
        width=min((wide or own_wide) * factor, _MOST_SIZE),
        height=min((high or own_high) * factor, _MOST_SIZE),
        unit=unit,
        fixed=wide is not None and high is not None,
        edits=f"{_ENCODER}/config.json" in described,
        scheduler=scheduler[:80] if isinstance(scheduler, str) else "",
    )


def _levels(config: Mapping[str, Any], key: str, unsaid: int) -> int:
    said = config.get(key)
    if not isinstance(said, list):
        return unsaid
    levels = len(cast("list[object]", said))
    if not 1 <= levels <= _MOST_LEVELS:
        raise DamagedFileError(f"{key} has {levels} values")
    return levels


def _own_size(config: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width that a model was trained for, in latents."""
    said = config.get("sample_size")
    sides = cast("list[object]", said) if isinstance(said, list) else [said, said]
    numbers = [one for one in sides if isinstance(one, int) and 0 < one <= _MOST_SIZE]
    return (numbers[0], numbers[1]) if len(numbers) == len(sides) == 2 else (_OWN_SIZE, _OWN_SIZE)  # noqa: PLR2004
