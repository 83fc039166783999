"""Checks the folder of a Whisper in OpenVINO's form, as `optimum` exports it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.openvino import check_network, input_shape

ENCODER: Final = "openvino_encoder_model"
DECODER: Final = "openvino_decoder_model"
FILES: Final = (
    f"{ENCODER}.xml",
    f"{ENCODER}.bin",
    f"{DECODER}.xml",
    f"{DECODER}.bin",
    "config.json",
    "tokenizer.json",
)
"""What it must have."""
_FRAMES: Final = 3000
_MELS: Final = (80, 128)


def check_openvino_whisper(folder: Path, _: Collection[str]) -> int:
    """Checks both networks, and that they are what a Whisper's are; gives the number of weights.

    Raises:
        DamagedFileError: They are something else, or not whole.
    """
    parameters = check_network(folder, ENCODER) + check_network(folder, DECODER)
    shape = input_shape(folder, ENCODER, "input_features")
    if len(shape) != 3 or shape[1] not in _MELS or shape[2] not in (_FRAMES, None):  # noqa: PLR2004 - batch, mels, frames
        raise DamagedFileError(f"{ENCODER}.xml hears no windows of 30 seconds, as a Whisper does")
    for given in ("input_ids", "encoder_hidden_states", "beam_idx"):
        if not input_shape(folder, DECODER, given):
            raise DamagedFileError(
                f"{DECODER}.xml has no input {given}: export it with its state, as"
                " optimum-cli export openvino does by default"
            )
    return parameters
