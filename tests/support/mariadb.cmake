# The MariaDB of the tests (support/mariadb.h): LINK quotafuse_mariadb.
include_guard(GLOBAL)
add_library(quotafuse_mariadb STATIC ${CMAKE_CURRENT_LIST_DIR}/mariadb.cpp)
target_include_directories(quotafuse_mariadb PUBLIC ${CMAKE_CURRENT_LIST_DIR}/..)
target_compile_definitions(quotafuse_mariadb PRIVATE
  QUOTAFUSE_TEST_DDL="${CMAKE_CURRENT_LIST_DIR}/../ddl")
target_link_libraries(quotafuse_mariadb PRIVATE quotafuse_flags fmt::fmt mysqlcppconn)
