#!/usr/bin/env bash
# Prints where Debian 12 has what the client needs, and where its own classes are.
set -euo pipefail
java=/usr/share/java
jars=("$(dirname "$(readlink -f "$0")")/build/classes")
for name in grpc-{api,context,core,netty,protobuf,protobuf-lite,stub} protobuf protobuf-util gson guava \
    geronimo-annotation-1.3-spec netty-{buffer,codec,codec-http,codec-http2,common,handler,resolver,transport} \
    netty-transport-native-unix-common perfmark-api; do
    jars+=("$java/$name.jar")
done
(IFS=: && echo "${jars[*]}")
