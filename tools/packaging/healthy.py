"""The image's health check: ends with 0 if the service in this container takes calls.

`FUNLAND_HEALTH_URL` says where it listens, if not where it does by default.
"""

from __future__ import annotations

import os
import ssl
import sys
import urllib.request
from typing import Final
from urllib.error import URLError

_SECONDS: Final = 4
_URL: Final = os.environ.get("FUNLAND_HEALTH_URL", "http://127.0.0.1:8000/funland/v1/health")


def main() -> int:
    """Asks once."""
    # Its certificate is for the name by which others call it, and no call leaves the container.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    asking = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with asking.open(_URL, timeout=_SECONDS):
            return 0
    except (URLError, OSError) as error:
        sys.stderr.write(f"{_URL}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
