"""Writes what MkDocs makes the site of: `make docs`."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Final

from tools.site.pages import navigation, pages

_ROOT: Final = Path(__file__).parents[2]
_CONFIG: Final = Path(__file__).with_name("mkdocs.yml")
_THEME: Final = Path(__file__).with_name("theme")


def main() -> None:
    """Writes the pages, and the configuration that lists them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where; what is there is written anew")
    folder: Path = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_ROOT / "docs", folder / "pages", ignore=shutil.ignore_patterns("*.md"))
    made = pages(_ROOT)
    for name, text in made.items():
        place = folder / "pages" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    config = {
        "INHERIT": str(_CONFIG),
        "theme": {"custom_dir": str(_THEME)},
        "nav": navigation(made),
    }
    # JSON is YAML too.
    (folder / "mkdocs.yml").write_text(json.dumps(config, indent=2), encoding="utf-8")
    print(f"{len(made)} pages")


if __name__ == "__main__":
    main()
