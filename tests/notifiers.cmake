include(support/chat_services.cmake)

quotafuse_test(notifiers THREADS
  SOURCES notifiers_bundle_order_test.cpp notifiers_bundles_test.cpp notifiers_chats_test.cpp notifiers_conformance_test.cpp notifiers_dispatcher_test.cpp
          notifiers_failures_test.cpp
          notifiers_message_test.cpp notifiers_outbox_test.cpp notifiers_pacing_test.cpp notifiers_providers_test.cpp
          notifiers_settings_test.cpp support/tls_files.cpp
  LINK quotafuse_notifiers quotafuse_chat_services PkgConfig::HTTPLIB OpenSSL::SSL OpenSSL::Crypto)

# What carries the messages: HTTP, SMTP, programs, proxies.
quotafuse_test(notifiers_transport THREADS
  SOURCES notifiers_exec_test.cpp notifiers_heartbeat_test.cpp notifiers_http_test.cpp notifiers_proxy_test.cpp
          notifiers_smtp_recipients_test.cpp notifiers_smtp_test.cpp notifiers_truncation_test.cpp
          notifiers_webhook_test.cpp support/mail_server.cpp support/proxies.cpp support/tls_files.cpp
  LINK quotafuse_notifiers quotafuse_chat_services PkgConfig::HTTPLIB OpenSSL::SSL OpenSSL::Crypto)
