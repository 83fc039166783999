# CMake reads this right after llama.cpp's own `project()` (CMAKE_PROJECT_llama.cpp_INCLUDE).

# llama-cpp-python forces llama.cpp's `common` library on, which is half of its compile time and
# serves only llama.cpp's own programs. Funland calls the `llama` library alone.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "Not used by Funland" FORCE)

# GCC's _tile_loadconfig() tells the optimizer of 8 of the 64 bytes that it reads (seen in GCC 12), so
# -O3 drops the rest of llama.cpp's AMX tile configuration and the first matrix product ends in
# SIGSEGV. Without AMX the AVX-512 kernels are used.
include(CheckCXXCompilerFlag)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    check_cxx_compiler_flag(-mno-amx-tile FUNLAND_COMPILER_KNOWS_AMX)
    if(FUNLAND_COMPILER_KNOWS_AMX)
        add_compile_options(-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
    endif()
endif()
