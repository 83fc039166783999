"""What people call a model of a hub is understood, and what names none is told so."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.models_pb2 import Origin
from funland_server.errors import FieldInvalidError
from funland_server.hub.sources import HOSTS, Source, read_source

ANY, MS, HF, OLLAMA = Origin.HUB_UNSPECIFIED, Origin.MODELSCOPE, Origin.HUGGINGFACE, Origin.OLLAMA


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("qwen2.5:0.5b", Source(OLLAMA, "qwen2.5:0.5b")),
        ("qwen2.5", Source(OLLAMA, "qwen2.5")),
        ("qwen2.5:latest", Source(OLLAMA, "qwen2.5")),
        ("library/qwen2.5:7b", Source(OLLAMA, "qwen2.5:7b")),
        ("  qwen2.5 ", Source(OLLAMA, "qwen2.5")),
        ("owner/name", Source(ANY, "owner/name")),
        ("owner/name:Q4_K_M", Source(ANY, "owner/name", variant="Q4_K_M")),
        ("owner/name@v1.0", Source(ANY, "owner/name", revision="v1.0")),
        ("owner/name@v1.0:Q8_0", Source(ANY, "owner/name", revision="v1.0", variant="Q8_0")),
        ("owner/name:sub/a-Q8_0.gguf", Source(ANY, "owner/name", variant="sub/a-Q8_0.gguf")),
        ("hf.co/owner/name:Q8_0", Source(HF, "owner/name", variant="Q8_0")),
        ("huggingface.co/owner/name", Source(HF, "owner/name")),
        ("HF.co/owner/name", Source(HF, "owner/name")),
        ("huggingface:owner/name", Source(HF, "owner/name")),
        ("hf:owner/name:Q4_0", Source(HF, "owner/name", variant="Q4_0")),
        ("hf://owner/name@main", Source(HF, "owner/name", revision="main")),
        ("modelscope:owner/name", Source(MS, "owner/name")),
        ("modelscope://owner/name", Source(MS, "owner/name")),
        ("ollama:qwen2.5:0.5b", Source(OLLAMA, "qwen2.5:0.5b")),
        ("ollama:owner/name:tag", Source(OLLAMA, "owner/name:tag")),
        ("registry.ollama.ai/library/qwen2.5:0.5b", Source(OLLAMA, "qwen2.5:0.5b")),
        ("https://ollama.com/library/qwen2.5:7b", Source(OLLAMA, "qwen2.5:7b")),
        ("https://ollama.com/owner/name", Source(OLLAMA, "owner/name")),
        ("https://huggingface.co/owner/name", Source(HF, "owner/name")),
        ("https://huggingface.co/owner/name/tree/v2", Source(HF, "owner/name", "v2")),
        (
            "https://huggingface.co/owner/name/blob/main/a%20b/m.gguf?download=true",
            Source(HF, "owner/name", "main", "a b/m.gguf"),
        ),
        ("https://www.modelscope.cn/models/owner/name/files", Source(MS, "owner/name")),
        (
            "https://modelscope.cn/models/owner/name/resolve/master/m.gguf",
            Source(MS, "owner/name", "master", "m.gguf"),
        ),
    ],
)
def test_names_of_all_kinds_are_read(text: str, source: Source) -> None:
    assert read_source(text) == source


@pytest.mark.parametrize(
    ("beside", "source"),
    [
        ({"hub": HF}, Source(HF, "owner/name")),
        ({"hub": OLLAMA}, Source(OLLAMA, "owner/name")),
        ({"hub": OLLAMA, "variant": "7b"}, Source(OLLAMA, "owner/name:7b")),
        ({"revision": "v1"}, Source(ANY, "owner/name", "v1")),
        ({"variant": "Q4_0"}, Source(ANY, "owner/name", variant="Q4_0")),
    ],
)
def test_what_is_said_beside_the_name_counts(beside: dict[str, Any], source: Source) -> None:
    assert read_source("owner/name", **beside) == source


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a b", "owner/", "/name", "owner/name:", "qwen2.5:", "owner/name@", "a/b/c",
        "../x",
        "owner/..", "owner/na--me", "owner/name.git", "-owner/name", "owner/.name",
        "o/n\0", "o/\nn",
        "owner\\name", "hf:name", "modelscope:name", "owner/name:a b", "qwen2.5:a/b",
        "https://huggingface.co/", "https://huggingface.co/owner", "https://huggingface.co/datasets/o/n",
        "https://modelscope.cn/models/owner/name/what", "ftp://huggingface.co/o/n", "o/n@../x",
        "x" * 200, f"owner/{'x' * 97}", "ow\u00e4ner/name",
    ],
)  # fmt: skip
def test_what_names_no_model_is_refused_and_the_right_way_is_told(text: str) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        read_source(text)

    (violation,) = raised.value.violations
    assert violation.field == "source"
    assert "owner/name" in violation.description or "no branch" in violation.description


@pytest.mark.parametrize(
    "text",
    [
        "registry.example/x/y", "registry.example:5000/x/y:tag", "localhost:5000/x/y",
        "127.0.0.1:80/x/y", "https://evil.example/owner/name", "http://huggingface.co@evil.example/o/n",
        "https://huggingface.co.evil.example/o/n", "docker.io/library/alpine",
    ],
)  # fmt: skip
def test_other_hosts_are_refused_by_name(text: str) -> None:
    with pytest.raises(FieldInvalidError, match="names the host"):
        read_source(text)


def test_a_hub_that_is_mistyped_is_told_with_those_there_are() -> None:
    with pytest.raises(FieldInvalidError, match=r"names the hub 'hugginface'.* huggingface, hf, "):
        read_source("hugginface:owner/name")


@pytest.mark.parametrize("host", ["huggingface.co", "evil.example"])
def test_a_password_in_a_url_is_refused_and_not_shown(host: str) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        read_source(f"https://me:s3cret@{host}/owner/name")
    assert "s3cret" not in str(raised.value)


def test_an_endpoint_of_the_settings_stands_for_its_hub() -> None:
    hosts = {**HOSTS, "hub.example:8080": HF}

    assert read_source("http://hub.example:8080/o/n", hosts=hosts) == Source(HF, "o/n")
    assert read_source("hub.example:8080/o/n:Q8_0", hosts=hosts) == Source(
        HF, "o/n", variant="Q8_0"
    )


@pytest.mark.parametrize(
    ("text", "beside", "field"),
    [
        ("hf.co/o/n", {"hub": MS}, "hub"),
        ("qwen2.5", {"hub": HF}, "source"),
        ("o/n@v1", {"revision": "v2"}, "revision"),
        ("o/n", {"revision": "../v2"}, "revision"),
        ("o/n:Q8_0", {"variant": "Q4_0"}, "variant"),
    ],
)
def test_what_contradicts_the_name_is_refused_by_its_field(
    text: str, beside: dict[str, Any], field: str
) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        read_source(text, **beside)

    assert raised.value.violations[0].field == field
