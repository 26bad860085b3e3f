# The status endpoint with its page, and the control socket.
include(${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
quotafuse_embed(${CMAKE_CURRENT_BINARY_DIR}/web_files.cpp
  HEADER daemon/web_files.h STRUCT WebFile FUNCTION web_files
  FILES web/index.html web/app.css web/app.js web/texts.js web/favicon.svg
        web/login.html web/login.css web/login.js)

quotafuse_room(web
  SOURCES access.cpp control_client.cpp control_socket.cpp digest.cpp http_exchange.cpp http_form.cpp http_message.cpp http_server.cpp http_stream.cpp ip_address.cpp login.cpp password.cpp request_connection.cpp
          request_loop.cpp sessions.cpp slow_down.cpp status_server.cpp unix_socket.cpp worker_pool.cpp
          ${CMAKE_CURRENT_BINARY_DIR}/web_files.cpp
  LINK quotafuse_base PkgConfig::HTTPLIB $<LINK_ONLY:OpenSSL::Crypto> ${CRYPT})
