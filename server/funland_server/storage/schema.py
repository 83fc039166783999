"""All tables of the server: each is declared by its domain and made by a revision."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

schema: Final = MetaData()
"""Where they are declared, so that a test can hold them against what the revisions make."""
