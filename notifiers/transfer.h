#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <curl/curl.h>

#include "notifiers/http_client.h"

namespace quotafuse::notifiers {

/// libcurl's handles are all void* to the compiler, so each needs its own way to end.
template <auto End>
struct CurlDeleter {
    void operator()(auto* handle) const { End(handle); }
};
using CurlList = std::unique_ptr<curl_slist, CurlDeleter<curl_slist_free_all>>;
/// Throws std::bad_alloc.
void append(CurlList& list, const std::string& line);

/// What the clients of this room have in common: one libcurl handle that can be interrupted, with
/// the limits, the proxy and the certificates of HttpOptions. Only their .cpp files include this.
class Transfer {
public:
    /// `protocols`: "http,https". Throws std::runtime_error when libcurl cannot start.
    Transfer(const HttpOptions& options, const char* protocols);

    template <class Value>
    void set(CURLoption option, Value value) {
        const auto code = curl_easy_setopt(easy_.get(), option, value);
        if (code != CURLE_OK)
            throw std::runtime_error(std::string{"libcurl: "} + curl_easy_strerror(code));
    }

    /// Runs what was set, to its end. Throws std::runtime_error when it cannot begin.
    void run();
    /// From any thread: ends a running run() at once, within a second at the worst. It stays
    /// interrupted.
    void interrupt() noexcept;
    bool interrupted() const { return interrupted_; }

    /// Of the last run.
    bool succeeded() const { return result_ == CURLE_OK; }
    bool failed_with(CURLcode code) const { return result_ == code; }
    /// One line that names hosts at most; empty after a success.
    std::string error() const;
    /// What the transport says: ok, or what its failure means. `sent`: the other side had all that
    /// it needs to obey.
    Outcome::Kind meaning(bool sent) const;
    bool failed_at_proxy() const;
    bool connected() const { return number(CURLINFO_PRETRANSFER_TIME_T) > 0; }
    curl_off_t number(CURLINFO what) const;
    int response_code() const;
    CURL* handle() const { return easy_.get(); }

private:
    std::optional<CURLcode> drive();
    static int ask(void* transfer, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

    /// libcurl counts its users, so that each client may bring its own.
    struct Library {
        Library();
        ~Library();
        Library(const Library&) = delete;
        Library& operator=(const Library&) = delete;
    };

    Library library_;
    std::unique_ptr<CURLM, CurlDeleter<curl_multi_cleanup>> multi_{curl_multi_init()};
    std::unique_ptr<CURL, CurlDeleter<curl_easy_cleanup>> easy_{curl_easy_init()};
    std::array<char, CURL_ERROR_SIZE> error_{};
    std::atomic<bool> interrupted_ = false;
    std::optional<CURLcode> result_;  // nothing: interrupted
    bool has_proxy_;
};

inline constexpr const char* kInterrupted = "interrupted, the program stops";

}  // namespace quotafuse::notifiers
