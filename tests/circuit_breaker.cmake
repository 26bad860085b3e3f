include(support/mariadb.cmake)

quotafuse_test(circuit_breaker THREADS
  SOURCES support/test_gateway.cpp circuit_breaker_audit_test.cpp circuit_breaker_breaker_test.cpp
          circuit_breaker_fixture_test.cpp circuit_breaker_grants_test.cpp circuit_breaker_guard_test.cpp
          circuit_breaker_settings_test.cpp circuit_breaker_trip_races_test.cpp circuit_breaker_trip_test.cpp
  LINK quotafuse_circuit_breaker quotafuse_mariadb)
