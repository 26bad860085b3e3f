include(support/mariadb.cmake)

quotafuse_test(demo THREADS
  SOURCES demo_gateway_test.cpp demo_rows_test.cpp demo_scenario_test.cpp demo_traffic_test.cpp
  LINK quotafuse_demo quotafuse_mariadb)
