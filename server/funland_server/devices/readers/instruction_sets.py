"""What the kernel calls instruction sets, and what the contract does."""

from __future__ import annotations

from typing import Final

_X86: Final = {
    "sse4_2": "SSE4_2", "avx": "AVX", "f16c": "F16C", "fma": "FMA", "avx2": "AVX2", "bmi2": "BMI2",
    "avx_vnni": "AVX_VNNI", "avx_vnni_int8": "AVX_VNNI_INT8", "avx_ne_convert": "AVX_NE_CONVERT",
    "avx512f": "AVX512F", "avx512dq": "AVX512DQ", "avx512bw": "AVX512BW", "avx512vl": "AVX512VL",
    "avx512vbmi": "AVX512_VBMI", "avx512_vnni": "AVX512_VNNI", "avx512_bf16": "AVX512_BF16",
    "avx512_fp16": "AVX512_FP16", "amx_tile": "AMX_TILE", "amx_int8": "AMX_INT8",
    "amx_bf16": "AMX_BF16", "amx_fp16": "AMX_FP16",
}  # fmt: skip
"""https://docs.kernel.org/arch/x86/cpuinfo.html"""
_ARM: Final = {
    "asimd": "NEON", "neon": "NEON", "asimdhp": "FP16", "asimddp": "DOTPROD", "i8mm": "I8MM",
    "bf16": "BF16", "sve": "SVE", "sve2": "SVE2", "sme": "SME", "sme2": "SME2",
}  # fmt: skip
"""https://docs.kernel.org/arch/arm64/elf_hwcaps.html"""


def instruction_sets(flags: set[str]) -> list[str]:
    """Those that matter to inference, in the contract's words and in a fixed order."""
    known = _X86 | _ARM
    return list(dict.fromkeys(name for flag, name in known.items() if flag in flags))
