#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "daemon/api/traffic.h"

namespace quotafuse::daemon::api {

/// What users are called: by the gateway, else by the rows of the span; empty for one that neither
/// knows. One thread, no longer than the inquiry.
class Owners {
public:
    Owners(const Inquiry& inquiry, const Span& span) : inquiry_(inquiry), span_(span) {}
    std::string name(std::int64_t id) {
        const auto& name = inquiry_.name(NameBook::Of::user, id);
        if (!name.empty()) return name;
        if (!by_rows_) {
            by_rows_.emplace();
            for (const auto& user : traffic_by(inquiry_, By::user, {}, span_).objects)
                by_rows_->emplace(user.id, user.name);
        }
        const auto found = by_rows_->find(id);
        return found == by_rows_->end() ? std::string{} : found->second;
    }

private:
    const Inquiry& inquiry_;
    const Span span_;
    std::optional<std::map<std::int64_t, std::string>> by_rows_{};
};

}  // namespace quotafuse::daemon::api
