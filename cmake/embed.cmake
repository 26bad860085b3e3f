# quotafuse_embed(output HEADER h STRUCT s FUNCTION f [FROM folder] [GZIP] FILES ...): writes a .cpp that holds the
# files, again whenever one of them changes. The header declares a struct {name, content} and a function that gives
# a std::span of it. With FROM the names are the paths below that folder, else the files' own; FILE=NAME names one
# otherwise. With GZIP the struct has a third field: the same compressed, or nothing where that is not smaller.
# This file is also the script that does it at build time: plain CMake, no other tool.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(QUOTAFUSE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
  function(quotafuse_embed output)
    cmake_parse_arguments(EMBED "GZIP" "HEADER;STRUCT;FUNCTION;FROM" "FILES" ${ARGN})
    set(named "")
    set(sources "")
    foreach(entry IN LISTS EMBED_FILES)
      string(REGEX MATCH "^([^=]+)=?(.*)$" _ "${entry}")
      set(name "${CMAKE_MATCH_2}")
      cmake_path(ABSOLUTE_PATH CMAKE_MATCH_1 BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE source)
      if(name STREQUAL "" AND EMBED_FROM)
        cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/${EMBED_FROM} OUTPUT_VARIABLE name)
      elseif(name STREQUAL "")
        cmake_path(GET source FILENAME name)
      endif()
      list(APPEND sources ${source})
      list(APPEND named ${source}=${name})
    endforeach()
    add_custom_command(OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} -D HEADER=${EMBED_HEADER} -D STRUCT=${EMBED_STRUCT}
              -D FUNCTION=${EMBED_FUNCTION} -D GZIP=${EMBED_GZIP} -D "FILES=${named}" -P ${QUOTAFUSE_EMBED_SCRIPT}
      DEPENDS ${sources} ${QUOTAFUSE_EMBED_SCRIPT}
      COMMENT "Embedding files" VERBATIM)
  endfunction()
  return()
endif()

# The bytes of a file as an array of that name.
function(append_array file array)
  file(READ ${file} hex HEX)
  if(file MATCHES "\\.gz$")
    string(REGEX REPLACE "^(1f8b....)........" "\\100000000" hex "${hex}") # without the time of the build
  endif()
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
  set(arrays "${arrays}constexpr char ${array}[] = {${bytes}};\n" PARENT_SCOPE)
endfunction()

set(arrays "")
set(entries "")
set(number 0)
foreach(entry IN LISTS FILES)
  string(REGEX MATCH "^([^=]+)=(.*)$" _ "${entry}")
  set(file "${CMAKE_MATCH_1}")
  set(name "${CMAKE_MATCH_2}")
  append_array(${file} kFile${number})
  set(packed "")
  if(GZIP)
    file(ARCHIVE_CREATE OUTPUT ${OUTPUT}.gz PATHS ${file} FORMAT raw COMPRESSION GZip COMPRESSION_LEVEL 9)
    file(SIZE ${file} whole)
    file(SIZE ${OUTPUT}.gz small)
    set(packed ", {}")
    if(small LESS whole)
      append_array(${OUTPUT}.gz kPacked${number})
      set(packed ", {kPacked${number}, sizeof kPacked${number}}")
    endif()
    file(REMOVE ${OUTPUT}.gz)
  endif()
  string(APPEND entries "    {\"${name}\", {kFile${number}, sizeof kFile${number}}${packed}},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE ${OUTPUT} "#include \"${HEADER}\"\n
namespace quotafuse::daemon {
namespace {\n
${arrays}
constexpr ${STRUCT} kFiles[] = {
${entries}};\n
}  // namespace\n
std::span<const ${STRUCT}> ${FUNCTION}() { return kFiles; }\n
}  // namespace quotafuse::daemon\n")
