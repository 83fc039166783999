"""What training computes with: float32, or float64 where a test looks closely."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.floating[Any]]
Tokens: TypeAlias = NDArray[np.int32]
Indices: TypeAlias = NDArray[np.intp]
