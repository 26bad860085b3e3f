#include "notifiers/transfer.h"

#include <algorithm>

namespace quotafuse::notifiers {
namespace {

constexpr int kPollMs = 1000;

template <std::size_t Size>
bool among(const std::array<CURLcode, Size>& codes, CURLcode code) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// These need a change of the configuration.
constexpr std::array kPermanent = {
    CURLE_URL_MALFORMAT,         CURLE_NOT_BUILT_IN,
    CURLE_BAD_FUNCTION_ARGUMENT, CURLE_PEER_FAILED_VERIFICATION,
    CURLE_SSL_CERTPROBLEM,       CURLE_SSL_CACERT_BADFILE,
    CURLE_USE_SSL_FAILED,        CURLE_LOGIN_DENIED,
};
/// These may come after the service has read and obeyed the request.
constexpr std::array kMaybeDone = {
    CURLE_OPERATION_TIMEDOUT,  CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
    CURLE_PARTIAL_FILE,        CURLE_WRITE_ERROR, CURLE_HTTP2,      CURLE_HTTP2_STREAM,
    CURLE_ABORTED_BY_CALLBACK,
};

Outcome::Kind classify(CURLcode code, bool connected, bool sent) {
    if (code == CURLE_OK) return Outcome::Kind::ok;
    if (among(kPermanent, code)) return Outcome::Kind::permanent;
    // Before the request it means a scheme that is not allowed, after it an answer that is none.
    if (code == CURLE_UNSUPPORTED_PROTOCOL && !connected) return Outcome::Kind::permanent;
    return sent && among(kMaybeDone, code) ? Outcome::Kind::ambiguous : Outcome::Kind::transient;
}

}  // namespace

void append(CurlList& list, const std::string& line) {
    auto* const longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());  // now part of the longer list
    list.reset(longer);
}

Transfer::Library::Library() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        throw std::runtime_error("libcurl does not start");
}
Transfer::Library::~Library() {
    curl_global_cleanup();
}

Transfer::Transfer(const HttpOptions& options, const char* protocols)
    : has_proxy_(!options.proxy.empty()) {
    if (!multi_ || !easy_) throw std::runtime_error("libcurl does not start");
    set(CURLOPT_NOSIGNAL, 1L);
    const auto connect = std::min(options.connect_timeout, options.timeout);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    // Without it a stop or a timeout would wait for the resolver's thread, up to half a minute.
    set(CURLOPT_QUICK_EXIT, 1L);
    set(CURLOPT_PROTOCOLS_STR, protocols);
    // On a kept connection that has died libcurl would send the request again by itself.
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options.ca_file.empty()) {
        set(CURLOPT_CAINFO, options.ca_file.c_str());
        set(CURLOPT_PROXY_CAINFO, options.ca_file.c_str());
    }
    // An unset PROXY or NOPROXY would be taken from the environment.
    set(CURLOPT_PROXY, options.proxy.reveal().c_str());
    set(CURLOPT_NOPROXY, "");
    set(CURLOPT_ERRORBUFFER, error_.data());
    // There are moments when libcurl waits inside of itself (for the answer to the end of a mail),
    // and this is the only one that it asks then.
    set(CURLOPT_XFERINFOFUNCTION, &Transfer::ask);
    set(CURLOPT_XFERINFODATA, this);
    set(CURLOPT_NOPROGRESS, 0L);
}

int Transfer::ask(void* transfer, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(transfer)->interrupted_ ? 1 : 0;
}

void Transfer::run() {
    result_.reset();
    error_.front() = '\0';
    if (interrupted_) return;
    if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK)
        throw std::runtime_error("libcurl cannot start a request");
    result_ = drive();
    curl_multi_remove_handle(multi_.get(), easy_.get());
}

std::optional<CURLcode> Transfer::drive() {
    do {
        int running = 0;
        if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return CURLE_FAILED_INIT;
        int queued = 0;
        if (const auto* const done = curl_multi_info_read(multi_.get(), &queued))
            return done->data.result;
        // A wakeup that came before the poll ends it at once: no interrupt is lost.
        curl_multi_poll(multi_.get(), nullptr, 0, kPollMs, nullptr);
    } while (!interrupted_);
    return std::nullopt;
}

void Transfer::interrupt() noexcept {
    interrupted_ = true;
    curl_multi_wakeup(multi_.get());
}

std::string Transfer::error() const {
    if (!result_ || *result_ == CURLE_ABORTED_BY_CALLBACK) return kInterrupted;
    if (*result_ == CURLE_OK) return {};
    const std::string text = error_.data();
    return text.empty() ? curl_easy_strerror(*result_) : text;
}

Outcome::Kind Transfer::meaning(bool sent) const {
    return classify(result_.value_or(CURLE_ABORTED_BY_CALLBACK), connected(), sent);
}

bool Transfer::failed_at_proxy() const {
    if (!has_proxy_ || !result_) return false;
    long answer = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &answer);
    // Through a proxy nothing but the proxy is resolved or connected here.
    return *result_ == CURLE_COULDNT_RESOLVE_PROXY || *result_ == CURLE_COULDNT_CONNECT ||
           *result_ == CURLE_PROXY || (*result_ != CURLE_OK && answer >= 300);
}

curl_off_t Transfer::number(CURLINFO what) const {
    curl_off_t value = 0;
    curl_easy_getinfo(easy_.get(), what, &value);
    return value;
}

int Transfer::response_code() const {
    long code = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
    return static_cast<int>(code);
}

}  // namespace quotafuse::notifiers
