# The status endpoint with its page, and the control socket.
include(${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
find_file(QUOTAFUSE_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js REQUIRED
  DOC "Chart.js 3 (Debian: libjs-chart.js)")
file(GLOB_RECURSE page_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/web/*)
quotafuse_embed(${CMAKE_CURRENT_BINARY_DIR}/web_files_embedded.cpp
  HEADER daemon/web_files.h STRUCT WebFile FUNCTION web_files FROM web GZIP
  FILES ${page_files} ${QUOTAFUSE_CHART_JS}=chart.js)

quotafuse_room(web
  SOURCES access.cpp control_client.cpp control_socket.cpp digest.cpp etag.cpp http_exchange.cpp http_form.cpp http_message.cpp http_server.cpp http_stream.cpp ip_address.cpp login.cpp password.cpp request_connection.cpp
          request_loop.cpp sessions.cpp slow_down.cpp status_server.cpp unix_socket.cpp web_files.cpp worker_pool.cpp
          ${CMAKE_CURRENT_BINARY_DIR}/web_files_embedded.cpp
  LINK quotafuse_base PkgConfig::HTTPLIB $<LINK_ONLY:OpenSSL::Crypto> ${CRYPT})
