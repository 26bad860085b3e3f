#include "notifiers/http_client.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string_view>

#include "notifiers/transfer.h"

namespace quotafuse::notifiers {
namespace {

constexpr std::size_t kBytesKept = 64 * 1024;
constexpr std::size_t kBytesEndured = 1024 * 1024;
constexpr int kProxyWantsLogin = 407;

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

std::map<std::string, std::string> headers_of(CURL* easy) {
    std::map<std::string, std::string> headers;
    curl_header* header = nullptr;
    while ((header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header)) != nullptr)
        headers[lower(header->name)] = header->value;
    return headers;
}

CurlList lines_of(const HttpRequest& request) {
    CurlList lines;
    append(lines, "Expect:");
    bool has_type = request.method == HttpRequest::Method::get;
    for (const auto& [name, value] : request.headers) {
        has_type = has_type || lower(name) == "content-type";
        // libcurl takes "Name:" as a header to leave out, "Name;" as one without a value.
        append(lines, value.empty() ? name + ";" : name + ": " + value.reveal());
    }
    if (!has_type) append(lines, "Content-Type: application/json; charset=utf-8");
    return lines;
}

/// Of an HTTP-date.
std::optional<std::time_t> date_in(const std::map<std::string, std::string>& headers,
                                   const std::string& name) {
    const auto at = headers.find(name);
    if (at == headers.end()) return std::nullopt;
    const auto time = curl_getdate(at->second.c_str(), nullptr);
    return time < 0 ? std::nullopt : std::optional{time};
}

}  // namespace

std::string lower(std::string text) {
    for (auto& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

std::chrono::seconds HttpReply::seconds(const std::string& header) const {
    const auto at = headers.find(header);
    if (at == headers.end()) return {};
    const auto* const end = at->second.data() + at->second.size();
    std::int64_t value = 0;
    const auto [stop, fault] = std::from_chars(at->second.data(), end, value);
    const bool whole = fault == std::errc{} && stop == end && value > 0;
    return std::chrono::seconds{whole ? value : 0};
}

std::chrono::seconds HttpReply::retry_after(base::Second now) const {
    if (const auto wait = seconds("retry-after"); wait.count() > 0) return wait;
    const auto until = date_in(headers, "retry-after");
    if (!until) return {};
    const auto from = date_in(headers, "date").value_or(base::unix_seconds(now));
    return std::chrono::seconds{std::max<std::int64_t>(0, *until - from)};
}

struct HttpClient::Impl {
    explicit Impl(const HttpOptions& options) : transfer(options, "http,https") {
        transfer.set(CURLOPT_FOLLOWLOCATION, 0L);
        transfer.set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        transfer.set(CURLOPT_USERAGENT, "quotafuse");
        transfer.set(CURLOPT_WRITEFUNCTION, &take_body);
    }
    HttpReply collect(std::size_t bytes_to_send, Body body) const;

    Transfer transfer;
};

HttpReply HttpClient::Impl::collect(std::size_t bytes_to_send, Body body) const {
    const bool sent =
        transfer.number(CURLINFO_SIZE_UPLOAD_T) >= static_cast<curl_off_t>(bytes_to_send);
    HttpReply reply;
    reply.transport = transfer.meaning(transfer.connected() && sent);
    reply.error = transfer.error();
    reply.status = transfer.response_code();
    reply.headers = headers_of(transfer.handle());
    reply.body = std::move(body.kept);
    reply.endless = body.seen > kBytesEndured;
    reply.at_proxy = transfer.failed_at_proxy();
    if (reply.transport == Outcome::Kind::ambiguous && reply.status == kProxyWantsLogin) {
        // It may close before it has read all, which resets the connection within its answer.
        reply.transport = Outcome::Kind::transient;
        reply.error = "the proxy answers 407: it wants another user or password";
        reply.at_proxy = true;
    }
    return reply;
}

HttpClient::HttpClient(HttpOptions options) : impl_(std::make_unique<Impl>(options)) {}
HttpClient::~HttpClient() = default;

HttpReply HttpClient::send(const HttpRequest& request) {
    auto& transfer = impl_->transfer;
    if (transfer.interrupted()) return {Outcome::Kind::transient, kInterrupted, 0, {}, {}};
    const auto lines = lines_of(request);
    const bool posts = request.method == HttpRequest::Method::post;
    Body body;
    transfer.set(CURLOPT_URL, request.url.reveal().c_str());
    transfer.set(CURLOPT_HTTPHEADER, lines.get());
    if (posts) {
        transfer.set(CURLOPT_POST, 1L);
        transfer.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        transfer.set(CURLOPT_POSTFIELDS, request.body.c_str());
    } else {
        transfer.set(CURLOPT_HTTPGET, 1L);
    }
    transfer.set(CURLOPT_WRITEDATA, &body);
    transfer.run();
    return impl_->collect(posts ? request.body.size() : 0, std::move(body));
}

void HttpClient::interrupt() noexcept {
    impl_->transfer.interrupt();
}

}  // namespace quotafuse::notifiers
