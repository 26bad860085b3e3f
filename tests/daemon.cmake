include(daemon_web.cmake)
include(demo.cmake)
include(support/mariadb.cmake)
include(support/chat_services.cmake)

# The real program, run as a process.
add_library(quotafuse_program STATIC support/program.cpp)
target_include_directories(quotafuse_program PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(quotafuse_program PRIVATE QUOTAFUSE_BINARY="$<TARGET_FILE:quotafuse>")
target_link_libraries(quotafuse_program PUBLIC quotafuse_flags PRIVATE PkgConfig::HTTPLIB)
add_dependencies(quotafuse_program quotafuse)

quotafuse_test(daemon THREADS
  SOURCES daemon_announcer_test.cpp daemon_config_test.cpp daemon_messages_test.cpp daemon_status_board_test.cpp
  LINK quotafuse_daemon quotafuse_program quotafuse_mariadb)
target_compile_definitions(daemon_test PRIVATE
  QUOTAFUSE_ETC="${CMAKE_SOURCE_DIR}/etc" QUOTAFUSE_BAD_CONFIGS="${CMAKE_CURRENT_SOURCE_DIR}/bad_configs")

quotafuse_test(end_to_end THREADS
  SOURCES daemon_end_to_end_test.cpp daemon_catch_up_test.cpp
  LINK quotafuse_demo quotafuse_mariadb quotafuse_chat_services quotafuse_program)
