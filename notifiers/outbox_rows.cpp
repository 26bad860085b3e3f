#include "notifiers/outbox_rows.h"

#include <cstdlib>

#include <SQLiteCpp/Statement.h>

namespace quotafuse::notifiers {
namespace {

/// So many at once are looked at and go into one digest.
constexpr int kLongestLook = 1000;

}  // namespace

Part part_of(const Message& message) {
    if (message.brief.empty()) return Part::alone;
    switch (message.kind) {
        case Message::Kind::firing:
            return Part::begin;
        case Message::Kind::resolved:
            return Part::end;
        case Message::Kind::reminder:
        case Message::Kind::breaker:
            return Part::line;
        case Message::Kind::summary:
        case Message::Kind::digest:
        case Message::Kind::test:
            return Part::alone;
    }
    std::abort();
}

std::optional<Stored> read(base::Database& db, std::int64_t id) {
    SQLite::Statement row{db.handle(),
                          "SELECT event_id, notifier, message, sent_as, sent_id, put_at, attempts, "
                          "doubts, doubted_at, arrival FROM outbox WHERE id = ?"};
    row.bind(1, id);
    if (!row.executeStep()) return std::nullopt;
    Stored stored;
    stored.event_id = row.getColumn(0).getString();
    stored.notifier = row.getColumn(1).getString();
    stored.message = row.getColumn(2).getString();
    if (!row.getColumn(3).isNull()) stored.sent_as = row.getColumn(3).getString();
    if (!row.getColumn(4).isNull()) stored.sent_id = row.getColumn(4).getString();
    stored.put_at = row.getColumn(5);
    stored.attempts = row.getColumn(6);
    stored.doubts = row.getColumn(7);
    if (!row.getColumn(8).isNull()) stored.doubted_at = base::from_unix(row.getColumn(8));
    stored.arrival = static_cast<Arrival>(row.getColumn(9).getInt());
    return stored;
}

Line line_of(base::Database& db, const std::string& notifier, std::chrono::seconds expire,
             base::Second now) {
    SQLite::Statement query{
        db.handle(),
        "SELECT id, arrival, put_at, not_before, ifnull(sent_with, id), alert, batch, part, keeps "
        "FROM outbox WHERE notifier = ? AND state = 0 ORDER BY turn LIMIT ?"};
    query.bind(1, notifier);
    query.bind(2, kLongestLook);
    const auto t = base::unix_seconds(now);
    Line line;
    while (query.executeStep()) {
        if (static_cast<Arrival>(query.getColumn(1).getInt()) != Arrival::none) {
            if (line.free.empty()) line.begun = query.getColumn(4).getInt64();
            break;
        }
        const auto put_at = query.getColumn(2).getInt64();
        // Put in what is now the future, its times are those of a clock that has been set back.
        if (query.getColumn(3).getInt64() > t && put_at <= t) break;
        const auto part = static_cast<Part>(query.getColumn(7).getInt());
        const bool keeps = expire.count() == 0 || query.getColumn(8).getInt() != 0;
        line.free.push_back({query.getColumn(0), query.getColumn(5).getString(),
                             query.getColumn(6).getString(), part != Part::alone,
                             part == Part::begin, part == Part::end,
                             !keeps && t - put_at > expire.count()});
    }
    return line;
}

std::vector<std::int64_t> letters_of(base::Database& db, std::int64_t delivery) {
    SQLite::Statement query{db.handle(),
                            "SELECT id FROM outbox WHERE (id = ?1 OR sent_with = ?1) "
                            "AND state = 0 ORDER BY turn"};
    query.bind(1, delivery);
    std::vector<std::int64_t> letters;
    while (query.executeStep()) letters.push_back(query.getColumn(0));
    return letters;
}

void release(base::Database& db, std::int64_t delivery) {
    SQLite::Statement update{
        db.handle(), "UPDATE outbox SET sent_with = NULL WHERE sent_with = ? AND state = 0"};
    update.bind(1, delivery);
    update.exec();
}

void take_apart(base::Database& db, std::int64_t delivery, bool digest) {
    SQLite::Statement update{
        db.handle(),
        "UPDATE outbox SET sent_with = NULL, arrival = 0, doubts = 0, doubted_at = NULL, "
        "part = iif(?2 AND id <> ?1, part, 0), keeps = iif(?2 AND id <> ?1, keeps, 1) "
        "WHERE (id = ?1 OR sent_with = ?1) AND state = 0"};
    update.bind(1, delivery);
    update.bind(2, digest ? 1 : 0);
    update.exec();
}

void note_health(base::Database& db, const std::string& notifier, const Outcome& outcome,
                 base::Second now) {
    const bool ok = outcome.kind == Outcome::Kind::ok;
    SQLite::Statement upsert{
        db.handle(), ok ? "INSERT INTO notifier_health(notifier, last_ok) VALUES(?1, ?2) "
                          "ON CONFLICT(notifier) DO UPDATE SET last_ok = ?2"
                        : "INSERT INTO notifier_health(notifier, last_failure, last_error, advice) "
                          "VALUES(?1, ?2, ?3, ?4) ON CONFLICT(notifier) "
                          "DO UPDATE SET last_failure = ?2, last_error = ?3, advice = ?4"};
    upsert.bind(1, notifier);
    upsert.bind(2, base::unix_seconds(now));
    if (!ok) upsert.bind(3, outcome.why);
    if (!ok) upsert.bind(4, outcome.advice);
    upsert.exec();
}

}  // namespace quotafuse::notifiers
