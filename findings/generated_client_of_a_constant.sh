#!/usr/bin/env bash
# openapi-python-client 0.29.1, Python 3.11.
# One would guess: of a property that may be left out and has one value (`const`, JSON Schema's own keyword, which OpenAPI 3.1
# has), a generator makes the same check whatever the value's type, as it does for a text.
# Seen: for a text the check is right; for true, false or a number the generated module does not compile, since the value
# and the word behind it are written without a space between them. What tells of it is the generator's own formatter, which
# can't parse the file. A property that is required is not concerned.
# Exits 1 if the module with the constant truth compiles, or the one with the constant text does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openapi-python-client==0.29.1
cat >openapi.json <<'END'
{"openapi": "3.1.0", "info": {"title": "constants", "version": "1"},
 "paths": {"/switch": {"get": {"operationId": "switch", "responses": {"200": {"description": "Both.", "content":
   {"application/json": {"schema": {"$ref": "#/components/schemas/Both"}}}}}}}},
 "components": {"schemas": {
   "Both": {"type": "object", "properties": {"text": {"$ref": "#/components/schemas/Text"}, "truth": {"$ref": "#/components/schemas/Truth"}}},
   "Text": {"type": "object", "properties": {"kind": {"const": "text"}}},
   "Truth": {"type": "object", "properties": {"on": {"const": true}}}}}}
END
PATH=$PWD/venv/bin:$PATH venv/bin/openapi-python-client generate --path openapi.json --meta none --output-path made >told.txt 2>&1 ||
    true # it complains of the file; what it wrote is there
compiles() { venv/bin/python -m py_compile "made/models/$1.py" 2>/dev/null && echo yes || echo no; }
text=$(compiles text) truth=$(compiles truth)
echo "openapi-python-client 0.29.1: what is generated compiles with a constant text: $text, with a constant truth: $truth"
[ "$text" = yes ] && [ "$truth" = no ]
