#!/usr/bin/env bash
# Generates what the example and the scenario call, and compiles them with Debian 12's packages into build/classes.
set -euo pipefail
cd "$(dirname "$0")"
./generate.sh access errors inference models sessions
rm -rf build/classes
mkdir -p build/classes
# A compiler that compiles itself no further takes a third of the time.
find build/gen src examples scenario -name '*.java' >build/sources
javac -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC -nowarn -proc:none -d build/classes -cp "$(./classpath.sh)" @build/sources
