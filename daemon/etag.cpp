#include "daemon/etag.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::daemon {
namespace {

/// FNV-1a: what a browser compares, not what anybody trusts.
std::uint64_t hash_of(std::string_view bytes) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char byte : bytes) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 0x100000001b3ULL;
    }
    return hash;
}

bool names(const std::string& if_none_match, const std::string& tag) {
    const auto tags = base::split(if_none_match, ',');
    return std::any_of(tags.begin(), tags.end(), [&](std::string_view one) {
        one = base::trim(one);
        if (one.starts_with("W/")) one.remove_prefix(2);
        return one == "*" || one == tag;
    });
}

}  // namespace

HttpReply with_etag(const HttpRequest& request, HttpReply reply) {
    if (reply.status != 200) return reply;
    const auto tag = fmt::format("\"{:016x}\"", hash_of(reply.body));
    reply.headers.emplace_back("ETag", tag);
    reply.cache_control = "private, no-cache";  // keep it, but ask whether it is still the same
    const auto* const had = request.header("if-none-match");
    if (had == nullptr || !names(*had, tag)) return reply;
    reply.status = 304;
    reply.body.clear();
    return reply;
}

}  // namespace quotafuse::daemon
