#pragma once

#include <string>
#include <utility>
#include <vector>

#include "daemon/http_message.h"

namespace quotafuse::daemon {

/// Lets cpp-httplib decode path and query of `request`, asks `handler` and writes the reply: status
/// line, the strict headers that every reply carries, and the body unless the method is HEAD. A
/// reply that streams or listens is only put into `open` then, and nothing is returned.
/// Thread-safe.
std::string http_exchange(HttpRequest request, const HttpHandler& handler, HttpReply& open);

/// The bytes of a reply for which there is no request.
std::string http_refusal(const HttpReply& reply);

/// What every reply carries, and what this one asks for.
std::vector<std::pair<std::string, std::string>> strict_headers(const HttpReply& reply);

}  // namespace quotafuse::daemon
