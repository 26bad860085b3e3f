#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <tuple>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "base/text.h"
#include "daemon/api/span.h"
#include "daemon/api/traffic_pages.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::int64_t kMostRows = 200;
constexpr int kMostLookedAt = 20'000;

/// Where a page ends: the next one begins below it.
struct Cursor {
    std::int64_t at = std::numeric_limits<std::int64_t>::max();
    std::string what{};
    std::string id{};
};

/// "1767571200:firing:ID"; an id may be any text.
Cursor cursor_of(const Parameters& parameters) {
    const auto text = parameters.words("cursor", 1000);
    if (!text) return {};
    const auto first = text->find(':');
    const auto second = first == std::string::npos ? first : text->find(':', first + 1);
    Cursor cursor;
    if (second != std::string::npos) {
        const auto* const end = text->data() + first;
        const auto [stop, error] = std::from_chars(text->data(), end, cursor.at);
        cursor.what = text->substr(first + 1, second - first - 1);
        cursor.id = text->substr(second + 1);
        if (error == std::errc{} && stop == end && cursor.at >= 0) return cursor;
    }
    throw BadParameter{"cursor must be a next_cursor of a page before"};
}

Json text_or_null(const SQLite::Statement& query, int column) {
    return base::valid_utf8(query.getColumn(column).getString());
}

}  // namespace

Json alert_history(const Inquiry& inquiry) {
    const Parameters parameters{inquiry.request(),
                                {"window", "from", "to", "rule", "state", "limit", "cursor"}};
    const bool timed = parameters.text("window") || parameters.text("from");
    auto span =
        timed ? span_of(parameters, inquiry.now(), inquiry.zone())
              : Span{inquiry.now() - base::Seconds{30 * 86'400}, inquiry.now() + base::Seconds{1}};
    const auto rule = parameters.words("rule");
    const auto state =
        parameters.text("state")
            ? std::optional{std::string{parameters.choice("state", {"firing", "over", "told"})}}
            : std::nullopt;
    const auto limit = parameters.whole_number("limit", 1, kMostRows).value_or(100);
    const auto cursor = cursor_of(parameters);
    SQLite::Statement query{
        inquiry.database(),
        "SELECT at, what, id, rule, series, reason, value FROM alert_event "
        "INDEXED BY alert_event_by_time WHERE at >= ?1 AND at < ?2 AND "
        "(at, id, what) < (?3, ?4, ?5) ORDER BY at DESC, id DESC, what DESC LIMIT ?6"};
    query.bind(1, base::unix_seconds(span.from));
    query.bind(2, base::unix_seconds(span.until));
    query.bind(3, cursor.at);
    query.bind(4, cursor.id);
    query.bind(5, cursor.what);
    query.bind(6, kMostLookedAt);
    auto rows = Json::array();
    Json next = nullptr;
    int seen = 0;
    while (query.executeStep()) {
        const auto at = query.getColumn(0).getInt64();
        const auto what = query.getColumn(1).getString();
        const auto id = query.getColumn(2).getString();
        ++seen;
        const bool wanted =
            (!rule || *rule == query.getColumn(3).getString()) && (!state || *state == what);
        if (wanted) {
            rows.push_back(
                {{"at", at},
                 {"what", what},
                 {"id", text_or_null(query, 2)},
                 {"rule", text_or_null(query, 3)},
                 {"series", text_or_null(query, 4)},
                 {"reason", text_or_null(query, 5)},
                 {"value",
                  query.isColumnNull(6) ? Json(nullptr) : Json(query.getColumn(6).getDouble())}});
        }
        if (static_cast<std::int64_t>(rows.size()) == limit || seen == kMostLookedAt) {
            next = fmt::format("{}:{}:{}", at, what, id);
            break;
        }
    }
    return {{"from", base::unix_seconds(span.from)},
            {"to", base::unix_seconds(span.until)},
            {"rows", std::move(rows)},
            {"next_cursor", std::move(next)}};
}

}  // namespace quotafuse::daemon::api
