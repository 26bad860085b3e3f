#include "sync/minute_reader.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sync/minutes.h"
#include "sync/rollup_cells.h"

namespace quotafuse::sync {
namespace {

std::string statement_of(const MinuteQuestion& question) {
    std::string sql =
        "SELECT hour, channel, model, minutes FROM hour_channel_model "
        "WHERE hour >= ?1 AND hour < ?2 AND minutes IS NOT NULL";
    if (question.channels)
        sql += fmt::format(" AND channel IN ({})", fmt::join(*question.channels, ", "));
    if (question.model) sql += fmt::format(" AND model = {}", *question.model);
    return sql;
}

Minutes minutes_at(const SQLite::Statement& query, int column) {
    const auto blob = query.getColumn(column);
    const auto found = Minutes::decode(
        {static_cast<const char*>(blob.getBlob()), static_cast<std::size_t>(blob.getBytes())});
    if (!found) throw std::runtime_error("the minutes of a rollup are damaged: restore a backup");
    return *found;
}

}  // namespace

std::vector<MinuteCell> MinuteReader::answer(const MinuteQuestion& question) const {
    const auto step = question.step * 60;
    const auto first = base::unix_seconds(question.from) / step * step;
    const auto end = (base::unix_seconds(question.until) + step - 1) / step * step;
    SQLite::Statement query{database_, statement_of(question)};
    query.bind(1, first / kSecondsOfHour);
    query.bind(2, (end + kSecondsOfHour - 1) / kSecondsOfHour);
    const auto steps = static_cast<std::size_t>(std::max<std::int64_t>(0, end - first) / step);
    std::map<std::pair<std::int64_t, TextId>, std::vector<MinuteCell>> objects;  // by step
    while (query.executeStep()) {
        const auto hour = query.getColumn(0).getInt64() * kSecondsOfHour;
        const auto channel = question.by == MinutesBy::channel ? query.getColumn(1).getInt64() : 0;
        const auto model = question.by == MinutesBy::model ? query.getColumn(2).getInt() : 0;
        auto& cells = objects.try_emplace({channel, model}, steps).first->second;
        const auto minutes = minutes_at(query, 3);
        for (const auto& minute : minutes.list()) {
            const auto at = hour + minute.minute * 60;
            if (at < first || at >= end) continue;
            auto& cell = cells[static_cast<std::size_t>((at - first) / step)];
            cell.time = at / step * step;
            cell.channel = channel;
            cell.model = model;
            cell.requests += minute.requests;
            cell.errors += minute.errors;
            cell.tokens += minute.tokens;
            cell.quota += minute.quota;
        }
    }
    std::vector<MinuteCell> list;
    for (const auto& [object, cells] : objects) {
        for (const auto& cell : cells)
            if (cell.time != 0) list.push_back(cell);  // steps without a row have none
    }
    return list;
}

std::int64_t MinuteReader::kept_since() const {
    SQLite::Statement query{database_,
                            "SELECT max(minutes_gone, ifnull((SELECT min(hour) FROM hour_group), "
                            "0)) FROM rollup_state"};
    query.executeStep();
    return query.getColumn(0).getInt64() * kSecondsOfHour;
}

bool MinuteReader::has_all_since(base::Second from) const {
    SQLite::Statement query{database_,
                            "SELECT minutes_gone <= max(?, ifnull((SELECT min(hour) FROM "
                            "hour_group), 0)) FROM rollup_state"};
    query.bind(1, base::unix_seconds(from) / kSecondsOfHour);
    query.executeStep();
    return query.getColumn(0).getInt() != 0;
}

}  // namespace quotafuse::sync
