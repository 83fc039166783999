"""The page that shows the document is its own three files, and works without a network."""

from __future__ import annotations

import re
from importlib import resources

import aiohttp
import pytest

WEB = resources.files("funland_gateway").joinpath("web")


async def test_the_page_is_at_docs_and_the_root_leads_there(http: aiohttp.ClientSession) -> None:
    async with http.get("/") as response:
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
