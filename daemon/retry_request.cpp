#include "daemon/retry_request.h"

#include <cstdint>
#include <optional>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/failure.h"

namespace quotafuse::daemon {
namespace {

/// Which dead letter; empty for all of them.
std::optional<std::int64_t> id_of(const std::string& request_json) {
    const auto request = nlohmann::json::parse(request_json, nullptr, false);
    if (!request.is_object()) throw base::Failure(base::ExitCode::usage, "write a JSON object");
    const auto id = request.find("id");
    if (id == request.end()) return std::nullopt;
    const bool fits = id->is_number_integer() &&
                      (!id->is_number_unsigned() || id->get<std::uint64_t>() <= INT64_MAX);
    if (fits) return id->get<std::int64_t>();
    throw base::Failure(base::ExitCode::usage,
                        "id must be the number of a dead letter; without it all are meant");
}

}  // namespace

std::string retry_letters(notifiers::Outbox& outbox, const std::vector<std::string>& notifiers,
                          const std::string& request_json) {
    const auto id = id_of(request_json);
    try {
        const int retried = outbox.retry(id, notifiers);
        if (id && retried == 0) {
            throw base::Failure(
                base::ExitCode::usage,
                fmt::format("{} is no dead letter for a notifier that is configured: `quotafuse "
                            "notify --list --failed` shows them",
                            *id));
        }
        auto others = outbox.failed();
        for (const auto& name : notifiers) others -= outbox.health(name).failed;
        return nlohmann::json{{"retried", retried}, {"not_configured", others}}.dump();
    } catch (const SQLite::Exception& e) {
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("the store cannot be written: {}", e.what()));
    }
}

}  // namespace quotafuse::daemon
