#include "daemon/sessions.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace quotafuse::daemon {

Sessions::Sessions(const base::Clock& clock, std::function<Digest()> random)
    : clock_(clock), random_(std::move(random)) {}

void Sessions::belong_to(const base::Secret& password) {
    const auto digest = digest_of(password.reveal());
    const std::scoped_lock lock{mutex_};
    if (!same(password_, digest)) ends_.clear();
    password_ = digest;
}

std::string Sessions::begin() {
    const auto cookie = fmt::format("{:02x}", fmt::join(random_(), ""));
    const std::scoped_lock lock{mutex_};
    end_old();
    if (ends_.size() >= kMost) {
        ends_.erase(std::min_element(ends_.begin(), ends_.end(), [](const auto& a, const auto& b) {
            return a.second < b.second;
        }));
    }
    ends_[digest_of(cookie)] = clock_.mono() + kLasts;
    return cookie;
}

bool Sessions::has(std::string_view cookie) {
    const auto digest = digest_of(cookie);
    const std::scoped_lock lock{mutex_};
    const auto found = ends_.find(digest);
    return found != ends_.end() && clock_.mono() < found->second;
}

void Sessions::end(std::string_view cookie) {
    const auto digest = digest_of(cookie);
    const std::scoped_lock lock{mutex_};
    ends_.erase(digest);
}

void Sessions::end_old() {
    const auto now = clock_.mono();
    std::erase_if(ends_, [&](const auto& session) { return session.second <= now; });
}

}  // namespace quotafuse::daemon
