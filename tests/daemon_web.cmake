quotafuse_test(daemon_web THREADS
  SOURCES daemon_access_test.cpp daemon_control_socket_test.cpp daemon_http_load_test.cpp daemon_http_test.cpp daemon_login_test.cpp
          daemon_events_test.cpp daemon_login_guard_test.cpp daemon_stream_test.cpp
  LINK quotafuse_web)
