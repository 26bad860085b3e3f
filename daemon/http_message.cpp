#include "daemon/http_message.h"

#include <algorithm>

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

std::variant<HttpRequest, HttpReply> parse_request_line(std::string_view line) {
    const auto words = base::split(line, ' ');
    if (words.size() != 3 || !is_token(words[0])) return error_reply(400, "malformed request line");
    if (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0") {
        return error_reply(505, "this server speaks HTTP/1.0 and HTTP/1.1");
    }
    if (words[0] != "GET" && words[0] != "HEAD") return method_not_allowed();
    if (words[1].size() > kMaxTarget) return error_reply(414, "the address is too long");
    if (!words[1].starts_with('/') || !is_visible_ascii(words[1])) {
        return error_reply(400, "the request target must be a path that starts with /");
    }
    return HttpRequest{.method = std::string{words[0]}, .target = std::string{words[1]}};
}

bool parse_header(std::string_view line, HttpRequest& request) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
    const auto value = base::trim(line.substr(colon + 1));
    if (has_control_characters(value)) return false;
    request.headers.emplace_back(lower_case(line.substr(0, colon)), std::string{value});
    return true;
}

bool announces_body(const HttpRequest& request) {
    const auto* length = request.header("content-length");
    return length != nullptr && *length != "0";
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
    const auto hosts = std::count_if(request->headers.begin(), request->headers.end(),
                                     [](const auto& header) { return header.first == "host"; });
    if (hosts != 1) return error_reply(400, "the request needs exactly one Host header");
    if (request->header("transfer-encoding") != nullptr) {
        return error_reply(400, "this server accepts no request body");
    }
    if (announces_body(*request)) return error_reply(413, "this server accepts no request body");
    return parsed;
}

}  // namespace quotafuse::daemon
