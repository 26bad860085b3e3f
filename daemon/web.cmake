# The status endpoint with its page, and the control socket.
include(${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
find_file(QUOTAFUSE_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js REQUIRED
  DOC "Chart.js 3 (Debian: libjs-chart.js)")
file(GLOB_RECURSE page_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/web/*)
# The page's sheets are written apart and sent as one: nothing is painted before all of them are there.
set(page_sheets tokens app pieces quality operation)
list(TRANSFORM page_sheets REPLACE "(.+)" "${CMAKE_CURRENT_SOURCE_DIR}/web/\\1.css")
set(page_sheet ${CMAKE_CURRENT_BINARY_DIR}/page.css)
add_custom_command(OUTPUT ${page_sheet} COMMAND ${CMAKE_COMMAND} -E cat ${page_sheets} > ${page_sheet} DEPENDS ${page_sheets}
  COMMENT "Joining the page's style sheets")
list(REMOVE_ITEM page_files ${page_sheets})
list(APPEND page_files ${CMAKE_CURRENT_SOURCE_DIR}/web/tokens.css ${page_sheet}=page.css) # the login has the tokens, too
quotafuse_embed(${CMAKE_CURRENT_BINARY_DIR}/web_files_embedded.cpp
  HEADER daemon/web_files.h STRUCT WebFile FUNCTION web_files FROM web GZIP
  FILES ${page_files} ${QUOTAFUSE_CHART_JS}=chart.js)

quotafuse_room(web
  SOURCES access.cpp control_client.cpp control_socket.cpp digest.cpp etag.cpp http_exchange.cpp http_form.cpp http_message.cpp http_server.cpp http_stream.cpp ip_address.cpp login.cpp password.cpp request_connection.cpp
          request_loop.cpp sessions.cpp slow_down.cpp status_server.cpp unix_socket.cpp web_files.cpp worker_pool.cpp
          ${CMAKE_CURRENT_BINARY_DIR}/web_files_embedded.cpp
  LINK quotafuse_base PkgConfig::HTTPLIB $<LINK_ONLY:OpenSSL::Crypto> ${CRYPT})
