"""The documents' links lead somewhere, and decisions are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, anchors, links, read

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "server/**/*.md", "tools/**/*.md", "clients/*/*.md")
    for path in ROOT.glob(pattern)
    if "build" not in path.parts
)
DECISIONS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_leads_to_a_file_and_a_heading(document: str) -> None:
    text = read(document)

    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / document).parent / target if target else ROOT / document
        assert path.exists(), link
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), link


def test_decisions_are_numbered_without_gaps_and_all_listed() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    listed = [link for link in links(read("docs/adr/README.md")) if re.match(r"\d", link)]

    assert numbers == [*range(1, len(numbers) + 1)]
    assert listed == [path.name for path in DECISIONS]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_number_its_title_and_all_sections(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title = text.splitlines()[0].removeprefix("# ")

    assert title.startswith(path.name[:4] + " ")
    assert f"[{title}]({path.name})" in read("docs/adr/README.md")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
