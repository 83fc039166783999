"""What can be installed of a list of files."""

from __future__ import annotations

import pytest

from funland.v1.models_pb2 import Model
from funland_server.hub.choice.variants import Variant, tagged_variant, variants_of
from funland_server.hub.clients.protocol import ListedFile
from funland_server.models.formats.quantizations import quantization_of
from tests.hubs import hostile
from tests.picture_models import FILES


def listed(*paths: str, size: int | None = 1) -> list[ListedFile]:
    return [ListedFile(path, size, "", "") for path in paths]


def told(variants: list[Variant]) -> dict[str, list[str]]:
    return {one.name: [file.path for file in one.files] for one in variants}


SHARDS = [f"a-Q8_0-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
TEXT = ["config.json", "tokenizer.json"]
SAFETENSORS = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
PIPER = [f"en/en_US/joe/medium/{name}" for name in ("v.onnx", "v.onnx.json", "MODEL_CARD", "x.py")]
KOKORO = ["voices/af_heart.bin", "voices/zf_xiaobei.bin", "config.json"]
INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("paths", "variants"),
    [
        (["m-Q4_K_M.gguf", "README.md"], {"Q4_K_M": ["m-Q4_K_M.gguf"]}),
        (PIPER, {PIPER[0]: PIPER[:3]}),
        (PIPER[:1], {}),
        (
            ["onnx/model.onnx", "onnx/model_q4.onnx", *KOKORO, "voices/jf_alpha.bin"],
            {
                "onnx/model.onnx": ["onnx/model.onnx", *KOKORO],
                "onnx/model_q4.onnx": ["onnx/model_q4.onnx", *KOKORO],
            },
        ),
        (KOKORO, {}),
        (["m.gguf"], {"m.gguf": ["m.gguf"]}),
        (["M.GGUF"], {"M.GGUF": ["M.GGUF"]}),
        (
            ["a-Q4_0.gguf", "b-Q4_0.gguf"],
            {"a-Q4_0.gguf": ["a-Q4_0.gguf"], "b-Q4_0.gguf": ["b-Q4_0.gguf"]},
        ),
        (SHARDS, {"Q8_0": SHARDS}),
        (SHARDS[:2], {}),
        (SHARDS[1:], {}),
        (["x/" + SHARDS[0], "x/" + SHARDS[1], "y/" + SHARDS[2]], {}),
        (["a-Q8_0-00001-of-00000.gguf"], {}),
        (["a-Q8_0-00001-of-99999.gguf"], {}),
        (["UD-Q2_K/m-00001-of-00001.gguf"], {"UD-Q2_K": ["UD-Q2_K/m-00001-of-00001.gguf"]}),
        (["mmproj-model-f16.gguf", "m.mmproj-Q8_0.gguf", "imatrix.gguf", "ggml-vocab-x.gguf",
          "lora-adapter.gguf", "m-draft-Q4_0.gguf"], {}),
        (["m-Q4_0.gguf", "mmproj-Q8_0.gguf", "mmproj-m-f16.gguf", "mmproj-F32.gguf"],
         {"Q4_0": ["m-Q4_0.gguf", "mmproj-m-f16.gguf"]}),
        ([*SHARDS, "mmproj-m.gguf"], {"Q8_0": [*SHARDS, "mmproj-m.gguf"]}),
        (["a/m-Q4_0.gguf", "a/mmproj-Q8_0.gguf", "mmproj-f16.gguf", "b/mmproj-f16.gguf"],
         {"Q4_0": ["a/m-Q4_0.gguf", "a/mmproj-Q8_0.gguf"]}),
        (["a/m-Q4_0.gguf", "b/mmproj-f16.gguf", "mmproj-bf16.gguf"],
         {"Q4_0": ["a/m-Q4_0.gguf", "mmproj-bf16.gguf"]}),
        ([*TEXT, "model.safetensors"], {"model.safetensors": ["model.safetensors", *TEXT]}),
        (["config.json", "model.safetensors"], {}),
        ([*TEXT, INDEX, *SAFETENSORS], {SAFETENSORS[0]: [*SAFETENSORS, *TEXT, INDEX]}),
        ([*TEXT, INDEX, *SAFETENSORS[1:]], {}),
        ([*TEXT, "model.safetensors", "consolidated.safetensors"],
         {"model.safetensors": ["model.safetensors", *TEXT]}),
        ([*TEXT, "adapter_model.safetensors"], {}),
        ([*TEXT, "pytorch_model.bin"], {}),
        ([*TEXT, "modeling.py", "model.safetensors", "generation_config.json"],
         {"model.safetensors": ["model.safetensors", *TEXT, "generation_config.json"]}),
        (["openvino_model.xml", "openvino_model.bin", "tokenizer.json", "openvino_tokenizer.xml"],
         {"openvino_model.xml": ["openvino_model.xml", "openvino_model.bin", "tokenizer.json"]}),
        (["openvino_model.xml", "tokenizer.json"], {}),
        (["ct2/model.bin", "ct2/vocabulary.json", "ct2/config.json", "ct2/tokenizer.json"],
         {"ct2/model.bin": ["ct2/model.bin", "ct2/config.json", "ct2/vocabulary.json",
                            "ct2/tokenizer.json"]}),
        (["model.bin", "vocabulary.txt", "config.json", "tokenizer.json", "README.md"],
         {"model.bin": ["model.bin", "config.json", "vocabulary.txt", "tokenizer.json"]}),
        (["model.bin", "vocabulary.json", "config.json", "tokenizer.json",
          "preprocessor_config.json"],
         {"model.bin": ["model.bin", "config.json", "vocabulary.json", "tokenizer.json",
                        "preprocessor_config.json"]}),
        (["model.bin", "vocabulary.txt"], {}),
        ([], {}),
    ],
)  # fmt: skip
def test_variants_are_whole_and_have_names_that_tell_them_apart(
    paths: list[str], variants: dict[str, list[str]]
) -> None:
    assert told(variants_of(listed(*paths))) == variants


@pytest.mark.parametrize("root", ["", "int8/"])
def test_a_model_that_paints_is_one_variant_of_all_its_parts(root: str) -> None:
    others = [*TEXT, "text_encoder/model.safetensors", "README.md", f"{root}unet/modeling.py"]

    found = variants_of(listed(*(root + name for name in FILES), *others))

    assert [one.format for one in found] == [Model.OPENVINO_IR]
    assert {file.path for file in found[0].files} == {root + name for name in FILES}


def test_a_model_that_paints_and_lacks_a_part_is_none() -> None:
    assert variants_of(listed(*(name for name in FILES if name != "unet/config.json"))) == []


@pytest.mark.parametrize(
    "name", [*hostile.NAMES, *hostile.UNWANTED], ids=lambda name: repr(name)[:40]
)
def test_what_must_not_be_fetched_is_in_no_variant(name: str) -> None:
    files = listed(name, "m-Q4_0.gguf", *TEXT)

    assert told(variants_of(files)) == {"Q4_0": ["m-Q4_0.gguf"]}


def test_a_size_that_is_not_told_leaves_the_sum_unknown() -> None:
    known, unknown = variants_of(
        [*listed("a-Q8_0.gguf", size=7), *listed("b-Q4_0.gguf", size=None)]
    )

    assert (known.size_bytes, unknown.size_bytes) == (7, None)


def test_the_hub_tells_the_quantization_of_a_file_that_does_not() -> None:
    (one,) = variants_of(listed("m.gguf"), "Q5_K_M")

    assert (one.name, one.quantization) == ("Q5_K_M", "Q5_K_M")
    assert [two.quantization for two in variants_of(listed("a.gguf", "b.gguf"), "Q5_K_M")] == [
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("q4_k_m", True), ("Q4_K_M", True), ("sub/m-Q4_K_M.gguf", True), ("m-Q4_K_M.gguf", True),
        ("sub", True), ("sub/", True), ("Q4_K", False), ("m", False), ("", False), ("/", False),
    ],
)  # fmt: skip
def test_a_variant_is_called_by_name_file_or_folder(name: str, *, meant: bool) -> None:
    (one,) = variants_of(listed("sub/m-Q4_K_M.gguf"))

    assert one.is_called(name) is meant


def test_a_tag_of_ollamas_is_one_variant_with_all_its_layers() -> None:
    one = tagged_variant("0.5b", "Q4_0", listed("config.json", "model.gguf", "template"))

    assert (one.name, one.format, one.quantization) == ("0.5b", Model.GGUF, "Q4_0")
    assert [file.path for file in one.files] == ["model.gguf", "config.json", "template"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("a-Q4_K_M.gguf", ("Q4_K_M", "Q4_K_M")),
        ("a.q4_k_m.gguf", ("Q4_K_M", "Q4_K_M")),
        ("q8_0.gguf", ("Q8_0", "Q8_0")),
        ("a-UD-Q4_K_XL.gguf", ("UD-Q4_K_XL", "Q4_K_XL")),
        ("UD-IQ1_S/a-00001-of-00002.gguf", ("UD-IQ1_S", "IQ1_S")),
        ("BF16/a.gguf", ("BF16", "BF16")),
        ("a-f16.gguf", ("F16", "F16")),
        ("a.fp16.gguf", ("F16", "F16")),
        ("a-mxfp4.gguf", ("MXFP4", "MXFP4")),
        ("a-IQ4_NL.gguf", ("IQ4_NL", "IQ4_NL")),
        ("a-IQ2_XXS.gguf", ("IQ2_XXS", "IQ2_XXS")),
        ("a-Q4_0_4_4.gguf", ("Q4_0_4_4", "Q4_0_4_4")),
        ("a-TQ1_0.gguf", ("TQ1_0", "TQ1_0")),
        ("a-f16-Q2_K_S.gguf", ("Q2_K_S", "Q2_K_S")),
        ("Qwen2.5-0.5B.gguf", ("", "")),
        ("aQ4_K_Mb.gguf", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_files_name_tells_its_quantization(path: str, names: tuple[str, str]) -> None:
    assert quantization_of(path) == names
