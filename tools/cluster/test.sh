#!/usr/bin/env bash
# Runs the tests of tests/cluster: installs Ray into an environment of its own, which sees the other one, and runs them
# where there is no network but loopback. Root, or a system that gives users namespaces, is needed for that.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${1:-.venv} own=.venv-cluster
if [ ! -e "$own/.installed" ] || [ pyproject.toml -nt "$own/.installed" ]; then
    "$venv/bin/python" -m venv "$own"
    packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    seen=$("$own/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "import site; site.addsitedir('$packages')" >"$seen/funland.pth"
    "$own/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[cluster]' --no-deps
    requirements=$("$venv/bin/python" -c 'import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["cluster"], sep="\n")')
    # shellcheck disable=SC2086 # the names have no spaces
    "$own/bin/python" -m pip install --quiet --disable-pip-version-check $requirements
    touch "$own/.installed"
fi
map_root=$([ "$(id -u)" = 0 ] || echo --map-root-user)
# shellcheck disable=SC2086 # an option or none
TEST_CLUSTER=1 exec unshare $map_root --net "$own/bin/python" tools/cluster/loopback.py \
    "$own/bin/python" -m pytest tests/cluster "${@:2}"
