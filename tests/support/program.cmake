# The real program, run as a process (support/program.h): LINK quotafuse_program.
include_guard(GLOBAL)
add_library(quotafuse_program STATIC ${CMAKE_CURRENT_LIST_DIR}/program.cpp)
target_include_directories(quotafuse_program PUBLIC ${CMAKE_CURRENT_LIST_DIR}/..)
target_compile_definitions(quotafuse_program PRIVATE QUOTAFUSE_BINARY="$<TARGET_FILE:quotafuse>")
target_link_libraries(quotafuse_program PUBLIC quotafuse_flags PRIVATE PkgConfig::HTTPLIB)
add_dependencies(quotafuse_program quotafuse)
