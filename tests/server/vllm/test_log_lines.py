from __future__ import annotations

import pytest

from funland_server.vllm.log_lines import last_words, read_line


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("INFO:     Started server process [1]", "info", None),
        ("(APIServer pid=1) INFO 11-28 18:27:44 [a.py:1] Hello", "info", None),
        ("(EngineCore pid=2) WARNING 11-28 [b.py:2] Beware", "warning", None),
        ("ERROR 11-28 [c.py:3] No", "error", None),
        ("CRITICAL 11-28 [c.py:3] No", "error", None),
        ("DEBUG 11-28 [c.py:3] No", "debug", None),
        ("(EngineCore pid=2) torch.OutOfMemoryError: CUDA out of memory", "error", None),
        ("OSError: [Errno 98] Address already in use", "error", None),
        ("  warnings.warn(", "info", None),
        ("\x1b[32mINFO\x1b[0m 11-28 Green  ", "info", "INFO 11-28 Green"),
        ("reads /models/tiny/config.json", "info", "reads tiny/config.json"),
    ],
)
def test_a_line_tells_its_level_and_no_path_of_the_machine(
    line: str, level: str, text: str | None
) -> None:
    assert read_line(line.encode(), {"/models/tiny": "tiny"}) == (level, text or line)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ""),
        (["INFO a", "INFO b"], "INFO b"),
        (["ValueError: too small", "INFO b"], "ValueError: too small"),
        (
            ["ValueError: too small", "(APIServer pid=1) RuntimeError: Engine failed"],
            "ValueError: too small",
        ),
    ],
)
def test_the_first_failure_that_is_named_tells_why_it_ended(
    lines: list[str], expected: str
) -> None:
    assert last_words(lines) == expected
