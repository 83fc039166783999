# Lets GCC compile llama.cpp's AMX kernels rightly: amx_intrinsics.h says what is wrong without.
#
# CMake reads this right after llama.cpp's own `project()`, by itself
# (CMAKE_PROJECT_llama.cpp_INCLUDE) or through funland.cmake. The targets are there only when
# llama.cpp's directory has been read to its end: one for this processor, or one for each kind of them.
set(FUNLAND_AMX_INTRINSICS "${CMAKE_CURRENT_LIST_DIR}/amx_intrinsics.h")

function(funland_mend_amx)
    foreach(target ggml-cpu ggml-cpu-sapphirerapids)
        if(TARGET ${target})
            get_target_property(directory ${target} SOURCE_DIR)
            set_property(SOURCE "${directory}/ggml-cpu/amx/mmq.cpp" TARGET_DIRECTORY ${target}
                APPEND PROPERTY COMPILE_OPTIONS -include "${FUNLAND_AMX_INTRINSICS}")
        endif()
    endforeach()
endfunction()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    cmake_language(DEFER CALL funland_mend_amx)
endif()
