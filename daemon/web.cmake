# The status endpoint with its page, and the control socket.
include(${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
quotafuse_embed(${CMAKE_CURRENT_BINARY_DIR}/web_files.cpp
  HEADER daemon/web_files.h STRUCT WebFile FUNCTION web_files
  FILES web/index.html web/app.css web/app.js web/texts.js web/favicon.svg)

quotafuse_room(web
  SOURCES control_client.cpp control_socket.cpp http_exchange.cpp http_message.cpp http_server.cpp
          request_loop.cpp status_server.cpp unix_socket.cpp worker_pool.cpp
          ${CMAKE_CURRENT_BINARY_DIR}/web_files.cpp
  LINK quotafuse_base PkgConfig::HTTPLIB)
