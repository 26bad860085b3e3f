#include "daemon/api/health.h"

#include <filesystem>
#include <initializer_list>
#include <string>

#include <SQLiteCpp/Statement.h>

#include "base/text.h"
#include "daemon/api/parameters.h"

namespace quotafuse::daemon::api {
namespace {

constexpr int kMostGaps = 100;

Json number(const Inquiry& inquiry, const char* sql) {
    SQLite::Statement query{inquiry.database(), sql};
    if (!query.executeStep() || query.isColumnNull(0)) return nullptr;
    return query.getColumn(0).getInt64();
}

/// 0 for a file that is not there.
std::int64_t size_of(const std::string& path) {
    std::error_code none;
    const auto size = std::filesystem::file_size(path, none);
    return none ? 0 : static_cast<std::int64_t>(size);
}

Json rooms(const Inquiry& inquiry) {
    auto json = Json::object();
    SQLite::Statement query{inquiry.database(), "SELECT room, version FROM schema ORDER BY room"};
    while (query.executeStep())
        json[query.getColumn(0).getString()] = query.getColumn(1).getInt64();
    return json;
}

/// The ids that may still appear, and those that are looked at again, the newest first.
Json gaps(const Inquiry& inquiry) {
    SQLite::Statement query{inquiry.database(),
                            "SELECT first, last, due, stage FROM gap ORDER BY first DESC LIMIT ?"};
    query.bind(1, kMostGaps);
    auto list = Json::array();
    while (query.executeStep()) {
        list.push_back({{"first", query.getColumn(0).getInt64()},
                        {"last", query.getColumn(1).getInt64()},
                        {"due", query.getColumn(2).getInt64()},
                        {"open", query.getColumn(3).getInt64() == 0}});
    }
    return list;
}

Json store(const Inquiry& inquiry) {
    const std::string path = inquiry.database().getFilename();
    return {{"bytes", size_of(path)},
            {"journal_bytes", size_of(path + "-wal")},
            {"rows", number(inquiry, "SELECT rows FROM position")},
            {"oldest_row", number(inquiry, "SELECT min(created_at) FROM log")},
            {"newest_row", number(inquiry, "SELECT max(created_at) FROM log")},
            {"kept_since", number(inquiry, "SELECT nullif(kept_since, 0) FROM upkeep")},
            {"oldest_hour", number(inquiry, "SELECT min(hour) * 3600 FROM hour_group")},
            // Sums by address and by error are younger than the others.
            {"narrow_since", number(inquiry, "SELECT narrow_since * 3600 FROM rollup_state")},
            {"minutes_since", number(inquiry, "SELECT minutes_gone * 3600 FROM rollup_state")},
            {"rooms", rooms(inquiry)}};
}

}  // namespace

Json health(const Inquiry& inquiry, const Json& status) {
    const Parameters none{inquiry.request(), {}};
    Json json{{"at", base::unix_seconds(inquiry.now())}};
    for (const auto* const name : {"version", "uptime_seconds", "gateway", "lag_seconds", "cursor",
                                   "source", "readiness", "last_error"})
        json[name] = status.contains(name) ? status.at(name) : Json(nullptr);
    json["store"] = store(inquiry);
    json["gaps"] = gaps(inquiry);
    return json;
}

}  // namespace quotafuse::daemon::api
