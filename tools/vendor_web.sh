#!/usr/bin/env bash
# Makes gateway/funland_gateway/web/vendor of the published packages: exact versions, each checked against its integrity.
# Bare names become relative ones, since the page has no import map, and what asks for maps that are not there goes.
# With --check, fails if what is there differs.
set -euo pipefail
cd "$(dirname "$0")/.."
vendor=gateway/funland_gateway/web/vendor

# package version integrity file-in-the-package name-here
packages=(
    "preact 11.2.0 sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg== dist/preact.mjs preact.js"
    "preact 11.2.0 sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg== hooks/dist/hooks.mjs hooks.js"
    "htm 3.1.1 sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ== dist/htm.module.js htm.js"
    "@preact/signals 2.11.4 sha512-Rb+5RPo9gWSaHtzJeauhHxiC8KP/IF2DEPkHPEOGOnuy2wnJzRqyeLRankUCYd6ADqtxS6GnWGv6Ie343d8aYw== dist/signals.mjs signals.js"
    "@preact/signals-core 1.14.5 sha512-vcRv7Ityz5JVmeiVqIluLFzT/PDS/AlhHUpw3/aUWqcVUs6bDGIPXE/6RSC4evBNWYvnniozg5Syfj33al3gkg== dist/signals-core.mjs signals-core.js"
    "marked 18.2.1 sha512-ii4bxCTCqqwpT86XZWgJNs+ZnAIZksmLGYMViWA7PDIXYIeNo1x6cDdX3JOip9NM/cI6p8z57FxliACboTruMA== lib/marked.esm.js marked.js"
    "dompurify 3.5.0 sha512-LYC0ZkE8P1V42JsRYTwMdme/2ET8SpOc5AA2eOFjP/IadvRd2fwiT4TVz5vkfy0XUx12aS2UaRkTnfVPNOv9vw== dist/purify.min.js purify.js"
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/vendor"
for line in "${packages[@]}"; do
    read -r package version integrity file name <<<"$line"
    archive=$work/${package//\//-}-$version.tgz
    if [ ! -f "$archive" ]; then
        packed=$(cd "$work" && npm pack --silent "$package@$version")
        [ "$work/$packed" = "$archive" ] || mv "$work/$packed" "$archive"
        actual=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w0)
        [ "$actual" = "$integrity" ] || {
            echo "$package $version is $actual, not $integrity" >&2
            exit 1
        }
    fi
    tar -xzOf "$archive" "package/$file" |
        sed -E -e 's#from ?"preact/hooks"#from"./hooks.js"#g' -e 's#from ?"preact"#from"./preact.js"#g' \
            -e 's#from ?"@preact/signals-core"#from"./signals-core.js"#g' -e 's|//# sourceMappingURL=.*||' \
            >"$work/vendor/$name"
done
(
    cd "$work"
    for archive in *.tgz; do
        echo "=== ${archive%.tgz}"
        tar -xzOf "$archive" package/LICENSE
        echo
    done
) >"$work/vendor/LICENSES.txt"
(cd "$work/vendor" && sha256sum -- * >SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS)

if [ "${1:-}" = --check ]; then
    diff -r "$work/vendor" "$vendor" && echo "$vendor is what it is made of."
else
    rm -rf "$vendor"
    cp -r "$work/vendor" "$vendor"
    ls -l "$vendor"
fi
