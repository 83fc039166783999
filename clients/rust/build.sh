#!/usr/bin/env bash
# Compiles the example and the scenario with the crates that Debian 12 has, without a registry, into build. Arguments are
# another command of cargo's: `./build.sh test --lib`.
set -euo pipefail
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- build --examples
cargo "$@" --offline --quiet --target-dir build \
    --config 'source.crates-io.replace-with = "debian"' \
    --config 'source.debian.directory = "/usr/share/cargo/registry"'
