include(support/mariadb.cmake)

quotafuse_test(sync
  SOURCES sync_dsn_test.cpp sync_gaps_test.cpp sync_gateway_test.cpp sync_row_decoder_test.cpp sync_store_test.cpp
  LINK quotafuse_sync quotafuse_mariadb)
