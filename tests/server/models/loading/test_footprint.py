"""What a model will take is known before it is loaded, well enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import TokenizeText
from funland_server.config import ServerSettings
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.formats.header import CacheFacts
from funland_server.models.installed.embedded import embedded_model
from funland_server.models.installed.model import Fingerprint, InstalledModel
from funland_server.models.loading.footprint import footprint, memory_limit_bytes, parts
from funland_server.models.loading.sizes import Sizes, sizes
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import WorkerSpec

MIB = 1024**2
SETTINGS = LoadSettings(slots=4)


def needed_bytes(
    model: InstalledModel, settings: LoadSettings, draft: InstalledModel | None = None
) -> int:
    return footprint(
        sizes(model), settings, 8192, sizes(draft) if draft is not None else None
    ).total_bytes


async def test_the_estimate_is_above_what_the_process_takes_and_not_far(
    settings: ServerSettings,
) -> None:
    model = embedded_model()
    wanted = LoadSettings(slots=32, cache=LoadSettings.UNIFIED)  # which takes all from the start
    pool = WorkerPool(Live(settings), Metrics(), lambda _: None)
    worker = await pool.acquire(lambda: WorkerSpec("m", model.path, wanted, 8192), "m")
    await worker.tokenize(TokenizeText(text="a"))
    took = worker.memory_bytes
    await pool.close()

    needed = needed_bytes(model, wanted)

    assert took is not None
    assert took < needed < 2 * took


def test_the_cache_is_counted_to_the_byte() -> None:
    model = embedded_model()
    # Keys and values of 7 layers, each 256 numbers of 16 bits.
    assert model.header.cache_bytes_per_token == 7 * 2 * 256 * 2

    one, two = (
        footprint(sizes(model), LoadSettings(slots=slots, context_length=1000), 8192)
        for slots in (1, 2)
    )

    assert two.cache_bytes - one.cache_bytes == 1000 * model.header.cache_bytes_per_token


@pytest.mark.parametrize(
    ("settings", "tokens"),
    [
        ({}, 32_768),
        ({"cache_tokens": 8192}, 8192),
        ({"cache_tokens": 50_000}, 50_000),
        ({"cache_tokens": 1_000_000}, 8 * 8192),
        ({"cache_tokens": 16_384, "cache": LoadSettings.UNIFIED}, 16_384),
        ({"slots": 2}, 2 * 8192),
        ({"slots": 64, "context_length": 65_536, "cache_tokens": 100_000}, 100_000),
        ({"slots": 64, "context_length": 65_536}, 65_536),
    ],
)
def test_the_cache_has_the_tokens_that_are_asked_for(settings: dict[str, Any], tokens: int) -> None:
    model = replace(sizes(embedded_model()), context_length=8192)
    wanted = LoadSettings(slots=8)
    wanted.MergeFrom(LoadSettings(**settings))

    told = footprint(model, wanted, 8192).cache_bytes
    parted = parts(model, wanted, 8192)

    assert told == tokens * model.cache_bytes_per_token
    held = [weights + tokens * cache for weights, cache in zip(
        model.layer_bytes, model.layer_cache_bytes, strict=True,
    )]  # fmt: skip
    assert list(parted.layers[:-1]) == held


def test_what_reads_texts_as_a_whole_has_buffers_for_the_longest_and_no_cache() -> None:
    facts = CacheFacts(heads=12, unified=False, whole_texts=True)
    wanted = LoadSettings(slots=8)
    bert = Sizes(0, 0, 768, 512, vocabulary_size=30_522, cache=facts, writes_text=False)

    short, long = (
        footprint(replace(bert, context_length=length), wanted, 8192) for length in (512, 8192)
    )

    assert (short.cache_bytes, long.cache_bytes) == (0, 0)
    assert short.compute_bytes < 32 * MIB
    # A mask has a number for each two tokens.
    assert long.compute_bytes > 16 * short.compute_bytes
    # On a device a pass is as long as the text too, and has no scores of a vocabulary.
    on_device = parts(bert, wanted, 8192)
    assert short.compute_bytes <= on_device.compute < 2 * short.compute_bytes


def test_what_reads_one_text_after_the_other_has_room_for_one() -> None:
    reads = Sizes(0, 1024, 768, 8192, writes_text=False)

    assert footprint(reads, LoadSettings(slots=8), 8192).cache_bytes == 8192 * 1024


def test_a_draft_model_counts_too() -> None:
    model = embedded_model()

    alone = needed_bytes(model, SETTINGS)

    assert needed_bytes(model, SETTINGS, model) > alone + model.fingerprint.size_bytes


def test_a_draft_model_has_room_for_a_few_texts_whatever_the_slots() -> None:
    model = sizes(embedded_model())
    many = LoadSettings(slots=32, key_type=LoadSettings.Q8_0, value_type=LoadSettings.Q8_0)
    cache = 4 * model.context_length * model.cache_bytes_per_token

    few = LoadSettings(slots=4)
    alone = parts(model, few, 8192)

    of_model, both = (parts(model, many, 8192, draft) for draft in (None, model))

    assert both.host == of_model.host
    assert both.layers[1:] == of_model.layers[1:]
    assert both.layers[0] - of_model.layers[0] == both.draft
    assert both.draft == model.weights_bytes + cache + alone.compute
    told = [footprint(model, many, 8192, draft).cache_bytes for draft in (None, model)]
    assert told[1] - told[0] == cache


def test_the_limit_is_above_the_need_or_what_was_asked_for() -> None:
    model = replace(embedded_model(), fingerprint=Fingerprint(100 * MIB, 0))

    # Half as much again, the file that stays mapped, what is kept of texts that ended, and plans.
    assert memory_limit_bytes(model, SETTINGS, 200 * MIB, 50 * MIB) == (300 + 100 + 50 + 1024) * MIB
    asked = LoadSettings(memory_limit_bytes=77 * MIB, engine=LoadSettings.OPENVINO)
    assert memory_limit_bytes(model, asked, 200 * MIB, MIB) == 77 * MIB


def test_engines_that_reserve_as_they_please_have_no_limit_unasked() -> None:
    model = embedded_model()

    assert memory_limit_bytes(model, LoadSettings(engine=LoadSettings.OPENVINO), MIB, MIB) == 0
    assert memory_limit_bytes(model, LoadSettings(device="GPU"), MIB, MIB) == 0
