"""PyTorch, for whom the extra `training` has it installed: this module is imported by what computes
with it alone, since that takes seconds and hundreds of megabytes.

Nothing of it has types here, for it is not there where types are checked.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, TypeAlias

torch: Final[Any] = import_module("torch")
functional: Final[Any] = import_module("torch.nn.functional")

Tensor: TypeAlias = Any
"""torch.Tensor."""
