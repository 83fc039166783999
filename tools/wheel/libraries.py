"""Compiles llama.cpp for all processors of a kind, and what chooses tokens."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.accelerators.building import environment, jobs, said, sources
from tools.accelerators.finding import compiler

ROOT: Final = Path(__file__).parents[2]
_LLAMA_CPP: Final = ROOT / "tools" / "llama_cpp"
_CHOOSE: Final = ROOT / "server" / "funland_worker" / "engines" / "sampling"
_OPTIONS: Final = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "ON",
    # A module for each kind of processor, of which the best is loaded.
    "GGML_BACKEND_DL": "ON",
    "GGML_CPU_ALL_VARIANTS": "ON",
    "GGML_NATIVE": "OFF",
    # Its threads are llama.cpp's own: OpenMP's library would have to come along.
    "GGML_OPENMP": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_MTMD": "ON",
    "LLAMA_BUILD_SERVER": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_TOOLS": "OFF",
    # A wheel has no links: each library by one name, found beside the others, without symbols.
    "CMAKE_PLATFORM_NO_VERSIONED_SONAME": "ON",
    "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
    "CMAKE_INSTALL_RPATH": "$ORIGIN",
    "CMAKE_SHARED_LINKER_FLAGS": "-s",
    "CMAKE_MODULE_LINKER_FLAGS": "-s",
    "CMAKE_PROJECT_llama.cpp_INCLUDE": str(_LLAMA_CPP / "funland.cmake"),
}
BINDINGS: Final = ("llama_cpp.py", "mtmd_cpp.py", "_ctypes_extensions.py")


def requirement() -> str:
    """The release that bindings and libraries are made of: `llama-cpp-python==1.2.3`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (found,) = project["dependency-groups"]["llama-cpp"]
    return found


def key() -> str:
    """What tells one build from others: the same for all that would come out alike."""
    files = [*_LLAMA_CPP.glob("*.*"), *_CHOOSE.glob("choose*"), Path(__file__)]
    parts = [requirement(), said(compiler(), "--version")]
    parts += [path.read_text("utf-8") for path in sorted(files)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def build(place: Path, work: Path, levels: Mapping[str, str]) -> None:
    """Makes a folder with the package `funland_llama_cpp`, and in `choose` a library for each of
    `levels`, by their files' names. `work` is for what lies about meanwhile.

    Raises:
        subprocess.CalledProcessError: `work/log` has the compiler's words.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / "log").open("w") as words:
        llama_cpp = sources(requirement(), work, words.fileno())
        tools = environment(work, words.fileno())
        made = work / "made"
        options = [f"-D{name}={value}" for name, value in _OPTIONS.items()]
        configure = ["cmake", "-S", str(llama_cpp), "-B", str(made), "-G", "Ninja", *options]
        subprocess.run(configure, check=True, stdout=words, stderr=words, env=tools)
        compile_ = ["cmake", "--build", str(made), "--parallel", str(jobs())]
        subprocess.run(compile_, check=True, stdout=words, stderr=words, env=tools)
        new = work / "new"
        shutil.rmtree(new, ignore_errors=True)
        _gather(llama_cpp, made / "bin", new / "funland_llama_cpp")
        _compile_choose(new / "choose", levels, words.fileno())
    place.parent.mkdir(parents=True, exist_ok=True)
    new.replace(place)


def _gather(llama_cpp: Path, made: Path, package: Path) -> None:
    """Bindings, libraries and licenses, as a package."""
    python = llama_cpp.parents[1]
    (package / "lib").mkdir(parents=True)
    for library in sorted(made.glob("lib*.so")):
        shutil.copy2(library, package / "lib")
    for name in BINDINGS:
        text = moved((python / "llama_cpp" / name).read_text("utf-8"))
        (package / name).write_text(text, "utf-8")
    version = requirement().partition("==")[2]
    (package / "__init__.py").write_text(
        '"""llama.cpp and its declarations, both of one release of llama-cpp-python."""\n\n'
        f'__version__ = "{version}"\n'
    )
    shutil.copy2(python / "LICENSE.md", package / "LICENSE-llama-cpp-python")
    shutil.copy2(llama_cpp / "LICENSE", package / "LICENSE-llama.cpp")


def moved(text: str) -> str:
    """A module of the bindings, as a part of the wheel's package."""
    text = text.replace("from llama_cpp.", "from funland_llama_cpp.")
    return text.replace("import llama_cpp.", "import funland_llama_cpp.")


def _compile_choose(place: Path, levels: Mapping[str, str], words: int) -> None:
    place.mkdir()
    for file, level in levels.items():
        command = [
            *(compiler(), "-std=c++17", "-O3", f"-march={level}", "-Wno-psabi", "-pthread"),
            *("-fPIC", "-shared", "-s", "-o", str(place / file), str(_CHOOSE / "choose.cpp")),
        ]
        subprocess.run(command, check=True, stdout=words, stderr=words)
