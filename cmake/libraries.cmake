# Everything comes from Debian packages; ./dev setup installs them.
find_package(PkgConfig REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(date REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
find_library(MYSQLCPPCONN mysqlcppconn REQUIRED)
find_library(CRYPT crypt REQUIRED)
find_path(MYSQLCPPCONN_INCLUDE cppconn/connection.h REQUIRED)

# Debian 13 names yaml-cpp's target with a namespace, Debian 12 does not.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

add_library(mysqlcppconn INTERFACE IMPORTED)
set_target_properties(mysqlcppconn PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES ${MYSQLCPPCONN_INCLUDE} INTERFACE_LINK_LIBRARIES ${MYSQLCPPCONN})
