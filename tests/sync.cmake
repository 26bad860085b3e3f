include(support/mariadb.cmake)

quotafuse_test(sync
  SOURCES sync_dsn_test.cpp sync_gaps_test.cpp sync_row_decoder_test.cpp
  LINK quotafuse_sync quotafuse_mariadb)

quotafuse_test(sync_simulation
  SOURCES sync_simulation_test.cpp support/simulated_source.cpp
  LINK quotafuse_sync)

quotafuse_test(sync_follower
  SOURCES sync_cluster_test.cpp sync_follower_test.cpp
  LINK quotafuse_sync)

quotafuse_test(sync_rollups
  SOURCES sync_rollup_bounds_test.cpp sync_rollup_reader_test.cpp sync_rollups_test.cpp sync_rollups_time_test.cpp sync_tally_test.cpp sync_traffic_parts_test.cpp sync_traffic_reader_test.cpp sync_usage_totals_test.cpp
  LINK quotafuse_sync)

quotafuse_test(sync_read_ahead THREADS
  SOURCES sync_read_ahead_test.cpp support/simulated_source.cpp
  LINK quotafuse_sync)

# The real sources against real servers, and what networks do to them.
quotafuse_test(sync_gateway THREADS
  SOURCES sync_dialects_test.cpp sync_epochs_test.cpp sync_gateway_test.cpp sync_locks_test.cpp sync_refusals_test.cpp sync_tls_test.cpp sync_wire_test.cpp
          support/tcp_gate.cpp support/tls_files.cpp
  LINK quotafuse_sync quotafuse_mariadb OpenSSL::Crypto)

# The store needs no gateway.
quotafuse_test(sync_store
  SOURCES sync_address_test.cpp sync_history_test.cpp sync_log_pages_test.cpp sync_mirror_test.cpp sync_older_rows_test.cpp sync_retention_test.cpp
          sync_row_reader_test.cpp sync_store_test.cpp sync_texts_test.cpp sync_traffic_test.cpp
  LINK quotafuse_sync)

quotafuse_test(sync_gauges
  SOURCES sync_gauge_history_test.cpp sync_gauges_test.cpp
  LINK quotafuse_sync)

# What the gateway's own tables say, on real servers and with real grants.
quotafuse_test(sync_info
  SOURCES sync_info_slices_test.cpp sync_info_test.cpp support/test_gateway.cpp
  LINK quotafuse_sync quotafuse_mariadb)

# Upgrades need every room that keeps something in the store.
quotafuse_test(sync_upgrade
  SOURCES sync_upgrade_test.cpp
  LINK quotafuse_alerts quotafuse_notifiers quotafuse_circuit_breaker quotafuse_sync)
target_compile_definitions(sync_upgrade_test PRIVATE QUOTAFUSE_STORES="${CMAKE_CURRENT_SOURCE_DIR}/data/stores")
