quotafuse_test(alerts
  SOURCES alerts_channels_test.cpp alerts_decide_test.cpp alerts_engine_test.cpp alerts_hours_test.cpp
          alerts_loader_test.cpp alerts_restart_test.cpp alerts_window_test.cpp
  LINK quotafuse_alerts quotafuse_sync quotafuse_base)
