"""Which trace a call says that it is part of, in the metadata of W3C's Trace Context."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from funland_server.tracing.spans import TRACEPARENT, TRACESTATE, Carrier

_PARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,64})?"
)
_STATE: Final = re.compile(r"[ -~]{1,512}")


def carried(said: Mapping[str, str]) -> Carrier:
    """What can be gone on with; what is broken is passed over, as that standard wants it."""
    if (parent := said.get(TRACEPARENT)) is None or not _PARENT.fullmatch(parent):
        return ()
    state = said.get(TRACESTATE, "")
    told = ((TRACESTATE, state),) if _STATE.fullmatch(state) else ()
    return ((TRACEPARENT, parent), *told)
