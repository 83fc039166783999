"""A Ray cluster of two nodes on this machine: starts it, says its address, and obeys.

Each line of its standard input is done and answered by one on its standard output: `add` a node,
`kill` the newest as if its machine had failed. It ends with its input, and the cluster with it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints is not for who reads the answers
    cluster: Any = import_module("ray.cluster_utils").Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1)]
    print(cluster.address, file=out, flush=True)
    for line in sys.stdin:
        match line.strip():
            case "add":
                nodes.append(cluster.add_node(num_cpus=1))
            case "kill":
                nodes.pop().kill_raylet()
            case other:
                raise ValueError(other)
        print("done", file=out, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
