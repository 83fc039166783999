# CMake reads this right after llama.cpp's own `project()` (CMAKE_PROJECT_llama.cpp_INCLUDE).

# llama-cpp-python forces llama.cpp's `common` library on, which is half of its compile time and
# serves only llama.cpp's own programs. Funland calls the libraries `llama` and `mtmd` alone.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "Not used by Funland" FORCE)

# `mtmd` reads films by starting a program. Funland gives it pictures and sound that are decoded.
set(MTMD_VIDEO OFF CACHE BOOL "Not used by Funland" FORCE)

include("${CMAKE_CURRENT_LIST_DIR}/amx.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/mtmd.cmake")
