#include <charconv>

#include <SQLiteCpp/Statement.h>

#include "alerts/state_store.h"
#include "base/database.h"

namespace quotafuse::alerts {

void save_event(base::Database& database, const EngineEvent& event) {
    SQLite::Statement put{database.handle(),
                          "INSERT INTO engine_event(at, kind, detail) VALUES(?, ?, ?)"};
    put.bind(1, base::unix_seconds(event.at));
    put.bind(2, static_cast<int>(event.kind));
    put.bind(3, event.detail);
    put.exec();
}

std::optional<base::Second> second_of(const EngineEvent& event) {
    std::int64_t number = 0;
    const auto* const end = event.detail.data() + event.detail.size();
    const auto read = std::from_chars(event.detail.data(), end, number);
    if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
    return base::from_unix(number);
}

std::vector<EngineEvent> load_events(SQLite::Database& db, base::Second since) {
    std::vector<EngineEvent> events;
    SQLite::Statement query{
        db, "SELECT kind, at, detail FROM engine_event WHERE at >= ? ORDER BY at, id"};
    query.bind(1, base::unix_seconds(since));
    while (query.executeStep()) {
        events.push_back({static_cast<EngineEvent::Kind>(query.getColumn(0).getInt()),
                          base::from_unix(query.getColumn(1).getInt64()),
                          query.getColumn(2).getString()});
    }
    return events;
}

}  // namespace quotafuse::alerts
