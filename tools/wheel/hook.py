"""Hatch's build hook: puts llama.cpp's libraries into a wheel.

An editable installation has none: there llama-cpp-python is compiled for the very processor.
"""

from __future__ import annotations

import platform
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server")]  # a build has the sources, not as packages

from funland_worker.engines.sampling.builds import LEVELS, build  # noqa: E402 - as above
from tools.wheel import libraries  # noqa: E402 - as above

_CHOOSE: Final = "funland_worker/engines/sampling"


class WheelHook(BuildHookInterface[Any]):
    """Compiles what a wheel has for its kind of machine; what was compiled before is taken."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Is asked before the files are gathered. `version` is `standard` or `editable`."""
        if version != "standard":
            return
        levels = {build(level): level for level in LEVELS} if _is_x86() else {}
        made = ROOT / "build" / "wheel" / libraries.key()
        if not made.is_dir():
            with tempfile.TemporaryDirectory(prefix="wheel-", dir=_made(made.parent)) as work:
                libraries.build(made, Path(work), levels)
        build_data["pure_python"] = False
        machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{machine}"
        included: dict[str, str] = build_data["force_include"]
        included[str(made / "funland_llama_cpp")] = "funland_llama_cpp"
        included |= {str(made / "choose" / file): f"{_CHOOSE}/{file}" for file in levels}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_x86() -> bool:
    return platform.machine() in {"x86_64", "AMD64"}
