"""Makes one script of a page's modules, so that a browser asks once and not for each.

It is text for text what the modules are, each in a function of its own that runs when it is first
imported; what they import from one another becomes a look into what the other has exported. It
knows the forms that the page's modules are written in, and refuses circles and names that nobody
exports. Another form, or a module that waits at its top, stays as it is written, and no browser
reads the script.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

# Words first: they are looked for faster than what stands before them.
_IMPORTS = r"import(?<![^\n;}]import)\b"
_EXPORTS = r"export(?<![^\n;}]export)\b"
_PATH = r"[\"'](?P<path>\.[^\"']+)[\"'];?"
_IMPORT = re.compile(
    rf"{_IMPORTS}\s*(?:(?P<whole>[\w$]+)\s*from\s*|\{{(?P<names>[^}}]*)\}}\s*from\s*)?{_PATH}"
)
_PASSED_ON = re.compile(rf"{_EXPORTS}\s*\{{(?P<names>[^}}]*)\}}\s*from\s*{_PATH}")
_LISTED = re.compile(rf"{_EXPORTS}\s*\{{(?P<names>[^}}]*)\}};?")
_DEFAULT = re.compile(rf"{_EXPORTS} default\b")
_DECLARED = re.compile(rf"{_EXPORTS} (?=(?:const|class|(?:async )?function\*?) (?P<name>[\w$]+))")
_LATER = re.compile(r"import\((?P<path>[\"'`]\.[^\"'`]+[\"'`])\)")
_HERE = re.compile(r"import\.meta\.url\b")
_HOLE = re.compile(r"\$\{[^}]*\}")

_HEAD = """\
const modules = {};
const made = {};
const load = (name) => {
  if (!(name in made)) modules[name]((made[name] = {}));
  return made[name];
};
const later = async (from, to) => load(new URL(to, `page:/${from}`).pathname.slice(1));
const place = (name) => new URL(name, import.meta.url).href;
"""


class LinkError(ValueError):
    """Modules that can't be linked; the message names the module and what is wrong with it."""


@dataclass(slots=True)
class _Module:
    name: str
    body: str = ""
    exports: dict[str, str] = field(default_factory=dict[str, str])
    """The expression of each name that it exports."""
    wanted: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Module and name of what it imports."""
    needs: list[str] = field(default_factory=list[str])
    """The modules that are loaded before it, as they are found."""
    may_need: list[str] = field(default_factory=list[str])
    """Patterns of the names of modules that it loads later."""


@dataclass(frozen=True, slots=True)
class Script:
    """What was linked."""

    text: str
    """A module. It exports `load`, which gives what one of `modules` exports."""
    modules: frozenset[str]
    """The names of those that are in it."""


def linked(sources: Mapping[str, str], entry: str) -> Script:
    """The script of the module `entry` and of all that it may ever import.

    `sources` are texts by their paths, with `/` between folders. Raises LinkError.
    """
    modules: dict[str, _Module] = {}
    todo = [entry]
    while todo:
        name = todo.pop()
        if name in modules:
            continue
        if name not in sources:
            raise LinkError(f"{name} is imported, and is not there.")
        modules[name] = module = _read(name, sources[name])
        todo += module.needs
        for pattern in module.may_need:
            todo += _all_of(pattern, sources, name)
    for module in modules.values():
        for other, name in module.wanted:
            if name not in modules[other].exports:
                raise LinkError(f"{module.name} imports {name} of {other}, which has no such.")
    _refuse_circles(modules)
    functions = "".join(_function(modules[name]) for name in sorted(modules))
    text = f"{_HEAD}{functions}load({json.dumps(entry)});\nexport {{ load }};\n"
    return Script(text, frozenset(modules))


def _read(name: str, source: str) -> _Module:
    module = _Module(name)

    def reached(path: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))

    def imported(found: re.Match[str]) -> str:
        other = reached(found["path"])
        module.needs.append(other)
        pairs = [("default", found["whole"])] if found["whole"] else list(_pairs(found["names"]))
        module.wanted += [(other, theirs) for theirs, _ in pairs]
        names = ", ".join(f"{theirs}: {ours}" for theirs, ours in pairs)
        return f"const {{ {names} }} = load({json.dumps(other)});"

    def passed_on(found: re.Match[str]) -> str:
        other = reached(found["path"])
        module.needs.append(other)
        for theirs, ours in _pairs(found["names"]):
            module.wanted.append((other, theirs))
            module.exports[ours] = f"load({json.dumps(other)}).{theirs}"
        return f"load({json.dumps(other)});"

    def listed(found: re.Match[str]) -> str:
        module.exports.update({theirs: ours for ours, theirs in _pairs(found["names"])})
        return ""

    def whole(_: re.Match[str]) -> str:
        module.exports["default"] = "whole$"
        return "const whole$ ="

    def declared(found: re.Match[str]) -> str:
        module.exports[found["name"]] = found["name"]
        return ""

    def later(found: re.Match[str]) -> str:
        module.may_need.append(reached(_HOLE.sub("*", found["path"][1:-1])))
        return f"later({json.dumps(name)}, {found['path']})"

    body = _IMPORT.sub(imported, source)
    body = _PASSED_ON.sub(passed_on, body)
    body = _LISTED.sub(listed, body)
    body = _DEFAULT.sub(whole, body)
    body = _DECLARED.sub(declared, body)
    body = _LATER.sub(later, body)
    module.body = _HERE.sub(f"place({json.dumps(name)})", body)
    return module


def _pairs(names: str | None) -> Iterator[tuple[str, str]]:
    """Of `a, b as c`: (a, a), (b, c)."""
    for each in (names or "").split(","):
        first, _, second = each.strip().partition(" as ")
        if first:
            yield first.strip(), (second or first).strip()


def _all_of(pattern: str, sources: Mapping[str, str], name: str) -> list[str]:
    found = [each for each in sources if fnmatchcase(each, pattern)]
    if not found:
        raise LinkError(f"{name} imports {pattern} later, and nothing is called so.")
    return found


def _refuse_circles(modules: Mapping[str, _Module]) -> None:
    """What a circle's first module exports would not be there for its last."""
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            raise LinkError(f"{' imports '.join((*way[way.index(name) :], name))}: a circle.")
        if name in done:
            return
        for each in modules[name].needs:
            visit(each, (*way, name))
        done.add(name)

    for each in modules:
        visit(each, ())


def _function(module: _Module) -> str:
    exports = ", ".join(f"{name}: {what}" for name, what in module.exports.items())
    ends = f"Object.assign(exports, {{ {exports} }});"
    return f"modules[{json.dumps(module.name)}] = (exports) => {{\n{module.body}\n{ends}\n}};\n"
