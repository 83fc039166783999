"""The error of all readers of models' files; who names the file to the caller translates it."""

from __future__ import annotations


class DamagedFileError(Exception):
    """A file breaks a rule of its format; the message is the end of a sentence that names it."""
