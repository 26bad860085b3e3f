#pragma once

#include <string>

#include "daemon/http_message.h"

namespace quotafuse::daemon {

/// Lets cpp-httplib decode path and query of `request`, asks `handler` and writes the reply: status
/// line, the strict headers that every reply carries, and the body unless the method is HEAD.
/// Thread-safe.
std::string http_exchange(HttpRequest request, const HttpHandler& handler);

/// The bytes of a reply for which there is no request.
std::string http_refusal(const HttpReply& reply);

}  // namespace quotafuse::daemon
