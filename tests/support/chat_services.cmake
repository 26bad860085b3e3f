# The chat services of the tests (support/chat_services.h): LINK quotafuse_chat_services.
include_guard(GLOBAL)
add_library(quotafuse_chat_services STATIC
  ${CMAKE_CURRENT_LIST_DIR}/chat_services.cpp ${CMAKE_CURRENT_LIST_DIR}/chat_rules.cpp
  ${CMAKE_CURRENT_LIST_DIR}/chat_rules_markdown.cpp ${CMAKE_CURRENT_LIST_DIR}/chat_limits.cpp
  ${CMAKE_CURRENT_LIST_DIR}/chat_text.cpp)
target_include_directories(quotafuse_chat_services PUBLIC ${CMAKE_CURRENT_LIST_DIR}/..)
target_link_libraries(quotafuse_chat_services
  PUBLIC quotafuse_base
  PRIVATE quotafuse_flags fmt::fmt nlohmann_json::nlohmann_json PkgConfig::HTTPLIB OpenSSL::Crypto)
