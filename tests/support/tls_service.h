#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <httplib.h>

#include "support/tls_files.h"

namespace quotafuse::tests {

/// Answers every POST on a free port, behind TLS, from threads of its own.
class TlsService {
public:
    using Answer = std::function<void(const httplib::Request&, httplib::Response&)>;

    /// `host`: a name stands for the first address that it has.
    TlsService(const TlsFiles& files, Answer answer, const std::string& host = "127.0.0.1")
        : server_(files.certificate.c_str(), files.key.c_str()) {
        server_.new_task_queue = [] { return new httplib::ThreadPool(2); };  // it deletes it
        server_.Post(".*", std::move(answer));
        port_ = server_.bind_to_any_port(host);
        REQUIRE(port_ > 0);
        thread_ = std::jthread{[this] { server_.listen_after_bind(); }};
        while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    ~TlsService() { server_.stop(); }
    TlsService(const TlsService&) = delete;
    TlsService& operator=(const TlsService&) = delete;

    int port() const { return port_; }
    std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }

private:
    httplib::SSLServer server_;
    int port_ = 0;
    std::jthread thread_;
};

}  // namespace quotafuse::tests
