# A gateway with many writers and a daemon to kill (support/writers_site.h): LINK quotafuse_writers_site.
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/mariadb.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/program.cmake)
add_library(quotafuse_writers_site STATIC ${CMAKE_CURRENT_LIST_DIR}/writers_site.cpp)
target_link_libraries(quotafuse_writers_site PUBLIC quotafuse_demo quotafuse_mariadb quotafuse_program)
