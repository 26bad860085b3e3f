quotafuse_test(base
  SOURCES base_database_test.cpp base_duration_test.cpp base_environment_test.cpp base_histogram_test.cpp
          base_local_time_test.cpp base_log_test.cpp base_text_test.cpp base_time_zone_test.cpp base_yaml_test.cpp
  LINK quotafuse_base)
