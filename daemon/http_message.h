#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace quotafuse::daemon {

/// A request as handlers see it. All of it was written by a stranger.
struct HttpRequest {
    std::string method;  // GET or HEAD
    std::string target;  // as sent: path and query, still percent-encoded
    std::string path{};  // decoded
    std::multimap<std::string, std::string> query{};             // decoded
    std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
    std::string peer{};                                          // IP address

    /// The first header of that (lower case) name, or nullptr.
    const std::string* header(std::string_view name) const;
};

struct HttpReply {
    int status = 200;
    std::string content_type;
    std::string body;
    std::vector<std::pair<std::string, std::string>>
        headers{};  // beside those that every reply has
    std::string cache_control = "no-store";
};

/// Called on several threads at once.
using HttpHandler = std::function<HttpReply(const HttpRequest&)>;

/// The one shape of every error: {"error":{"status":…,"message":…}}. `message` is valid UTF-8.
HttpReply error_reply(int status, std::string_view message);

/// Reads a request's head, from the request line to the empty line, strictly: what RFC 9112 lets a
/// server forgive (folded lines, bare line feeds, absolute targets) is refused, and so is anything
/// but GET and HEAD and any body. Path and query stay empty. Gives the request, or the reply that
/// says what is wrong.
std::variant<HttpRequest, HttpReply> parse_head(std::string_view head);

}  // namespace quotafuse::daemon
