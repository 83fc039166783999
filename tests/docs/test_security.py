"""Each threat has tests that are there, and what no code may do none does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, codes, read, rows, section

THREATS = {row[0]: row for row in rows(read("docs/security.md"))}
SOURCES = sorted(
    path for top in ("server", "gateway", "clients") for path in (ROOT / top).rglob("*.py")
)
AT_LEAST = 26
"""So many were known when the table was written."""


def test_there_is_a_row_for_each_threat() -> None:
    assert len(THREATS) >= AT_LEAST


@pytest.mark.parametrize("threat", THREATS)
def test_a_threat_has_tests_that_are_there(threat: str) -> None:
    _, holds, tests = THREATS[threat]
    named = codes(tests)

    assert holds
    assert named
    for place in named:
        path, _, name = place.partition("::")
        assert re.search(rf"^(async )?def {name}\(", read(path), re.MULTILINE), place


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path, node


def test_no_code_reads_pickles_or_asks_a_shell() -> None:
    modules = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    found: list[str] = []
    for path, node in nodes():
        match node:
            case ast.Import(names=names):
                found += [f"{path}: {one.name}" for one in names if one.name in modules]
            case ast.ImportFrom(module=module) if module in modules:
                found.append(f"{path}: {module}")
            case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                found.append(f"{path}: shell")
            case ast.Attribute(value=ast.Name(id="os"), attr="system" | "popen"):
                found.append(f"{path}: os.{node.attr}")
            case _:
                pass

    assert found == []


def test_no_code_unpacks_by_itself() -> None:
    calls = {"extract", "extractall", "unpack_archive"}
    found = [
        str(path)
        for path, node in nodes()
        if isinstance(node, ast.Attribute) and node.attr in calls and _is_archive(node)
    ]

    assert found == []


def _is_archive(node: ast.Attribute) -> bool:
    """Whether it is of something that is called as archives are."""
    named = ast.unparse(node.value).lower()
    return any(word in named for word in ("tar", "zip", "archive", "shutil"))


def test_no_code_trusts_that_of_models() -> None:
    found = [
        str(path)
        for path, node in nodes()
        if isinstance(node, ast.keyword)
        and node.arg == "trust_remote_code"
        and ast.unparse(node.value) != "False"
    ]

    assert found == []


def test_who_listens_elsewhere_is_told_of_a_proxy() -> None:
    assert "reverse proxy" in section(read("docs/settings.md"), "## Listening elsewhere")
