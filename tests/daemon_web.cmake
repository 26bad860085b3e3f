quotafuse_test(daemon_web THREADS
  SOURCES daemon_http_load_test.cpp daemon_http_test.cpp daemon_control_socket_test.cpp
  LINK quotafuse_web)
