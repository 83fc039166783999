"""Shows a picture in a terminal that can, as it is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Final, Literal

Protocol = Literal["kitty", "iterm2"]

_CHUNK: Final = 4096
"""The most that kitty takes at once, in characters."""
_ITERM2: Final = ("iTerm.app", "WezTerm", "mintty")


def protocol(environment: Mapping[str, str]) -> Protocol | None:
    """How the terminal takes pictures; None if it shows characters alone. One within tmux or screen
    does not get them through."""
    if environment.get("TMUX") or environment.get("STY"):
        return None
    terminal = environment.get("TERM", "")
    if environment.get("KITTY_WINDOW_ID") or "kitty" in terminal or "ghostty" in terminal:
        return "kitty"
    return "iterm2" if environment.get("TERM_PROGRAM") in _ITERM2 else None


def escaped(png: bytes, how: Protocol) -> str:
    """What the terminal is told to show a PNG."""
    text = b64encode(png).decode("ascii")
    if how == "iterm2":
        return f"\x1b]1337;File=inline=1;size={len(png)}:{text}\a\n"
    chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    told = ""
    for number, chunk in enumerate(chunks):
        more = int(number + 1 < len(chunks))
        keys = f"a=T,f=100,q=2,m={more}" if number == 0 else f"m={more}"
        told += f"\x1b_G{keys};{chunk}\x1b\\"
    return f"{told}\n"
