"""Compiles a backend of llama.cpp as a module, once for each compiler, header and source."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic

from tools.accelerators.finding import compiler

PROJECT = Path(__file__).parents[1] / "llama_cpp" / "backends"
TELLING = "libfunland-telling.so"

_STEP = re.compile(r"^\[(\d+/\d+)\]")
_NEWS_SECONDS = 15.0
_BYTES_OF_A_COMPILER = 1 << 30


def module(backend: str) -> str:
    """The file of a backend's module."""
    return f"libggml-{backend}.so"


def key(backend: str, requirement: str, chosen: Sequence[str]) -> str:
    """What tells one build, with CMake's options `chosen`, from others: the same for all that would
    come out alike."""
    parts = [requirement, *chosen, *(path.read_text() for path in sorted(PROJECT.iterdir()))]
    parts.append(said(compiler(), "--version"))
    if backend == "vulkan":
        parts.append(said("glslc", "--version"))
        parts.append(said(compiler(), "-E", "-dM", "-include", "vulkan/vulkan.h", "-x", "c++", os.devnull))  # fmt: skip # noqa: E501
    if backend == "cuda":
        parts.append(said("nvcc", "--version"))
        parts.append(said("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def options(backend: str, *, nvidia_driver: bool) -> list[str]:
    """CMake's options for a backend."""
    chosen = [f"-DGGML_{backend.upper()}=ON"]
    if backend == "cuda" and not nvidia_driver:
        # For all cards, as there is none to ask; and the driver's library is not there to link.
        chosen += ["-DGGML_NATIVE=OFF", "-DGGML_CUDA_NO_VMM=ON"]
    return chosen


def build(backend: str, requirement: str, chosen: Sequence[str], place: Path, log: Path) -> None:
    """Compiles a backend with CMake's options `chosen`, and puts its files into a new folder.

    Raises:
        subprocess.CalledProcessError: The log has the compiler's words.
    """
    with tempfile.TemporaryDirectory(prefix="funland-backend-") as name, log.open("w") as words:
        folder = Path(name)
        unpacked = sources(requirement, folder, words.fileno())
        tools = environment(folder, words.fileno())
        made = folder / "made"
        configure = [
            *("cmake", "-S", str(PROJECT), "-B", str(made), "-G", "Ninja"),
            *("-DCMAKE_BUILD_TYPE=Release", f"-DFUNLAND_LLAMA_CPP={unpacked}"),
            *chosen,
        ]
        subprocess.run(configure, check=True, stdout=words, stderr=words, env=tools)
        compile_ = [
            *("cmake", "--build", str(made), "--parallel", str(jobs())),
            *("--target", f"ggml-{backend}", "funland-telling"),
        ]
        _follow(compile_, tools, words.write, backend)
        place.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: what is there is taken for good.
        new = Path(tempfile.mkdtemp(prefix=f"{place.name}-", dir=place.parent))
        for file in (made / "bin" / module(backend), made / TELLING):
            shutil.copy2(file, new)
        try:
            new.replace(place)
        except OSError:  # another installation was first
            shutil.rmtree(new)
            if not place.is_dir():
                raise


def sources(requirement: str, folder: Path, words: int) -> Path:
    """llama.cpp as the package of that name has it."""
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
    only = ["--no-binary", ":all:", "--dest", str(folder)]
    subprocess.run([*pip, *only, requirement], check=True, stdout=words, stderr=words)
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder / "package", filter="data")
    (unpacked,) = (folder / "package").iterdir()
    return unpacked / "vendor" / "llama.cpp"


def environment(folder: Path, words: int) -> Mapping[str, str]:
    """An environment in which there are cmake and ninja."""
    lacking = [name for name in ("cmake", "ninja") if shutil.which(name) is None]
    if not lacking:
        return os.environ
    target = folder / "tools"
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--target", str(target), *lacking], check=True, stdout=words, stderr=words
    )
    path = os.pathsep.join([str(target / "bin"), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(target)}


def _follow(
    command: Sequence[str], env: Mapping[str, str], write: Callable[[str], object], backend: str
) -> None:
    """Runs a build, and says now and then how far it is."""
    told = monotonic()
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None  # noqa: S101 - it is a PIPE
    for line in process.stdout:
        write(line)
        step = _STEP.match(line)
        if step and monotonic() - told >= _NEWS_SECONDS:
            told = monotonic()
            print(f"  {backend} [{step[1]}]", flush=True)
    if code := process.wait():
        raise subprocess.CalledProcessError(code, command)


def jobs() -> int:
    """As many compilers as there are cores and memory for."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return max(1, min(len(os.sched_getaffinity(0)), memory // _BYTES_OF_A_COMPILER))


def said(*command: str) -> str:
    """What a program writes; nothing if it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
