# Compiles the networks of llama.cpp's multimodal library together: 45 small files, most of whose time
# is that of the same headers, take 35 seconds as one.
#
# The target is made by the project around llama.cpp, behind it, so this waits for that one's end.
function(funland_join_networks)
    if(NOT TARGET mtmd)
        return()
    endif()
    get_target_property(networks mtmd SOURCES)
    list(FILTER networks INCLUDE REGEX "models/.*\\.cpp$")
    set_target_properties(mtmd PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
    get_target_property(directory mtmd SOURCE_DIR)
    list(TRANSFORM networks PREPEND "${directory}/")
    set_source_files_properties(${networks} TARGET_DIRECTORY mtmd PROPERTIES UNITY_GROUP networks)
endfunction()

cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL funland_join_networks)
