"""One script of many modules: what becomes of each form, and what is refused."""

from __future__ import annotations

import pytest

from funland_gateway.linking import LinkError, linked

LEAF = "export const a = 1;\nexport const b = 2;\nexport default 3;\n"


def body(source: str, **others: str) -> str:
    """What is written for a module `main.js` of this text."""
    text = linked({"main.js": source, "lib/a.js": LEAF, **others}, "main.js").text
    return text.partition('modules["main.js"] = (exports) => {\n')[2].partition("\n};\n")[0]


@pytest.mark.parametrize(
    ("form", "becomes"),
    [
        ('import { a } from "./lib/a.js";', 'const { a: a } = load("lib/a.js");'),
        ('import { a, b as c } from "./lib/a.js";', 'const { a: a, b: c } = load("lib/a.js");'),
        ('import {\n  a,\n  b,\n} from "./lib/a.js";', 'const { a: a, b: b } = load("lib/a.js");'),
        ('import{a as x}from"./lib/a.js";x()', 'const { a: x } = load("lib/a.js");x()'),
        ('import whole from "./lib/a.js";', 'const { default: whole } = load("lib/a.js");'),
        ('import "./lib/a.js";', 'const {  } = load("lib/a.js");'),
        ('const x = () => import("./lib/a.js");', 'later("main.js", "./lib/a.js")'),
        ("import(`./lib/${name}.js`);", 'later("main.js", `./lib/${name}.js`)'),
        ('new URL("./x", import.meta.url)', 'new URL("./x", place("main.js"))'),
        ('const text = `\nimport OpenAI from "openai";`;', 'import OpenAI from "openai"'),
    ],
)
def test_what_is_imported_is_loaded(form: str, becomes: str) -> None:
    assert becomes in body(form)


@pytest.mark.parametrize(
    ("form", "kept", "exported"),
    [
        ("export const x = 1;", "const x = 1;", "x: x"),
        ("export function f() {}", "function f() {}", "f: f"),
        ("export async function f() {}", "async function f() {}", "f: f"),
        ("export async function* f() {}", "async function* f() {}", "f: f"),
        ("export class C {}", "class C {}", "C: C"),
        ("export default {};", "const whole$ = {};", "default: whole$"),
        ("const a = 1;\nexport { a };", "const a = 1;\n", "a: a"),
        ("var n={};export{n as options,n as o};", "var n={};", "options: n, o: n"),
        ("function n(){}export{n as f};", "function n(){}", "f: n"),
        (
            'export { a as z } from "./lib/a.js";',
            'load("lib/a.js");',
            'z: load("lib/a.js").a',
        ),
    ],
)
def test_what_is_exported_is_there_at_the_end(form: str, kept: str, exported: str) -> None:
    written = body(form)

    assert written.startswith(kept)
    assert written.endswith(f"Object.assign(exports, {{ {exported} }});")


def test_a_module_is_there_once_and_what_nobody_needs_is_not() -> None:
    script = linked(
        {
            "main.js": 'import "./b.js";\nimport "./lib/c.js";',
            "b.js": 'import "./lib/c.js";\nimport("./lib/c.js");',
            "lib/c.js": "",
            "other.js": "",
        },
        "main.js",
    )

    assert script.modules == {"main.js", "b.js", "lib/c.js"}
    assert all(script.text.count(f'modules["{name}"] =') == 1 for name in script.modules)
    assert script.text.endswith('load("main.js");\nexport { load };\n')


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('import { z } from "./lib/a.js";', "main.js imports z of lib/a.js, which has no such."),
        ('import "./nowhere.js";', "nowhere.js is imported, and is not there."),
        ("import(`./nowhere/${name}.js`);", r"main.js imports nowhere/\*.js later"),
        ('import "./circle.js";', "main.js imports circle.js imports main.js: a circle."),
    ],
)
def test_what_can_not_be_linked_is_refused(source: str, why: str) -> None:
    with pytest.raises(LinkError, match=why):
        body(source, **{"circle.js": 'import "./main.js";'})
