"""The process that reads what datasets are made of.

Its standard input has one line, the order as JSON, and stays open as long as the server wants it.
Its standard output has lines of JSON: `{"read": bytes}` now and then, and at last `{"made": {...}}`
or `{"failed": [kind, text]}`. It holds no secret, and what it reads is a stranger's.
"""

from __future__ import annotations

import errno
import os
import resource
import sys
import threading
from typing import Any, Final

import orjson

from funland_server.datasets.reading.making import Input, NoRowsError, Order, make
from funland_server.datasets.reading.records import FormatMissingError

INVALID: Final = "invalid"
MISSING: Final = "missing"
FULL: Final = "full"
BROKEN: Final = "broken"
_PIPE_BYTES: Final = 4096
_MOST_MEMORY: Final = 1 << 30
"""A few bytes of Parquet can be thousands of long rows."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main() -> int:
    """Reads the order, does it, and says what came of it."""
    order = _order(orjson.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    os.nice(5)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, _MOST_MEMORY)
    try:
        _say({"made": make(order, lambda read: _say({"read": read}))})
    except NoRowsError as error:
        _fail(INVALID, str(error))
    except FormatMissingError as error:
        _fail(MISSING, str(error))
    except MemoryError:
        _fail(INVALID, "Reading it takes more memory than may be.")
    except OSError as error:
        kind = FULL if error.errno in _FULL else BROKEN
        _fail(kind, error.strerror or type(error).__name__)
    return 0


def _order(told: dict[str, Any]) -> Order:
    inputs = tuple(Input(**each) for each in told.pop("inputs"))
    return Order(inputs=inputs, **told)


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def _fail(kind: str, text: str) -> None:
    _say({"failed": [kind, text.encode("utf-8", "replace").decode("utf-8")]})


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard == resource.RLIM_INFINITY or hard >= value:
        resource.setrlimit(kind, (value, hard))


def _end_with_the_server() -> None:
    """Nobody is there to hear of it."""
    while os.read(sys.stdin.fileno(), _PIPE_BYTES):  # nothing comes but the end
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
