"""All that says what the settings are, for a whole run of the service:
defaults < the hubs' own variables < `funland.toml` < `FUNLAND_*` variables < flags.

Every value keeps its origin, so that a wrong one is reported with the place to mend it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from funland.v1.system_pb2 import Setting
from funland_server.configuration.given import Given, Layer, Sections
from funland_server.configuration.joining import checked
from funland_server.configuration.reading import (
    from_hubs_variables,
    from_text,
    from_variables,
    read_file,
)
from funland_server.durable import write_whole

FILE_NAME = "funland.toml"
_HOME = "server.home"
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Joined:
    """All settings, checked."""

    sections: Mapping[str, BaseModel]
    given: Layer
    """Those that are not defaults."""
    sources: Sources

    def value(self, name: str) -> Any:
        """A setting's value."""
        section, _, field = name.partition(".")
        return getattr(self.sections[section], field)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from. Only the file changes while the service runs."""

    sections: Sections
    file: Path
    """The settings file, whether it is there or not."""
    before_file: Layer = field(default_factory=dict[str, Given])
    """What the file goes before."""
    after_file: Layer = field(default_factory=dict[str, Given])
    """What goes before the file."""
    must_be: bool = False
    """Whether a file that is not there is an error: it was asked for."""

    @classmethod
    def of_program(cls, section: str, settings: BaseModel, folder: Path) -> Sources:
        """Where the settings of a program come from that makes them itself: what it sets goes
        before the file in a folder."""
        given = {
            f"{section}.{field}": Given(getattr(settings, field), Setting.FLAG, "the program")
            for field in settings.model_fields_set
        }
        return cls({section: type(settings)}, folder / FILE_NAME, after_file=given)

    @classmethod
    def of(
        cls,
        sections: Sections,
        *,
        flags: Layer,
        environment: Mapping[str, str],
        config: Path | None,
        default_home: Callable[[], Path],
    ) -> Sources:
        """Finds the file: `config`, else `funland.toml` of the working folder, else of the home,
        which is where a new one is written."""
        variables = from_variables(environment, sections)
        home = flags.get(_HOME) or variables.get(_HOME)
        homes = (Path(str(home.value)).expanduser() if home else default_home()) / FILE_NAME
        here = Path(FILE_NAME)
        return cls(
            sections,
            config or (here if here.is_file() else homes),
            from_hubs_variables(environment),
            {**variables, **flags},
            must_be=config is not None,
        )

    def text(self) -> str:
        """What the file holds; nothing if there is none. Blocks.

        Raises:
            WrongSettingsError: It can't be read.
        """
        return read_file(self.file) if self.must_be or self.file.is_file() else ""

    def write(self, text: str) -> None:
        """Puts a text into the file, whole or not at all. Who may read it stays; a new one is its
        owner's alone, as it may hold secrets. Blocks.

        Raises:
            OSError: It can't be written.
        """
        try:
            target = self.file.resolve()  # what a link leads to, and not the link
        except RuntimeError as error:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else _PRIVATE
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, text.encode(), mode)

    def join(self, text: str) -> Joined:
        """All settings if the file held that.

        Raises:
            WrongSettingsError: One or more of them are wrong, or the text is not TOML.
        """
        given = {**self.before_file, **from_text(text, self.file), **self.after_file}
        return Joined(checked(given, self.sections), given, self)
