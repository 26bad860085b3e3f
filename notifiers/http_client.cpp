#include "notifiers/http_client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <optional>
#include <stdexcept>

#include <curl/curl.h>

namespace quotafuse::notifiers {
namespace {

constexpr std::size_t kBytesKept = 64 * 1024;
constexpr std::size_t kBytesEndured = 1024 * 1024;
constexpr int kPollMs = 1000;
constexpr const char* kInterrupted = "interrupted, the program stops";

/// libcurl counts its users, so that each client may bring its own.
struct Library {
    Library() {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            throw std::runtime_error("libcurl does not start");
        }
    }
    ~Library() { curl_global_cleanup(); }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
};

/// libcurl's handles are all void* to the compiler, so each needs its own way to end.
template <auto End>
struct Deleter {
    void operator()(auto* handle) const { End(handle); }
};

struct Body {
    std::string kept;
    std::size_t seen = 0;
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* user) {
    auto& body = *static_cast<Body*>(user);
    body.seen += size;
    body.kept.append(data, std::min(size, kBytesKept - body.kept.size()));
    return body.seen > kBytesEndured ? 0 : size;  // a short count ends the transfer
}

template <std::size_t Size>
bool among(const std::array<CURLcode, Size>& codes, CURLcode code) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// These need a change of the configuration.
constexpr std::array kPermanent = {
    CURLE_URL_MALFORMAT,         CURLE_NOT_BUILT_IN,
    CURLE_BAD_FUNCTION_ARGUMENT, CURLE_PEER_FAILED_VERIFICATION,
    CURLE_SSL_CERTPROBLEM,       CURLE_SSL_CACERT_BADFILE,
    CURLE_USE_SSL_FAILED,
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
    // Before the request it means a scheme that is not allowed, after it an answer that is no HTTP.
    if (code == CURLE_UNSUPPORTED_PROTOCOL && !connected) return Outcome::Kind::permanent;
    return sent && among(kMaybeDone, code) ? Outcome::Kind::ambiguous : Outcome::Kind::transient;
}

curl_off_t number(CURL* easy, CURLINFO what) {
    curl_off_t value = 0;
    curl_easy_getinfo(easy, what, &value);
    return value;
}

std::map<std::string, std::string> headers_of(CURL* easy) {
    std::map<std::string, std::string> headers;
    curl_header* header = nullptr;
    while ((header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header)) != nullptr) {
        std::string name = header->name;
        for (auto& c : name) {
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        }
        headers[name] = header->value;
    }
    return headers;
}

}  // namespace

std::chrono::seconds HttpReply::seconds(const std::string& header) const {
    const auto at = headers.find(header);
    if (at == headers.end()) return {};
    const auto* const end = at->second.data() + at->second.size();
    std::int64_t value = 0;
    const auto [stop, fault] = std::from_chars(at->second.data(), end, value);
    const bool whole = fault == std::errc{} && stop == end && value > 0;
    return std::chrono::seconds{whole ? value : 0};
}

struct HttpClient::Impl {
    explicit Impl(HttpOptions o);
    void set_up();
    /// Nothing when interrupted.
    std::optional<CURLcode> run();
    HttpReply collect(std::optional<CURLcode> result, std::size_t bytes_to_send, std::string body);

    template <class Value>
    void set(CURLoption option, Value value) {
        const auto code = curl_easy_setopt(easy.get(), option, value);
        if (code != CURLE_OK) {
            throw std::runtime_error(std::string{"libcurl: "} + curl_easy_strerror(code));
        }
    }

    Library library;
    HttpOptions options;
    std::unique_ptr<CURLM, Deleter<curl_multi_cleanup>> multi{curl_multi_init()};
    std::unique_ptr<CURL, Deleter<curl_easy_cleanup>> easy{curl_easy_init()};
    std::unique_ptr<curl_slist, Deleter<curl_slist_free_all>> headers;
    std::array<char, CURL_ERROR_SIZE> error{};
    std::atomic<bool> interrupted = false;
};

HttpClient::Impl::Impl(HttpOptions o) : options(std::move(o)) {
    if (!multi || !easy) throw std::runtime_error("libcurl does not start");
    for (const char* const line : {"Content-Type: application/json; charset=utf-8", "Expect:"}) {
        auto* const longer = curl_slist_append(headers.get(), line);
        if (longer == nullptr) throw std::bad_alloc();
        static_cast<void>(headers.release());  // now part of the longer list
        headers.reset(longer);
    }
    set_up();
}

void HttpClient::Impl::set_up() {
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    // Without it a stop or a timeout would wait for the resolver's thread, up to half a minute.
    set(CURLOPT_QUICK_EXIT, 1L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    // On a kept connection that has died libcurl would send the request again by itself.
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
    // An unset PROXY or NOPROXY would be taken from the environment.
    set(CURLOPT_PROXY, options.proxy.reveal().c_str());
    set(CURLOPT_NOPROXY, "");
    set(CURLOPT_USERAGENT, "quotafuse");
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_ERRORBUFFER, error.data());
    set(CURLOPT_WRITEFUNCTION, &take_body);
}

std::optional<CURLcode> HttpClient::Impl::run() {
    do {
        int running = 0;
        if (curl_multi_perform(multi.get(), &running) != CURLM_OK) return CURLE_FAILED_INIT;
        int queued = 0;
        if (const auto* const done = curl_multi_info_read(multi.get(), &queued)) {
            return done->data.result;
        }
        // A wakeup that came before the poll ends it at once: no interrupt is lost.
        curl_multi_poll(multi.get(), nullptr, 0, kPollMs, nullptr);
    } while (!interrupted);
    return std::nullopt;
}

HttpReply HttpClient::Impl::collect(std::optional<CURLcode> result, std::size_t bytes_to_send,
                                    std::string body) {
    const auto code = result.value_or(CURLE_ABORTED_BY_CALLBACK);
    const bool connected = number(easy.get(), CURLINFO_PRETRANSFER_TIME_T) > 0;
    const bool sent =
        number(easy.get(), CURLINFO_SIZE_UPLOAD_T) >= static_cast<curl_off_t>(bytes_to_send);
    HttpReply reply;
    reply.transport = classify(code, connected, connected && sent);
    if (!result) {
        reply.error = kInterrupted;
    } else if (code != CURLE_OK) {
        const std::string text = error.data();
        reply.error = text.empty() ? curl_easy_strerror(code) : text;
    }
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    reply.status = static_cast<int>(status);
    reply.headers = headers_of(easy.get());
    reply.body = std::move(body);
    return reply;
}

HttpClient::HttpClient(HttpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;

HttpReply HttpClient::post(const base::Secret& url, const std::string& json) {
    if (impl_->interrupted) return {Outcome::Kind::transient, kInterrupted, 0, {}, {}};
    auto* const easy = impl_->easy.get();
    Body body;
    impl_->error.front() = '\0';
    impl_->set(CURLOPT_URL, url.reveal().c_str());
    impl_->set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json.size()));
    impl_->set(CURLOPT_POSTFIELDS, json.c_str());
    impl_->set(CURLOPT_WRITEDATA, &body);
    if (curl_multi_add_handle(impl_->multi.get(), easy) != CURLM_OK) {
        throw std::runtime_error("libcurl cannot start a request");
    }
    const auto result = impl_->run();
    auto reply = impl_->collect(result, json.size(), std::move(body.kept));
    curl_multi_remove_handle(impl_->multi.get(), easy);
    return reply;
}

void HttpClient::interrupt() noexcept {
    impl_->interrupted = true;
    curl_multi_wakeup(impl_->multi.get());
}

}  // namespace quotafuse::notifiers
