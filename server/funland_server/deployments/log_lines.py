"""What a process writes, as a log has it: no secrets, nothing that a terminal obeys."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 8192
"""Characters of a line; what is beyond is left out."""

_LEVELS: Final = {"debug": "debug", "warning": "warning", "error": "error", "critical": "error"}
_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_CONTROLS: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MASK: Final = "***"
_NAMES: Final = (
    r"api[-_]?keys?|authorization|proxy-authorization|passwords?|passwd|secrets?|credentials?"
    r"|[a-z0-9_]{0,48}(?:access|auth|hf|hub|session|bearer)[-_]?tokens?|private[-_]?keys?"
)
# Beginnings have a length: else who writes a long line of them holds up the server.
_SECRETS: Final = (
    # `api_key='...'`, `"password": "..."`, `Authorization: Bearer ...`
    re.compile(
        rf"(?i)(?<![a-z0-9])(?P<before>(?:{_NAMES})[\"']?\s*[=:]\s*"
        r"(?:[\[(]\s*)?(?:(?:bearer|basic|token)\s+)?)(?P<secret>\"[^\"]*\"|'[^']*'|[^\s,;)\]}]+)"
    ),
    re.compile(r"(?i)(?P<before>\bbearer\s+)(?P<secret>[a-z0-9._~+/-]{8,}=*)"),
    # What is a key by its form, as hubs and clouds make them.
    re.compile(r"(?P<before>\b)(?P<secret>(?:sk|hf|ghp|gho|glpat|xox[abp])[-_][A-Za-z0-9_-]{16,})"),
    # `https://user:password@host` and `?X-Amz-Signature=...`: a signed URL is a key.
    re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]{0,31}://)(?P<secret>[^\s/@?#]+(?=@))"),
    re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]{0,31}://[^\s?#\"'<>]*\?)(?P<secret>[^\s\"'<>]+)"),
)


def clean(text: str) -> str:
    """A line without its end, without secrets, and of what can be shown."""
    text = _CONTROLS.sub(" ", _ESCAPES.sub("", text.expandtabs(4))).rstrip()
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} [{len(text) - LONGEST} more characters]"
    for secret in _SECRETS:
        text = secret.sub(rf"\g<before>{_MASK}", text)
    return text


def level(told: str) -> str:
    """One of the levels that the contract has."""
    return _LEVELS.get(told, "info")
