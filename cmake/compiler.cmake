# One interface target carries warnings and sanitizers into every room of the house.
add_library(quotafuse_flags INTERFACE)
target_include_directories(quotafuse_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(quotafuse_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Werror)
# What gcc's optimizer is known to be mistaken about: gcc 12 about std::string's insert and replace (its bugs 105329
# and 105651), gcc 12 and 14 about a std::variant that is moved. What is off for the one stays on for the other.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  set(mistaken maybe-uninitialized)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    set(mistaken maybe-uninitialized stringop-overflow array-bounds restrict)
  endif()
  foreach(warning IN LISTS mistaken)
    target_compile_options(quotafuse_flags INTERFACE $<$<CONFIG:RelWithDebInfo>:-Wno-${warning}>)
  endforeach()
endif()
find_package(Threads REQUIRED)
target_link_libraries(quotafuse_flags INTERFACE Threads::Threads)

if(SANITIZERS)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_FLAGS -fsanitize=${SANITIZERS})
  check_cxx_source_compiles("int main() {}" SANITIZERS_LINK)
  unset(CMAKE_REQUIRED_FLAGS)
  if(NOT SANITIZERS_LINK)
    message(FATAL_ERROR "-fsanitize=${SANITIZERS} does not link with this compiler")
  endif()
  # gcc's manual: sanitizers make -Wmaybe-uninitialized say false things (gcc 14 does, about std::regex).
  target_compile_options(quotafuse_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
    -fsanitize=${SANITIZERS} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(quotafuse_flags INTERFACE -fsanitize=${SANITIZERS})
endif()

# What a fuzzer sees of a program's paths; its own main comes with tests/fuzz.
if(QUOTAFUSE_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "QUOTAFUSE_FUZZ needs clang: cmake --preset fuzz")
  endif()
  target_compile_options(quotafuse_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(quotafuse_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The headers that cost most to parse, parsed once for each set of flags. Only .cpp files may name them.
file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp "")
add_library(quotafuse_precompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
target_link_libraries(quotafuse_precompiled PRIVATE quotafuse_flags fmt::fmt nlohmann_json::nlohmann_json)
target_precompile_headers(quotafuse_precompiled PRIVATE
  <algorithm> <chrono> <functional> <map> <memory> <optional> <string> <string_view> <thread>
  <unordered_map> <variant> <vector> <fmt/format.h> <nlohmann/json.hpp>)

# quotafuse_room(name SOURCES ... LINK ...): one folder, one static library, one namespace.
function(quotafuse_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
  add_library(quotafuse_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(quotafuse_${name} PUBLIC quotafuse_flags fmt::fmt ${ROOM_LINK})
  target_precompile_headers(quotafuse_${name} REUSE_FROM quotafuse_precompiled)
endfunction()
