"""What llama.cpp tells of its memory is read from its log, and held against an estimate."""

from __future__ import annotations

from tools.zoo.allocations import Allocated, allocated
from tools.zoo.estimate_rows import Row, line

MIB = 1024**2
LINES = """\
load_tensors:          CPU model buffer size =   100.00 MiB
load_tensors:   CPU_REPACK model buffer size =    20.50 MiB
llama_kv_cache:        CPU KV buffer size =     4.00 MiB
llama_kv_cache: size =    4.00 MiB (  4096 cells,   4 layers,  4/1 seqs), K (f16):    2.00 MiB
llama_kv_cache: size =    3.75 MiB (  4096 cells,   3 layers,  4/1 seqs), K (f16):    3.00 MiB
llama_memory_recurrent: size =    0.25 MiB (    16 cells,   4 layers, 16 seqs  0 rs_seq)
llama_context:        CPU  output buffer size =     0.50 MiB
sched_reserve:        CPU compute buffer size =    10.50 MiB
"""


def test_each_part_is_the_sum_of_what_is_told_of_it() -> None:
    told = allocated(LINES.splitlines())

    assert told == Allocated(
        weights=int(120.5 * MIB),
        keys_and_values=int(7.75 * MIB),
        states=int(0.25 * MIB),
        compute=11 * MIB,
    )


def test_a_line_has_each_part_as_it_was_estimated_and_as_it_is() -> None:
    told = Allocated(weights=100 * MIB, keys_and_values=20 * MIB, states=5 * MIB, compute=7 * MIB)

    row = Row(
        "mamba2", weights=100 * MIB, cache=26 * MIB, compute=8 * MIB, process=160 * MIB,
        estimate=294 * MIB, worker=240 * MIB, helpers=40 * MIB, told=told,
    )  # fmt: skip

    assert line(row) == "| `mamba2` | 100, 100 | 26, 25 | 8, 7 | 160, 148 | 294 | 240 + 40 | 1.05 |"
