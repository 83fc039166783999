"""Where PyTorch computes, as far as this process has it."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

CPU: Final = "cpu"
_EXTRA: Final = "install `funland[training]`"


def torch_device(wanted: str, threads: int) -> str:
    """PyTorch's name for a device: `cpu`, or a GPU by its UUID, which is then the only one that
    this process sees.

    Raises:
        EngineError: TRAINING_UNSUPPORTED; PyTorch is not installed, or can't compute there.
    """
    if find_spec("torch") is None:
        raise _unsupported(f"it needs PyTorch, which is not installed: {_EXTRA}")
    if wanted != CPU:
        os.environ["CUDA_VISIBLE_DEVICES"] = wanted
        # Without it products on a GPU may differ from one run to the next.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch: Any = import_module("torch")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    if wanted == CPU:
        return CPU
    if not torch.cuda.is_available():
        raise _unsupported(
            f"PyTorch {torch.__version__} finds no GPU {wanted}: it wants a build for CUDA and a"
            " driver that is new enough"
        )
    return "cuda:0"


@contextmanager
def out_of_memory_told() -> Generator[None]:
    """Makes of what PyTorch raises when memory is out a MemoryError."""
    torch: Any = import_module("torch")
    try:
        yield
    except torch.OutOfMemoryError as error:  # a GPU's
        raise MemoryError from error
    except RuntimeError as error:
        if "can't allocate memory" in str(error):  # the CPU's
            raise MemoryError from error
        raise


def check_quantizing() -> None:
    """Raises EngineError TRAINING_UNSUPPORTED where nothing makes weights of four bits."""
    if find_spec("bitsandbytes") is None:
        raise _unsupported(f"it needs bitsandbytes, which is not installed: {_EXTRA}")


def _unsupported(why: str) -> EngineError:
    return EngineError(ErrorReason.TRAINING_UNSUPPORTED, f"The run can't be computed: {why}.")
