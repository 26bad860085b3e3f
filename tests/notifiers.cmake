include(support/chat_services.cmake)

quotafuse_test(notifiers THREADS
  SOURCES notifiers_conformance_test.cpp notifiers_dispatcher_test.cpp notifiers_http_test.cpp notifiers_message_test.cpp
          notifiers_outbox_test.cpp notifiers_pacing_test.cpp
          notifiers_providers_test.cpp notifiers_settings_test.cpp
  LINK quotafuse_notifiers quotafuse_chat_services PkgConfig::HTTPLIB OpenSSL::SSL OpenSSL::Crypto)
