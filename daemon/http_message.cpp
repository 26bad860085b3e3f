#include "daemon/http_message.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace quotafuse::daemon {
namespace {

constexpr std::size_t kMaxTarget = 4096;
constexpr std::size_t kMaxHeaders = 100;

bool is_token(std::string_view text) {
    constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               kSymbols.find(c) != std::string_view::npos;
    });
}

bool is_visible_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool has_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
}

std::string lower_case(std::string_view text) {
    std::string lower{text};
    for (auto& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

/// Takes the next line off `head`; a head always ends with one.
std::string_view next_line(std::string_view& head) {
    const auto end = std::min(head.find("\r\n"), head.size());
    const auto line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    return line;
}

HttpReply method_not_allowed() {
    auto reply = error_reply(405, "this server only answers GET and HEAD");
    reply.headers.emplace_back("Allow", "GET, HEAD");
    return reply;
}

/// Whether the path is one of the two, below whatever base path.
bool takes_posts(std::string_view target) {
    const auto path = target.substr(0, target.find('?'));
    return path.ends_with("/login") || path.ends_with("/logout");
}

std::variant<HttpRequest, HttpReply> parse_request_line(std::string_view line) {
    const auto words = base::split(line, ' ');
    if (words.size() != 3 || !is_token(words[0])) return error_reply(400, "malformed request line");
    if (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0") {
        return error_reply(505, "this server speaks HTTP/1.0 and HTTP/1.1");
    }
    const bool posts = words[0] == "POST" && takes_posts(words[1]);
    if (words[0] != "GET" && words[0] != "HEAD" && !posts) return method_not_allowed();
    if (words[1].size() > kMaxTarget) return error_reply(414, "the address is too long");
    if (!words[1].starts_with('/') || !is_visible_ascii(words[1])) {
        return error_reply(400, "the request target must be a path that starts with /");
    }
    return HttpRequest{.method = std::string{words[0]},
                       .target = std::string{words[1]},
                       .reads_chunks = words[2] == "HTTP/1.1"};
}

bool parse_header(std::string_view line, HttpRequest& request) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
    const auto value = base::trim(line.substr(colon + 1));
    if (has_control_characters(value)) return false;
    request.headers.emplace_back(lower_case(line.substr(0, colon)), std::string{value});
    return true;
}

std::ptrdiff_t count_headers(const HttpRequest& request, std::string_view name) {
    return std::count_if(request.headers.begin(), request.headers.end(),
                         [&](const auto& header) { return header.first == name; });
}

/// The length that the head announces, or nothing for one that is no small number.
std::optional<std::size_t> body_length(const HttpRequest& request) {
    const auto* const text = request.header("content-length");
    if (text == nullptr) return 0;
    std::size_t length = 0;
    const auto* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, length);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return length;
}

/// What is wrong with the body, if anything.
std::optional<HttpReply> refuse_body(const HttpRequest& request) {
    if (request.header("transfer-encoding") != nullptr ||
        count_headers(request, "content-length") > 1)
        return error_reply(400, "this server accepts no request body of unknown length");
    const auto length = body_length(request);
    if (request.method != "POST") {
        if (length == 0U) return std::nullopt;
        return error_reply(413, "this server accepts no request body");
    }
    if (!length) return error_reply(400, "malformed Content-Length");
    if (*length > kMaxBody) return error_reply(413, "the request body is too large");
    return std::nullopt;
}

}  // namespace

const std::string* HttpRequest::header(std::string_view name) const {
    const auto found = std::find_if(headers.begin(), headers.end(),
                                    [&](const auto& header) { return header.first == name; });
    return found == headers.end() ? nullptr : &found->second;
}

HttpReply error_reply(int status, std::string_view message) {
    const nlohmann::json error{{"error", {{"status", status}, {"message", message}}}};
    return {.status = status, .content_type = "application/json", .body = error.dump() + "\n"};
}

std::variant<HttpRequest, HttpReply> parse_head(std::string_view head) {
    auto parsed = parse_request_line(next_line(head));
    auto* const request = std::get_if<HttpRequest>(&parsed);
    if (request == nullptr) return parsed;
    for (auto line = next_line(head); !line.empty(); line = next_line(head)) {
        if (request->headers.size() == kMaxHeaders) return error_reply(431, "too many headers");
        if (!parse_header(line, *request)) return error_reply(400, "malformed header");
    }
    if (count_headers(*request, "host") != 1)
        return error_reply(400, "the request needs exactly one Host header");
    if (auto refused = refuse_body(*request)) return *std::move(refused);
    return parsed;
}

std::size_t announced_body(std::string_view head) {
    if (!head.starts_with("POST ")) return 0;
    const auto parsed = parse_head(head);
    const auto* const request = std::get_if<HttpRequest>(&parsed);
    return request == nullptr ? 0 : body_length(*request).value_or(0);
}

}  // namespace quotafuse::daemon
