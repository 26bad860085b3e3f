include(daemon_web.cmake)
include(demo.cmake)
include(support/mariadb.cmake)
include(support/chat_services.cmake)
include(support/program.cmake)
include(support/writers_site.cmake)

quotafuse_test(daemon THREADS
  SOURCES daemon_accounts_test.cpp daemon_announcer_state_test.cpp daemon_announcer_test.cpp daemon_blind_spots_test.cpp daemon_breaker_blind_test.cpp daemon_breaker_desk_test.cpp daemon_breaker_guards_test.cpp daemon_breaker_recovery_test.cpp daemon_breaker_overlaps_test.cpp daemon_breaker_trial_test.cpp daemon_bundle_text_test.cpp daemon_catch_up_pace_test.cpp daemon_config_status_test.cpp daemon_config_test.cpp
          daemon_errands_test.cpp daemon_event_feed_test.cpp daemon_intake_test.cpp daemon_messages_breaker_test.cpp daemon_messages_test.cpp daemon_messages_words_test.cpp daemon_money_test.cpp daemon_number_format_test.cpp daemon_outbox_page_test.cpp daemon_report_breaker_test.cpp daemon_report_test.cpp daemon_rule_report_test.cpp
          daemon_self_watch_test.cpp daemon_silence_test.cpp daemon_source_reader_test.cpp
          daemon_status_board_test.cpp daemon_store_copy_test.cpp daemon_upkeep_test.cpp support/simulated_source.cpp support/test_gateway.cpp
  LINK quotafuse_daemon quotafuse_program quotafuse_mariadb)
target_compile_definitions(daemon_test PRIVATE
  QUOTAFUSE_ETC="${CMAKE_SOURCE_DIR}/etc" QUOTAFUSE_BAD_CONFIGS="${CMAKE_CURRENT_SOURCE_DIR}/bad_configs")

# What arrives: every kind of message by every provider, against files that people can read.
quotafuse_test(messages
  SOURCES golden_messages_test.cpp message_injection_test.cpp message_renderings.cpp
  LINK quotafuse_daemon quotafuse_chat_services)
target_compile_definitions(messages_test PRIVATE
  QUOTAFUSE_GOLDEN_MESSAGES="${CMAKE_CURRENT_SOURCE_DIR}/golden_messages")

# The commands that make, copy and check a store, as processes beside each other.
quotafuse_test(store_commands
  SOURCES daemon_store_commands_test.cpp
  LINK quotafuse_sync quotafuse_mariadb quotafuse_program)

quotafuse_test(end_to_end THREADS
  SOURCES daemon_end_to_end_test.cpp daemon_catch_up_test.cpp daemon_writers_test.cpp
  LINK quotafuse_writers_site quotafuse_demo quotafuse_mariadb quotafuse_chat_services quotafuse_program)

# Replay, rule tests and init, as processes on stores and gateways of their own.
quotafuse_test(replay_command
  SOURCES daemon_init_questions_test.cpp daemon_init_test.cpp daemon_replay_command_test.cpp daemon_tuned_rules_test.cpp
          daemon_test_rules_test.cpp support/terminal.cpp
  LINK quotafuse_daemon quotafuse_program quotafuse_mariadb)

# Alerts, silences and restarts as people meet them: the program beside a gateway's SQLite file.
quotafuse_test(daemon_alerts
  SOURCES daemon_alerts_test.cpp daemon_compare_test.cpp daemon_heartbeat_test.cpp daemon_reload_test.cpp
  LINK quotafuse_daemon quotafuse_mariadb quotafuse_program quotafuse_chat_services)

# Delivery: what a person asks of the outbox, what breaks on the way, floods, and that no secret is told.
quotafuse_test(daemon_delivery THREADS
  SOURCES daemon_delivery_test.cpp daemon_flood_test.cpp daemon_notify_test.cpp daemon_secrets_test.cpp
          support/mail_server.cpp support/tls_files.cpp
  LINK quotafuse_daemon quotafuse_mariadb quotafuse_program quotafuse_chat_services PkgConfig::HTTPLIB OpenSSL::SSL OpenSSL::Crypto)
target_compile_definitions(daemon_delivery_test PRIVATE QUOTAFUSE_ETC="${CMAKE_SOURCE_DIR}/etc")

# `quotafuse breaker …`: what is typed, what the report makes of a store, and, as processes, what is answered.
quotafuse_test(breaker_command
  SOURCES daemon_arguments_test.cpp daemon_breaker_command_test.cpp daemon_breaker_live_command_test.cpp daemon_breaker_json_test.cpp daemon_breaker_report_off_test.cpp daemon_breaker_report_test.cpp daemon_breaker_report_text_test.cpp
          daemon_breaker_report_demo_test.cpp daemon_breaker_report_week_test.cpp
  LINK quotafuse_daemon quotafuse_mariadb quotafuse_program)

# Live breakers as processes beside a gateway that the test locks.
quotafuse_test(breaker_processes
  SOURCES breaker_processes_test.cpp
  LINK quotafuse_sync quotafuse_mariadb quotafuse_chat_services quotafuse_program)

# The status page's password, as people meet it: the command, the program over reloads, and behind nginx.
quotafuse_test(daemon_login
  SOURCES daemon_nginx_test.cpp daemon_password_test.cpp support/terminal.cpp support/tls_files.cpp
  LINK quotafuse_daemon quotafuse_mariadb quotafuse_program PkgConfig::HTTPLIB OpenSSL::SSL OpenSSL::Crypto)
target_compile_definitions(daemon_login_test PRIVATE QUOTAFUSE_ETC="${CMAKE_SOURCE_DIR}/etc")

# The program with no more rights at a gateway's database than it prints itself.
quotafuse_test(least_rights
  SOURCES daemon_least_rights_test.cpp
  LINK quotafuse_base quotafuse_mariadb quotafuse_program)

# What /api/v1 answers of the store: numbers against plain SQL, and every answer against openapi.json.
quotafuse_test(daemon_api THREADS
  SOURCES daemon_api_alerts_test.cpp daemon_api_breakdown_test.cpp daemon_api_export_test.cpp daemon_api_gateway_test.cpp daemon_api_pages_test.cpp daemon_api_parameters_test.cpp daemon_api_plans_test.cpp daemon_api_reads_test.cpp daemon_api_source_test.cpp
          daemon_api_times_test.cpp daemon_api_tokens_test.cpp daemon_api_traffic_test.cpp support/test_gateway.cpp
  LINK quotafuse_daemon quotafuse_mariadb quotafuse_program)

# /metrics and /public: of stores, and of the program over restarts.
quotafuse_test(daemon_metrics THREADS
  SOURCES daemon_metrics_live_test.cpp daemon_metrics_test.cpp daemon_public_test.cpp
  LINK quotafuse_daemon quotafuse_mariadb quotafuse_program)
target_compile_definitions(daemon_metrics_test PRIVATE QUOTAFUSE_ETC="${CMAKE_SOURCE_DIR}/etc")

# The program under hostile requests.
quotafuse_test(daemon_hostile
  SOURCES daemon_hostile_test.cpp
  LINK quotafuse_daemon quotafuse_mariadb quotafuse_program)
