"""Of what a hub has the best for the machine comes first, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from funland.v1.models_pb2 import LoadSettings, Model
from funland_server.models.choosing import Candidate, Choice, Machine, Spare, choose
from funland_server.models.formats.quantizations import Worth, quantization

GB = 10**9
ALL = frozenset({LoadSettings.LLAMA_CPP, LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2})
MACHINE = Machine(8 * GB, ALL, slots=4, max_context_length=8192)

SIZES = {
    "F32": 30.5, "BF16": 15.2, "F16": 15.2, "Q8_0": 8.1, "Q6_K": 6.3, "Q5_K_M": 5.4, "Q5_0": 5.3,
    "Q4_K_M": 4.7, "Q4_1": 4.9, "Q4_0": 4.4, "Q3_K_M": 3.8, "IQ3_XXS": 3.1, "Q2_K": 3.0,
    "IQ1_S": 1.9,
}  # fmt: skip
"""Of a model of 7.6 thousand million weights, in GB."""


def gguf(name: str, **known: object) -> Candidate:
    shape = {
        "parameter_count": 7_615_616_512, "context_length": 32768, "embedding_length": 3584,
        "layers": 28, "key_value_heads": 4, "head_length": 128,
    }  # fmt: skip
    size = int(SIZES.get(name, 4.7) * GB)
    return Candidate(name, Model.GGUF, name, size, **{**shape, **known})  # type: ignore[arg-type]  # fields of it


def folder(model_format: Model.Format.ValueType, name: str = "", gb: float = 4.2) -> Candidate:
    return replace(gguf(name), format=model_format, size_bytes=int(gb * GB), architecture="qwen2")


def ordered(*names: str, gb: float = 8, context: int | None = None) -> list[Choice]:
    machine = replace(MACHINE, available_bytes=int(gb * GB))
    return choose([gguf(name) for name in names], machine, context_length=context)


@pytest.mark.parametrize(
    ("names", "gb", "best"),
    [
        (list(SIZES), 64, "Q8_0"),
        (list(SIZES), 10, "Q6_K"),
        (list(SIZES), 9, "Q5_K_M"),
        (list(SIZES), 8, "Q4_K_M"),
        (list(SIZES), 6.2, "IQ3_XXS"),
        (list(SIZES), 6.0, "Q2_K"),
        (list(SIZES), 5.5, "IQ1_S"),
        (list(SIZES), 1, "IQ1_S"),
        (["F16", "F32"], 64, "F16"),
        (["F16", "Q4_0"], 64, "Q4_0"),
        (["Q2_K", "F16"], 64, "F16"),
        (["Q2_K", "F16"], 8, "Q2_K"),
        (["Q5_0", "Q4_1", "Q5_K_M"], 64, "Q5_K_M"),
        (["Q4_1", "Q4_K_M"], 64, "Q4_K_M"),
        (["Q4_0_4_4", "Q2_K"], 64, "Q2_K"),
        (["model.gguf"], 64, "model.gguf"),
        (["model.gguf", "Q3_K_M"], 64, "Q3_K_M"),
        (["model.gguf", "F16"], 64, "model.gguf"),
        (["UD-Q4_K_XL", "Q4_K_M"], 64, "UD-Q4_K_XL"),
        (["q4_k_m", "Q3_K_M"], 64, "q4_k_m"),
    ],
)
def test_the_best_comes_first(names: Sequence[str], gb: float, best: str) -> None:
    assert ordered(*names, gb=gb)[0].candidate.name == best
    assert ordered(*reversed(names), gb=gb)[0].candidate.name == best


@pytest.mark.parametrize(
    ("names", "gb", "why", "needed"),
    [
        (list(SIZES), 9, "Q5_K_M: the largest quantization that fits", 7.8),
        (
            ["F16", "Q8_0", "Q4_K_M"],
            64,
            "Q8_0: the largest quantization that gains anything, and it fits",
            10.5,
        ),
        (["Q8_0", "Q2_K"], 6.6, "Q2_K: poor, but nothing better fits", 5.4),
        (["F16", "Q2_K"], 64, "F16: the smallest that is not poor", 17.6),
        (["Q8_0", "Q2_K"], 1, "Q2_K: the smallest, since nothing fits", 5.4),
        (["Q8_0"], 1, "Q8_0: it does not fit", 10.5),
        (["Q8_0"], 64, "Q8_0: it fits", 10.5),
    ],
)
def test_the_reason_is_told(names: Sequence[str], gb: float, why: str, needed: float) -> None:
    room = f"about {needed} of {gb:.1f} GB free, with a context of 8,192 tokens."

    assert ordered(*names, gb=gb)[0].reason == f"{why}: {room}"


def test_nothing_that_fits_is_told() -> None:
    first, second = ordered("Q8_0", "Q4_K_M", gb=2)

    assert (first.candidate.name, first.fits, first.loadable) == ("Q4_K_M", False, True)
    assert (second.candidate.name, second.fits) == ("Q8_0", False)


def test_a_longer_context_takes_a_smaller_quantization() -> None:
    short = ordered("Q8_0", "Q4_K_M", gb=12, context=4096)[0]
    long = ordered("Q8_0", "Q4_K_M", gb=12, context=65536)[0]

    assert (short.candidate.name, long.candidate.name) == ("Q8_0", "Q4_K_M")
    assert short.footprint is not None
    assert long.footprint is not None
    assert long.footprint.context_length == 65536
    assert long.footprint.cache_bytes == 65536 * 4 * 28 * 4 * 128


def test_a_tenth_stays_free() -> None:
    needed = ordered("Q4_K_M")[0].footprint
    assert needed is not None

    assert ordered("Q4_K_M", gb=1.11 * needed.total_bytes / GB)[0].fits
    assert not ordered("Q4_K_M", gb=1.09 * needed.total_bytes / GB)[0].fits


FORMATS = [folder(Model.SAFETENSORS, gb=15), folder(Model.OPENVINO_IR), folder(Model.CTRANSLATE2)]


@pytest.mark.parametrize(
    ("candidates", "engines", "best"),
    [
        ([*FORMATS, gguf("Q2_K")], ALL, Model.GGUF),
        (FORMATS, ALL, Model.OPENVINO_IR),
        ([*FORMATS, gguf("Q4_K_M")], {LoadSettings.CTRANSLATE2}, Model.GGUF),
        (FORMATS, {LoadSettings.CTRANSLATE2}, Model.CTRANSLATE2),
        ([folder(Model.OPENVINO_IR), gguf("F32")], ALL, Model.OPENVINO_IR),
    ],
)
def test_of_formats_that_can_be_loaded_gguf_comes_first_if_it_fits(
    candidates: Sequence[Candidate],
    engines: frozenset[LoadSettings.Engine.ValueType],
    best: Model.Format.ValueType,
) -> None:
    machine = replace(MACHINE, available_bytes=20 * GB, engines=frozenset(engines))

    assert choose(candidates, machine)[0].candidate.format == best


def test_only_the_format_that_is_asked_for_counts() -> None:
    found = choose([*FORMATS, gguf("Q4_K_M")], MACHINE, model_format=Model.CTRANSLATE2)

    assert [one.candidate.format for one in found] == [Model.CTRANSLATE2]


@pytest.mark.parametrize(
    ("candidate", "engines", "reason"),
    [
        (folder(Model.OPENVINO_IR, "int4"), {LoadSettings.LLAMA_CPP},
         "int4: OpenVINO, which would load it, is not installed."),
        (replace(folder(Model.SAFETENSORS, "bf16"), architecture="gemma3"), ALL,
         "bf16: no engine here loads safetensors of the architecture gemma3."),
        (gguf("Q4_0_8_8"), ALL, "Q4_0_8_8: llama.cpp does not read this quantization any more."),
        (folder(Model.FORMAT_UNSPECIFIED, "onnx"), ALL, "onnx: Funland does not read its format."),
    ],
)  # fmt: skip
def test_what_no_engine_loads_comes_last_and_says_why(
    candidate: Candidate, engines: frozenset[LoadSettings.Engine.ValueType], reason: str
) -> None:
    machine = replace(MACHINE, engines=frozenset(engines))

    *_, last = choose([candidate, gguf("F32")], machine)

    assert last.candidate == candidate
    assert (last.loadable, last.fits, last.reason) == (False, False, reason)


def test_what_has_no_size_is_not_said_to_fit() -> None:
    unknown = replace(gguf("Q8_0"), size_bytes=None)

    known, other = choose([unknown, gguf("Q4_K_M")], MACHINE)

    assert known.candidate.name == "Q4_K_M"
    assert (other.footprint, other.fits, other.loadable) == (None, False, True)
    assert other.reason == "Q8_0: its size is not known, so nobody can say whether it fits."


@pytest.mark.parametrize("name", SIZES)
def test_a_model_of_which_only_the_size_is_known_is_estimated_close_to_one_that_is_known(
    name: str,
) -> None:
    bare = Candidate(name, Model.GGUF, name, int(SIZES[name] * GB))

    (guessed,), (told,) = choose([bare], MACHINE), choose([gguf(name)], MACHINE)

    assert guessed.footprint is not None
    assert told.footprint is not None
    assert 1 <= guessed.footprint.total_bytes / told.footprint.total_bytes < 1.7


@pytest.mark.parametrize("known", [{}, {"layers": None}])
def test_what_reads_texts_as_a_whole_has_no_cache(known: dict[str, object]) -> None:
    (bert,) = choose([gguf("Q8_0", architecture="bert", **known)], MACHINE)

    assert bert.footprint is not None
    assert bert.footprint.cache_bytes == 0


def test_nothing_to_choose_from_is_nothing_chosen() -> None:
    assert choose([], MACHINE) == []


@pytest.mark.parametrize(
    ("name", "worth"),
    [
        ("Q8_0", Worth.GOOD),
        ("iq3_xxs", Worth.GOOD),
        ("MXFP4", Worth.GOOD),
        ("int8", Worth.GOOD),
        ("fp16", Worth.WASTEFUL),
        ("UD-Q8_K_XL", Worth.WASTEFUL),
        ("IQ1_S", Worth.POOR),
        ("UD-Q2_K_XL", Worth.POOR),
        ("Q9_Z", None),
        ("", None),
    ],
)
def test_quantizations_are_known_by_their_names(name: str, worth: Worth | None) -> None:
    known = quantization(name)

    assert (known.worth if known else None) == worth


def test_what_an_accelerator_has_room_for_fits() -> None:
    gpu = Spare("gpu_0", 24 * GB, frozenset({LoadSettings.LLAMA_CPP}))
    small = replace(MACHINE, available_bytes=GB)
    candidate = Candidate("Q8_0", Model.GGUF, "Q8_0", 8 * GB)

    (alone,) = choose([candidate], small)
    (with_gpu,) = choose([candidate], replace(small, spares=(gpu,)))
    other = replace(gpu, engines=frozenset({LoadSettings.CTRANSLATE2}))
    (unread,) = choose(
        [replace(candidate, format=Model.OPENVINO_IR)], replace(small, spares=(other,))
    )

    assert not alone.fits
    assert with_gpu.fits
    assert "of 24.0 GB free on gpu_0" in with_gpu.reason
    assert not unread.fits
