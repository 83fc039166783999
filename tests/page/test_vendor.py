"""What others wrote is there as it was published, with its licenses, and asks for nothing else."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

VENDOR = resources.files("funland_gateway").joinpath("web", "vendor")
SUMS = "SHA256SUMS"


def test_each_file_has_its_hash() -> None:
    lines = VENDOR.joinpath(SUMS).read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}

    assert sums == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.iterdir()
        if file.name != SUMS
    }


def test_modules_name_each_other_by_path() -> None:
    for file in VENDOR.iterdir():
        assert not re.findall(r'(?:from|import) ?"[^./]', file.read_text()), file.name
        assert "sourceMappingURL" not in file.read_text(), file.name
