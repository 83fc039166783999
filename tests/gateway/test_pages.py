"""The page that shows the document, and the web page, are their own files."""

from __future__ import annotations

import re
from importlib import resources

import aiohttp
import pytest

from funland_gateway.page import make_page, takes_gzip

WEB = resources.files("funland_gateway").joinpath("web", "docs")


async def test_the_page_is_at_docs(http: aiohttp.ClientSession) -> None:
    async with http.get("/docs") as response:
        text = await response.text()

    assert response.url.path == "/docs"
    assert response.content_type == "text/html"
    assert "<title>" in text
    assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_all_that_the_page_asks_for_is_there(http: aiohttp.ClientSession) -> None:
    page = WEB.joinpath("index.html").read_text()
    asked = re.findall(r'(?:href|src)="(/[^"]*)"', page)

    assert {"/docs/style.css", "/docs/app.js", "/openapi.json"} <= set(asked)
    for path in asked:
        async with http.get(path) as response:
            assert response.status == 200, path


@pytest.mark.parametrize("name", ["index.html", "style.css", "app.js"])
def test_nothing_comes_from_elsewhere(name: str) -> None:
    text = WEB.joinpath(name).read_text()

    assert not re.findall(r"https?://|@import|\burl\(|innerHTML|eval\(", text)


async def test_the_document_is_json_that_any_client_may_keep(http: aiohttp.ClientSession) -> None:
    async with http.get("/openapi.json") as response:
        assert response.content_type == "application/json"
        assert (await response.json())["openapi"] == "3.1.0"


async def test_the_web_page_names_its_files_by_their_content(http: aiohttp.ClientSession) -> None:
    async with http.get("/") as response:
        document = await response.text()
        etag = response.headers["etag"]
        assert response.headers["cache-control"] == "no-cache"
        assert "script-src 'self';" in response.headers["content-security-policy"]
    async with http.get("/", headers={"if-none-match": etag}) as response:
        assert (response.status, await response.read()) == (304, b"")

    asked = re.findall(r'(?:href|src)="(/ui/[^"]*)"', document)
    assert {path.rpartition("/")[2] for path in asked} == {
        "icon.svg", "page.css", "theme.js", "page.js",
    }  # fmt: skip
    for path in asked:
        async with http.get(path) as response:
            assert response.status == 200, path
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert response.headers["content-encoding"] == "gzip"
            assert response.content_type in {
                "text/javascript", "text/css", "image/svg+xml",
            }, path  # fmt: skip


async def test_files_of_another_version_are_not_there(http: aiohttp.ClientSession) -> None:
    for path in ("/ui/0123456789abcdef/main.js", "/ui/0123456789abcdef/../../app.py"):
        async with http.get(path) as response:
            assert response.status == 404


async def test_who_takes_no_gzip_gets_none(http: aiohttp.ClientSession) -> None:
    headers = {"accept-encoding": "gzip;q=0, identity"}
    async with http.get("/", headers=headers, auto_decompress=False) as response:
        assert "content-encoding" not in response.headers
        assert (await response.read()).startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("identity", False),
    ],
)
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) == takes


def test_other_content_is_another_version() -> None:
    files = {"index.html": b"<a href='/ui/{version}/main.js'>", "main.js": b"1"}

    first = make_page(files)
    second = make_page({**files, "main.js": b"2"})

    assert first.version != second.version
    assert first.document.body == f"<a href='/ui/{first.version}/main.js'>".encode()
