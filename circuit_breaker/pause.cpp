#include "circuit_breaker/pause.h"

#include <SQLiteCpp/Statement.h>

#include "base/text.h"
#include "circuit_breaker/stored_columns.h"

namespace quotafuse::circuit_breaker {

std::optional<Pause> PauseBook::at(base::Second now) const {
    SQLite::Statement query{db_, "SELECT since, until, reason FROM breaker_pause"};
    if (!query.executeStep()) return std::nullopt;
    RowReader row{query};
    Pause pause;
    pause.since = row.time();
    pause.until = row.time();
    pause.reason = row.text();
    const bool ended = pause.until != base::Second{} && pause.until <= now;
    return ended ? std::nullopt : std::optional{pause};
}

void PauseBook::set(const Pause& pause) {
    SQLite::Statement statement{
        db_, "INSERT OR REPLACE INTO breaker_pause(id, since, until, reason) VALUES(1, ?, ?, ?)"};
    Binder{statement}(pause.since)(pause.until)(base::valid_utf8(pause.reason));
    statement.exec();
}

void PauseBook::clear() {
    db_.exec("DELETE FROM breaker_pause");
}

}  // namespace quotafuse::circuit_breaker
