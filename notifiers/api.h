#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "notifiers/http_client.h"
#include "notifiers/settings.h"

namespace quotafuse::notifiers {

/// What the chat services have in common: JSON over POST, and texts of their answers that may quote
/// our secrets. Belongs to one thread but for interrupt().
class Api {
public:
    explicit Api(const Settings& settings);

    HttpReply post(const base::Secret& url, const std::string& json) {
        return client_.post(url, json);
    }
    void interrupt() noexcept { client_.interrupt(); }

    /// An outcome whose text is safe to show: one short line, secrets replaced by ***.
    Outcome outcome(Outcome::Kind kind, std::string_view why) const;
    Outcome wait(std::chrono::seconds wait, std::string_view why) const;

    /// For an answer in which the service's own verdict cannot be read: no JSON (a proxy's page, a
    /// captive portal's) or none at all. Never ok; permanent only where the transport failed for
    /// good: what stands between us and the service says nothing about the message, whatever its
    /// status.
    Outcome without_verdict(const HttpReply& reply) const;

private:
    HttpClient client_;
    std::vector<std::string> secrets_;  // longest first
};

/// A member of an answer, which may be anything: nothing unless `answer` is an object with such a
/// member.
std::optional<std::int64_t> number_in(const nlohmann::json& answer, const char* key);
std::string text_in(const nlohmann::json& answer, const char* key);

}  // namespace quotafuse::notifiers
