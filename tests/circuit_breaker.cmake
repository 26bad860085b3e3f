include(support/mariadb.cmake)

quotafuse_test(circuit_breaker THREADS
  SOURCES support/gateway_routing.cpp support/test_gateway.cpp circuit_breaker_account_powers_test.cpp circuit_breaker_accounts_test.cpp circuit_breaker_breaker_test.cpp circuit_breaker_by_hand_test.cpp
          circuit_breaker_crash_test.cpp circuit_breaker_fixture_test.cpp circuit_breaker_grant_fuzz_test.cpp circuit_breaker_grant_list_test.cpp
          circuit_breaker_grants_test.cpp circuit_breaker_grants_text_test.cpp circuit_breaker_guard_test.cpp circuit_breaker_halves_test.cpp
          circuit_breaker_look_test.cpp circuit_breaker_orders_test.cpp circuit_breaker_person_races_test.cpp
          circuit_breaker_return_races_test.cpp circuit_breaker_return_test.cpp circuit_breaker_routing_test.cpp
          circuit_breaker_targets_test.cpp circuit_breaker_trial_crash_test.cpp circuit_breaker_trial_models_test.cpp circuit_breaker_trial_rank_test.cpp circuit_breaker_trial_test.cpp circuit_breaker_trip_races_test.cpp
          circuit_breaker_trip_test.cpp
  LINK quotafuse_circuit_breaker quotafuse_mariadb)
target_compile_definitions(circuit_breaker_test PRIVATE QUOTAFUSE_DOCS="${CMAKE_SOURCE_DIR}/docs")

# Statement by statement against what a gateway does. The only threads are the test's own.
quotafuse_test(circuit_breaker_races
  SOURCES support/test_gateway.cpp circuit_breaker_document_test.cpp circuit_breaker_model_races_test.cpp
          circuit_breaker_schema_races_test.cpp circuit_breaker_token_races_test.cpp
  LINK quotafuse_circuit_breaker quotafuse_mariadb)
target_compile_definitions(circuit_breaker_races_test PRIVATE QUOTAFUSE_DOCS="${CMAKE_SOURCE_DIR}/docs")

# What the breaker remembers and decides by itself: no gateway is needed.
quotafuse_test(circuit_breaker_memory
  SOURCES circuit_breaker_audit_test.cpp circuit_breaker_audit_returns_test.cpp circuit_breaker_circuits_test.cpp
          circuit_breaker_pause_test.cpp circuit_breaker_policy_test.cpp circuit_breaker_recovery_plan_test.cpp
          circuit_breaker_settings_test.cpp circuit_breaker_upgrade_test.cpp
  LINK quotafuse_circuit_breaker)
target_compile_definitions(circuit_breaker_memory_test PRIVATE QUOTAFUSE_STORES="${CMAKE_CURRENT_SOURCE_DIR}/data/stores")
