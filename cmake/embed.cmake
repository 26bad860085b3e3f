# quotafuse_embed(output HEADER h STRUCT s FUNCTION f FILES ...): writes a .cpp that holds the files, again
# whenever one of them changes. The header declares a struct {name, content} and a function that gives a
# std::span of it. This file is also the script that does it at build time: plain CMake, no other tool.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(QUOTAFUSE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
  function(quotafuse_embed output)
    cmake_parse_arguments(EMBED "" "HEADER;STRUCT;FUNCTION" "FILES" ${ARGN})
    list(TRANSFORM EMBED_FILES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    add_custom_command(OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} -D HEADER=${EMBED_HEADER} -D STRUCT=${EMBED_STRUCT}
              -D FUNCTION=${EMBED_FUNCTION} -D "FILES=${EMBED_FILES}" -P ${QUOTAFUSE_EMBED_SCRIPT}
      DEPENDS ${EMBED_FILES} ${QUOTAFUSE_EMBED_SCRIPT}
      COMMENT "Embedding web files" VERBATIM)
  endfunction()
  return()
endif()

set(arrays "")
set(entries "")
set(number 0)
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
  string(APPEND arrays "constexpr char kFile${number}[] = {${bytes}};\n")
  string(APPEND entries "    {\"${name}\", {kFile${number}, sizeof kFile${number}}},\n")
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
