"""Long prompts beside texts that are written."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from funland.v1.models_pb2 import LoadSettings
from tests.worker.conftest import GREEDY, STORY, StartEngine

HELLO = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("words", "cache", "apart"),
    [
        (20, LoadSettings.STREAMS, False),
        (300, LoadSettings.STREAMS, True),
        (300, LoadSettings.UNIFIED, False),
    ],
)
def test_a_prompt_that_is_much_longer_than_what_is_written_has_passes_of_its_own(
    start_engine: StartEngine,
    words: int,
    cache: LoadSettings.KeyValueCache.ValueType,
    *,
    apart: bool,
) -> None:
    """Else what is written would be attended as if it were as long."""
    driver = start_engine(context_length=2048, kv_cells=8192, cache=cache)
    writes = replace(GREEDY, max_tokens=40, ignore_end=True)
    driver.submit(0, HELLO, writes)
    driver.step()
    driver.submit(1, driver.tokens("Once upon a time ") * words, replace(GREEDY, max_tokens=4))
    driver.step()
    driver.submit(2, STORY, writes)

    reports = driver.run()

    alone = [report.prompt_tokens > 0 and report.decoded_sequences == 0 for report in reports]
    assert any(alone) == apart
    assert (True, True) not in pairwise(alone), "nobody stands still meanwhile"
    for number, prompt in ((0, HELLO), (2, STORY)):
        other = start_engine(context_length=2048, kv_cells=8192, cache=cache)
        assert driver.texts[number] == other.complete(prompt, writes)[0]
