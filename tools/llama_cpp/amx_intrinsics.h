// GCC's AMX intrinsics, as they should be (seen in GCC 12).
//
// _tile_loadconfig() tells the optimizer of 8 of the 64 bytes that it reads, and _tile_loadd() of none,
// so -O3 drops or delays what is written for them: llama.cpp's first matrix product ends in SIGSEGV.
//
// And llama.cpp (seen in llama-cpp-python 0.3.36) says how tiles are cut once a thread, though other libraries cut
// them otherwise in the same thread: what it multiplies then is wrong, or ends in SIGILL. Its function
// says so and then notes that it has; it returns before that, and so says it for each product.

#pragma once

#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)

#include <immintrin.h>

#define _tile_loadconfig(config)                                             \
    __asm__ volatile("ldtilecfg\t%X0" ::"m"(*(const char(*)[64])(config))); \
    return

#undef _tile_loadd_internal
#define _tile_loadd_internal(tile, base, stride)                                       \
    __asm__ volatile("{tileloadd\t(%0,%1,1), %%tmm" #tile "|tileloadd\t%%tmm" #tile    \
                     ", [%0+%1*1]}" ::"r"((const void *)(base)), "r"((long)(stride)) \
                     : "memory")

#endif
