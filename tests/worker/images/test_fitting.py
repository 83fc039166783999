"""Networks of folders that were put together of several models."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.openvino.library import openvino
from funland_worker.engines.protocol import EngineError
from funland_worker.images.fitting import Network, misfit, networks_in
from funland_worker.images.loading import load
from tests.picture_models import save_unet

READER = Network({}, {"last_hidden_state": (None, None, 768), "pooler_output": (None, 768)})
SECOND = Network({}, {"text_embeds": (None, 1280), "last_hidden_state": (None, None, 1280)})
SILENT = Network({}, {"out": (None, None, 5)})
VAE = Network({"latent_sample": (None, 4, None, None)}, {"sample": (None, 3, None, None)})


def unet(words: int | None, channels: int | None = 4, given: int = 4) -> Network:
    return Network(
        {"sample": (None, given, None, None), "encoder_hidden_states": (None, None, words)},
        {"out_sample": (None, channels, None, None)},
    )


def encoder(channels: int) -> Network:
    return Network({}, {"latent_parameters": (None, channels, None, None)})


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        ({"text_encoder": READER, "unet": unet(768), "vae_decoder": VAE}, None),
        ({"text_encoder": READER, "text_encoder_2": SECOND, "unet": unet(2048)}, None),
        ({"text_encoder": READER, "unet": unet(768, given=9), "vae_decoder": VAE}, None),
        ({"text_encoder": READER, "unet": unet(None, None), "vae_decoder": VAE}, None),
        ({"text_encoder": SILENT, "unet": unet(1024)}, None),
        ({"unet": unet(768), "vae_encoder": encoder(8)}, None),
        ({"unet": unet(768), "vae_encoder": encoder(4)}, None),
        ({"text_encoder": READER, "transformer": unet(1)}, None),
        ({"text_encoder": READER, "unet": unet(1024)}, "1024 numbers, and text_encoder gives 768"),
        ({"text_encoder": READER, "text_encoder_2": SECOND, "unet": unet(768)}, "gives 2048"),
        ({"unet": unet(768, 16), "vae_decoder": VAE}, "16 channels, and vae_decoder takes 4"),
        ({"unet": unet(768), "vae_encoder": encoder(32)}, "32 channels for latents of 4"),
    ],
)
def test_networks_that_do_not_fit_are_named(networks: dict[str, Network], said: str | None) -> None:
    told = misfit(networks)

    assert (told is None) if said is None else (told is not None and said in told)


def test_a_whole_model_fits(picture_model: Path) -> None:
    networks = networks_in(openvino().Core(), picture_model)

    assert networks.keys() == {"text_encoder", "unet", "vae_decoder", "vae_encoder"}
    assert misfit(networks) is None


def test_a_model_that_does_not_fit_is_not_loaded(picture_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(picture_model, tmp_path / "model")
    save_unet(folder, np.zeros((7, 4), np.float32))

    with pytest.raises(EngineError) as raised:
        load(Launch(model_path=str(folder)))

    assert raised.value.reason == ErrorReason.MODEL_LOAD_FAILED
    assert "unet takes words of 7 numbers" in str(raised.value)
