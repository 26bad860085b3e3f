quotafuse_test(alerts
  SOURCES alerts_actions_test.cpp alerts_channels_test.cpp alerts_decide_muting_test.cpp alerts_decide_test.cpp
          alerts_engine_rules_test.cpp alerts_engine_test.cpp alerts_engine_values_test.cpp
          alerts_restart_test.cpp
          alerts_silence_test.cpp alerts_self_alerts_test.cpp alerts_inhibition_test.cpp
          alerts_evaluations_test.cpp alerts_calendar_test.cpp alerts_digest_test.cpp alerts_fixed_window_test.cpp
  LINK quotafuse_alerts quotafuse_sync quotafuse_base)

quotafuse_test(alerts_replay
  SOURCES alerts_gaps_test.cpp alerts_replay_actions_test.cpp alerts_history_tape_test.cpp alerts_live_replay_test.cpp alerts_replay_test.cpp alerts_rule_test_files_test.cpp alerts_rule_test_test.cpp alerts_weeks_test.cpp
  LINK quotafuse_alerts quotafuse_sync quotafuse_base)

# What operators write: rule files, their times, their documentation.
quotafuse_test(alerts_rules
  SOURCES alerts_action_keys_test.cpp alerts_frame_test.cpp alerts_hours_test.cpp alerts_loader_test.cpp alerts_rule_docs_test.cpp
          alerts_rule_files_test.cpp alerts_rule_keys_test.cpp alerts_rule_test_loader_test.cpp
  LINK quotafuse_alerts quotafuse_base)
target_compile_definitions(alerts_rules_test PRIVATE
  QUOTAFUSE_DOCS="${CMAKE_SOURCE_DIR}/docs" QUOTAFUSE_RULES="${CMAKE_SOURCE_DIR}/etc/rules.d"
  QUOTAFUSE_BAD_RULES="${CMAKE_CURRENT_SOURCE_DIR}/bad_rules")

quotafuse_test(alerts_windows
  SOURCES alerts_bounds_test.cpp alerts_measure_test.cpp alerts_row_cache_test.cpp alerts_warm_up_test.cpp alerts_window_records_test.cpp alerts_window_test.cpp
  LINK quotafuse_alerts quotafuse_sync quotafuse_base)

# Where values come from, and what explains them.
quotafuse_test(alerts_meters
  SOURCES alerts_compare_test.cpp alerts_explain_test.cpp alerts_explained_notices_test.cpp alerts_gauges_test.cpp alerts_meter_test.cpp alerts_objects_test.cpp
          alerts_property_test.cpp
  LINK quotafuse_alerts quotafuse_sync quotafuse_base)
target_compile_definitions(alerts_replay_test PRIVATE
  QUOTAFUSE_DOCS="${CMAKE_SOURCE_DIR}/docs" QUOTAFUSE_RULES="${CMAKE_SOURCE_DIR}/etc/rules.d")
