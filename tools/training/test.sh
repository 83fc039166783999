#!/usr/bin/env bash
# Runs the tests of training with PyTorch: installs it into an environment of its own, which sees the other one.
# PIP_ARGS are more for pip, such as the index of builds for the CPU alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${1:-.venv} own=.venv-training
if [ ! -e "$own/.installed" ] || [ pyproject.toml -nt "$own/.installed" ]; then
    "$venv/bin/python" -m venv "$own"
    packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    seen=$("$own/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "import site; site.addsitedir('$packages')" >"$seen/funland.pth"
    requirements=$("$venv/bin/python" -c 'import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["training"], sep="\n")')
    # shellcheck disable=SC2086 # the names have no spaces, and PIP_ARGS are several words
    "$own/bin/python" -m pip install --quiet --disable-pip-version-check ${PIP_ARGS:-} $requirements
    touch "$own/.installed"
fi
exec "$own/bin/python" -m pytest tests/worker/training/pytorch tests/server/training/test_torch_runs.py "${@:2}"
