"""Which pages the site has, and in what order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

NAVIGATION: Final[Mapping[str, Sequence[str]]] = {
    "Start": ("index.md", "installing.md", "tour.md", "page.md", "commands.md", "built-in.md"),
    "Guides": (
        "hubs.md",
        "formats.md",
        "pictures-in-chats.md",
        "mcp-servers.md",
        "speech.md",
        "live-speech.md",
        "images.md",
        "tasks.md",
        "plugins.md",
        "datasets.md",
        "training.md",
        "filling-in.md",
        "clients.md",
    ),
    "APIs": (
        "surfaces.md",
        "openai-parameters.md",
        "openai-media.md",
        "anthropic.md",
        "ollama.md",
        "mcp.md",
        "older-paths.md",
        "older-apis.md",
        "foreign-clients.md",
        "openai-sdk-tests.md",
    ),
    "Operating": (
        "settings.md",
        "errors.md",
        "metrics.md",
        "traces.md",
        "accounts.md",
        "security.md",
        "architectures.md",
        "keys-and-values.md",
        "accelerators.md",
        "envoy.md",
        "benchmarks.md",
    ),
    "How it is made": ("architecture.md", "adr/README.md", "contributing.md", "changelog.md"),
}
"""Each page of a section; the contract's are added as they are there. Decisions, and sources that a
page leads to, are in no section."""

ROOT_PAGES: Final[Mapping[str, str]] = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Documents at the repository's root, and where they are on the site."""
