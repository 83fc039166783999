"""The page of old paths has all of the documents, with what the table of surfaces has."""

from __future__ import annotations

import re

from tests.conformance.shapes import FOLDER
from tests.docs.markdown import codes, read, rows, section


def test_each_path_of_the_documents_has_its_rpcs_and_its_native_routes() -> None:
    surfaces = served()

    expected = [
        [f"`{dialect}`", method, f"`{path}`", *surfaces[dialect, method, path]]
        for dialect, method, path in documented()
    ]

    assert rows(section(read("docs/older-paths.md"), "## Each path")) == expected


def documented() -> list[tuple[str, str, str]]:
    lines = (FOLDER / "endpoints.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [(dialect, method, path) for dialect, method, path in map(str.split, lines)]


def served() -> dict[tuple[str, str, str], tuple[str, str]]:
    """The RPCs and the native routes behind each route of a dialect that has a column; a WebSocket
    is a GET in that table and a WS in the documents."""
    table = section(read("docs/surfaces.md"), "## Routes")
    head = re.search(r"^\| gRPC .*$", table, re.MULTILINE)
    assert head is not None
    sockets = {(dialect, path) for dialect, method, path in documented() if method == "WS"}
    behind: dict[tuple[str, str, str], tuple[list[str], list[str]]] = {}
    for column, dialect in enumerate(codes(head[0]), start=2):
        above: list[tuple[str, str, str]] = []
        for row in rows(table):
            named = [route.split() for route in codes(row[column]) if " " in route]
            if named:
                above = [
                    (dialect, "WS" if (dialect, path) in sockets else method, path)
                    for method, path in named
                ]
            elif not row[column].startswith("the same"):
                continue
            for key in above:
                rpcs, routes = behind.setdefault(key, ([], []))
                rpcs.append(row[0])
                routes.append(row[1])
    return {key: (", ".join(rpcs), ", ".join(routes)) for key, (rpcs, routes) in behind.items()}
