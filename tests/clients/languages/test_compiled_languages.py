"""The clients of compiled languages make the common steps, and their examples answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.clients.languages import scenario
from tests.clients.languages.toolchains import ROOT, need, run

if TYPE_CHECKING:
    from tests.conftest import Stack

GO, JAVA, CSHARP, RUST = (ROOT / "clients" / name for name in ("go", "java", "csharp", "rust"))
CRATES = ("hyper", "tokio", "serde-json")
QUESTION = ["What", "is", "the", "capital", "of", "France?"]
ANSWER = "The capital of France is Paris.\n8 tokens\n"
ALL_STEPS = "".join(f"ok {step['name']}\n" for step in scenario.steps())


@pytest.fixture(scope="module")
def go() -> None:
    """The example and the scenario in Go, compiled."""
    packages = "/usr/share/gocode/src/google.golang.org/grpc"
    need("go", "go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc", packages)
    run(["./build.sh"], GO)


@pytest.fixture(scope="module")
def java() -> list[str]:
    """The example and the scenario in Java, compiled; gives the command that runs one."""
    need("java", "java", "javac", "protoc", "grpc_java_plugin", "/usr/share/java/grpc-netty.jar")
    run(["./build.sh"], JAVA)
    classes = run(["./classpath.sh"], JAVA).strip()
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", classes]


@pytest.fixture(scope="module")
def csharp() -> None:
    """The example and the scenario in C#, compiled."""
    library = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll"
    need("csharp", "mcs", "mono", library, "/usr/lib/mono/4.5/System.Net.Http.dll")
    run(["./build.sh"], CSHARP)


@pytest.fixture(scope="module")
def rust() -> None:
    """The example and the scenario in Rust, compiled."""
    need("rust", "cargo", *(f"/usr/share/doc/librust-{name}-dev" for name in CRATES))
    run(["./build.sh"], RUST)


@pytest.mark.usefixtures("go")
def test_go(crowded: Stack) -> None:
    told = run(["build/bin/scenario", str(scenario.FILE)], GO, crowded)

    assert told == ALL_STEPS


@pytest.mark.usefixtures("go")
def test_go_s_example_answers(crowded: Stack) -> None:
    assert run(["build/bin/chat", *QUESTION], GO, crowded) == ANSWER


@pytest.mark.usefixtures("go")
def test_go_s_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO111MODULE", "off")
    monkeypatch.setenv("GOPATH", f"{GO / 'build'}{os.pathsep}/usr/share/gocode")

    assert run(["go", "test", "funland.local/client/funland"], GO).startswith("ok")


def test_java(crowded: Stack, java: list[str]) -> None:
    told = run([*java, "Scenario", str(scenario.FILE)], JAVA, crowded)

    assert told == ALL_STEPS


def test_java_s_example_answers(crowded: Stack, java: list[str]) -> None:
    assert run([*java, "Chat", *QUESTION], JAVA, crowded) == ANSWER


@pytest.mark.usefixtures("csharp")
def test_csharp(crowded: Stack) -> None:
    told = run(["mono", "build/Scenario.exe", str(scenario.FILE)], CSHARP, crowded)

    assert told == ALL_STEPS


@pytest.mark.usefixtures("csharp")
def test_csharp_s_example_answers(crowded: Stack) -> None:
    assert run(["mono", "build/Chat.exe", *QUESTION], CSHARP, crowded) == ANSWER


@pytest.mark.usefixtures("rust")
def test_rust(crowded: Stack) -> None:
    told = run(["build/debug/examples/scenario", str(scenario.FILE)], RUST, crowded)

    assert told == ALL_STEPS


@pytest.mark.usefixtures("rust")
def test_rust_s_example_answers(crowded: Stack) -> None:
    assert run(["build/debug/examples/chat", *QUESTION], RUST, crowded) == ANSWER


@pytest.mark.usefixtures("rust")
def test_rust_s_tables() -> None:
    assert "2 passed; 0 failed" in run(["./build.sh", "test", "--lib"], RUST)
