"""Makes the pages of the site of the repository's files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tools.site.contract import FOLDER, contract_pages
from tools.site.linking import page_of, relinked
from tools.site.plan import NAVIGATION, ROOT_PAGES

_COMMENT: Final = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
_ROW: Final = re.compile(r"^\|.*$", re.MULTILINE)
_CODE: Final = re.compile(r"`[^`]+`")
_LANGUAGES: Final[Mapping[str, str]] = {
    ".py": "python", ".json": "json", ".yaml": "yaml", ".cmake": "cmake", ".sh": "sh",
    ".toml": "toml", ".js": "javascript", ".service": "ini",
}  # fmt: skip


def pages(root: Path) -> dict[str, str]:
    """All pages, by their paths on the site."""
    found = contract_pages()
    waiting = [*ROOT_PAGES]
    waiting += sorted(str(path.relative_to(root)) for path in root.glob("docs/**/*.md"))
    while waiting:
        path = waiting.pop()
        page = page_of(path)
        if page not in found and not page.startswith(FOLDER) and page.endswith(".md"):
            found[page] = _page(root, path, waiting)
    return found


def navigation(made: Mapping[str, str]) -> list[dict[str, list[str]]]:
    """The site's sections, as MkDocs takes them."""
    sections: list[dict[str, list[str]]] = [
        {name: [*listed]} for name, listed in NAVIGATION.items()
    ]
    services = sorted(page for page in made if page.startswith(f"{FOLDER}/"))
    services.sort(key=lambda page: page != f"{FOLDER}/index.md")
    sections.insert(3, {"The contract": services})
    return sections


def _page(root: Path, path: str, waiting: list[str]) -> str:
    place = root / path
    if place.is_dir():
        return f"# {path}\n\n" + "".join(f"- `{name}`\n" for name in _names(place))
    text = place.read_text(encoding="utf-8")
    if path.endswith(".md"):
        return _pipes(relinked(_COMMENT.sub("", text), path, waiting.append))
    language = _LANGUAGES.get(place.suffix, "text")
    return f"# {path}\n\n````{language}\n{text}````\n"


def _pipes(text: str) -> str:
    """GitHub wants a bar in a table's code escaped, Python's Markdown shows the backslash then."""
    return _ROW.sub(lambda row: _CODE.sub(lambda code: code[0].replace(r"\|", "|"), row[0]), text)


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(("_", ".")):
            yield path.name
