#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/producer.h"

namespace quotafuse::daemon {

/// A request as handlers see it. All of it was written by a stranger.
struct HttpRequest {
    std::string method;  // GET, HEAD, or POST to a path that ends with /login or /logout
    std::string target;  // as sent: path and query, still percent-encoded
    std::string path{};  // decoded
    std::multimap<std::string, std::string> query{};             // decoded
    std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
    std::string peer{};                                          // IP address
    std::string body{};        // of a POST, at most kMaxBody bytes
    bool reads_chunks = true;  // speaks HTTP/1.1

    /// The first header of that (lower case) name, or nullptr.
    const std::string* header(std::string_view name) const;
};

struct HttpReply {
    int status = 200;
    std::string content_type{};
    std::string body{};
    std::vector<std::pair<std::string, std::string>>
        headers{};  // beside those that every reply has
    std::string cache_control = "no-store";
    /// A form of the page itself may be sent from it, with its origin.
    bool has_form = false;
    /// The body, in place of `body`; for status 200.
    std::shared_ptr<Producer> stream{};
    /// `body` opens a stream of all that HttpServer::publish is given.
    bool listens = false;
};

constexpr std::size_t kMaxBody = 4096;

/// Called on several threads at once.
using HttpHandler = std::function<HttpReply(const HttpRequest&)>;

/// The one shape of every error: {"error":{"status":…,"message":…}}. `message` is valid UTF-8.
HttpReply error_reply(int status, std::string_view message);

/// Reads a request's head, from the request line to the empty line, strictly: what RFC 9112 lets a
/// server forgive (folded lines, bare line feeds, absolute targets) is refused, and so is anything
/// but GET, HEAD and the two POSTs, and any body but theirs. Path, query and body stay empty. Gives
/// the request, or the reply that says what is wrong.
std::variant<HttpRequest, HttpReply> parse_head(std::string_view head);

/// How many bytes of body follow this head: 0 for all that parse_head refuses.
std::size_t announced_body(std::string_view head);

}  // namespace quotafuse::daemon
