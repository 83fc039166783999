# Lets GCC compile llama.cpp's AMX kernels rightly: amx_intrinsics.h says what is wrong without.
#
# CMake reads this right after llama.cpp's own `project()`, by itself
# (CMAKE_PROJECT_llama.cpp_INCLUDE) or through funland.cmake. The target is there only when
# llama.cpp's directory has been read to its end.
set(FUNLAND_AMX_INTRINSICS "${CMAKE_CURRENT_LIST_DIR}/amx_intrinsics.h")

function(funland_mend_amx)
    if(TARGET ggml-cpu)
        get_target_property(directory ggml-cpu SOURCE_DIR)
        set_property(SOURCE "${directory}/ggml-cpu/amx/mmq.cpp" TARGET_DIRECTORY ggml-cpu
            APPEND PROPERTY COMPILE_OPTIONS -include "${FUNLAND_AMX_INTRINSICS}")
    endif()
endfunction()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    cmake_language(DEFER CALL funland_mend_amx)
endif()
