"""Runs Envoy before a `funland serve` that runs: `make envoy`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tools.envoy.config import Places, configured


def main() -> None:
    """Writes the configuration, and becomes Envoy."""
    parser = argparse.ArgumentParser(description=__doc__)
    for field in fields(Places):
        kind = Path if field.name in ("certificate", "key") else str
        parser.add_argument(f"--{field.name}", type=kind, default=field.default)
    asked = parser.parse_args()
    if (asked.certificate is None) != (asked.key is None):
        parser.error("give --certificate and --key together")
    config = configured(Places(**vars(asked)))
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as written:
        json.dump(config, written)
    envoy = Path(sys.executable).with_name("envoy")
    sys.stderr.write(f"Envoy listens at {asked.listen}.\n")
    os.execv(envoy, [str(envoy), "-c", written.name, "--log-level", "warning"])  # noqa: S606 - it is Envoy's own program


if __name__ == "__main__":
    main()
