"""The site has every document, lists every page, and its links lead somewhere."""

from __future__ import annotations

import posixpath
import re

import pytest

from funland_gateway.transcoding.comments import contract_comments
from tests.docs.markdown import ROOT, anchors, links
from tools.site.linking import page_of, relinked
from tools.site.pages import navigation, pages

PAGES = pages(ROOT)
UNLISTED = re.compile(r"adr/\d|source/")


def test_each_page_is_listed_once_but_for_decisions_and_sources() -> None:
    listed = [page for section in navigation(PAGES) for part in section.values() for page in part]

    assert len(listed) == len({*listed})
    assert {*listed} == {page for page in PAGES if not UNLISTED.match(page)}


def test_each_document_has_a_page() -> None:
    documents = [str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")]

    assert {page_of(path) for path in documents} <= PAGES.keys()


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_page_or_a_file_and_a_heading(page: str) -> None:
    for link in links(PAGES[page]):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, heading = link.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
        there = there if target else page
        assert there in PAGES or (ROOT / "docs" / there).is_file(), link
        if heading:
            assert heading in anchors(PAGES[there]), link


@pytest.mark.parametrize("page", PAGES)
def test_a_table_is_in_one_piece(page: str) -> None:
    begun = re.findall(r"(?:^|\n\n)\|.*\n(.*)", PAGES[page])

    assert all(re.fullmatch(r"[|\-: ]+", line) for line in begun), begun


def test_the_contract_is_told_whole() -> None:
    told = "\n".join(text for page, text in PAGES.items() if page.startswith("contract/"))
    headings = {*re.findall(r"^#+ `?(\S+?)`?$", told, re.MULTILINE)}

    names = {name.removeprefix("funland.v1.") for name in contract_comments()}
    rpcs = {name for name in names if re.fullmatch(r"\w+Service\.\w+", name)}
    assert len(rpcs) > 150
    assert rpcs <= headings
    for name in names - rpcs:
        last = name.rpartition(".")[2]
        assert name in headings or f"`{last}`" in told, name


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("contract/")])
def test_a_name_of_the_contract_has_one_heading(page: str) -> None:
    found = re.findall(r"^#+ (.+)$", PAGES[page], re.MULTILINE)

    assert len(anchors(PAGES[page])) == len(found)


@pytest.mark.parametrize(
    ("path", "link", "led"),
    [
        ("README.md", "docs/tour.md#tasks", "tour.md#tasks"),
        ("README.md", "docs/screenshots/chat.png", "screenshots/chat.png"),
        ("README.md", "LICENSE", "source/LICENSE.md"),
        ("docs/tour.md", "../README.md#start-it", "index.md#start-it"),
        ("docs/tour.md", "../proto", "contract/index.md"),
        ("docs/tour.md", "speech.md", "speech.md"),
        ("docs/tour.md", "#tasks", "#tasks"),
        ("docs/tour.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("docs/adr/0001-contract-first.md", "../../proto/funland/v1/tasks.proto",
         "../contract/tasks.md"),
        ("docs/tour.md", "../clients/go/README.md", "source/clients/go/README.md"),
        ("clients/go/README.md", "../../README.md", "../../../index.md"),
        ("docs/tour.md", "../tests/hubs", "source/tests/hubs.md"),
    ],
)  # fmt: skip
def test_where_a_link_leads(path: str, link: str, led: str) -> None:
    text = "Text [a](%s)\n\n```md\n[a](b.md)\n```\n"

    assert relinked(text % link, path, lambda _: None) == text % led
