#include "notifiers/outbox.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace quotafuse::notifiers {
namespace {

// state: 0 waits, 1 delivered, 2 dead. doubts: attempts whose outcome set a bound on their number;
// those that an outage cost do not count towards it. An id is never used again, so that its order
// is that of put().
constexpr const char* kTables = R"sql(
CREATE TABLE outbox(
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id   TEXT NOT NULL,
    notifier   TEXT NOT NULL,
    message    TEXT NOT NULL,
    put_at     INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    state      INTEGER NOT NULL DEFAULT 0,
    attempts   INTEGER NOT NULL DEFAULT 0,
    doubts     INTEGER NOT NULL DEFAULT 0,
    begun_at   INTEGER,
    ended_at   INTEGER,
    error      TEXT NOT NULL DEFAULT '',
    UNIQUE(event_id, notifier)
);
CREATE INDEX outbox_waiting ON outbox(notifier, id) WHERE state = 0;
CREATE INDEX outbox_ended ON outbox(ended_at) WHERE state > 0;
CREATE INDEX outbox_dead ON outbox(notifier) WHERE state = 2;
CREATE TABLE notifier_health(
    notifier     TEXT PRIMARY KEY,
    last_ok      INTEGER,
    last_failure INTEGER,
    last_error   TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
)sql";

constexpr const char* kUnreadable = "the stored message cannot be read";

Outbox::Fate fate_of(const Outcome& outcome, int doubts) {
    switch (outcome.kind) {
        case Outcome::Kind::ok:
            return Outbox::Fate::delivered;
        case Outcome::Kind::permanent:
            return Outbox::Fate::dead;
        case Outcome::Kind::transient:
        case Outcome::Kind::ambiguous: {
            const bool enough = outcome.most_attempts > 0 && doubts >= outcome.most_attempts;
            return enough ? Outbox::Fate::dead : Outbox::Fate::kept_for_retry;
        }
    }
    std::abort();
}

int state_of(Outbox::Fate fate) {
    switch (fate) {
        case Outbox::Fate::kept_for_retry:
            return 0;
        case Outbox::Fate::delivered:
            return 1;
        case Outbox::Fate::dead:
            return 2;
    }
    std::abort();
}

std::int64_t count(base::Database& db, const char* query) {
    return db.handle().execAndGet(query).getInt64();
}

std::optional<base::Second> time_at(SQLite::Statement& row, int column) {
    if (row.getColumn(column).isNull()) return std::nullopt;
    return base::from_unix(row.getColumn(column).getInt64());
}

}  // namespace

base::Schema Outbox::schema() {
    return {"notifiers", {kTables}};
}

bool Outbox::put(const std::string& event_id, const std::string& notifier, const Message& message,
                 base::Second now, base::Second not_before) {
    SQLite::Statement insert{db_.handle(),
                             "INSERT INTO outbox(event_id, notifier, message, put_at, not_before) "
                             "VALUES(?, ?, ?, ?, ?) ON CONFLICT(event_id, notifier) DO NOTHING"};
    insert.bind(1, event_id);
    insert.bind(2, notifier);
    insert.bind(3, to_json(message));
    insert.bind(4, base::unix_seconds(now));
    insert.bind(5, base::unix_seconds(not_before));
    return insert.exec() > 0;
}

std::vector<std::string> Outbox::replace_unsent(const std::string& event_id,
                                                const Message& message) {
    SQLite::Statement update{db_.handle(),
                             "UPDATE outbox SET message = ?, not_before = 0 WHERE event_id = ? "
                             "AND state = 0 AND attempts = 0 RETURNING notifier"};
    update.bind(1, to_json(message));
    update.bind(2, event_id);
    std::vector<std::string> amended;
    while (update.executeStep()) amended.push_back(update.getColumn(0).getString());
    return amended;
}

std::optional<Delivery> Outbox::next(const std::string& notifier, base::Second now) {
    if (running_.contains(notifier)) return std::nullopt;
    SQLite::Statement head{db_.handle(),
                           "SELECT id, event_id, message, attempts, put_at, not_before FROM outbox "
                           "WHERE notifier = ? AND state = 0 ORDER BY id LIMIT 1"};
    head.bind(1, notifier);
    if (!head.executeStep()) return std::nullopt;
    // Put in what is now the future, its times are those of a clock that has since been set back.
    const bool clock_was_set_back = head.getColumn(4).getInt64() > base::unix_seconds(now);
    if (head.getColumn(5).getInt64() > base::unix_seconds(now) && !clock_was_set_back)
        return std::nullopt;

    Delivery delivery{head.getColumn(0), head.getColumn(1), notifier, {}, head.getColumn(3)};
    if (auto message = message_from_json(head.getColumn(2).getString())) {
        delivery.message = std::move(*message);
        return delivery;
    }
    head.reset();
    finish(delivery.id, {Outcome::Kind::permanent, {}, kUnreadable, 0}, now);
    return next(notifier, now);
}

void Outbox::begin_attempt(std::int64_t id, base::Second now) {
    base::WriteTransaction transaction{db_};
    SQLite::Statement update{db_.handle(),
                             "UPDATE outbox SET attempts = attempts + 1, begun_at = ? "
                             "WHERE id = ? AND state = 0 RETURNING notifier"};
    update.bind(1, base::unix_seconds(now));
    update.bind(2, id);
    if (!update.executeStep()) throw std::logic_error("no such delivery waits");
    const auto notifier = update.getColumn(0).getString();
    update.reset();
    transaction.commit();
    running_[notifier] = id;
}

Outbox::Fate Outbox::finish(std::int64_t id, const Outcome& outcome, base::Second now) {
    // Even if what follows fails: then the message waits as before, and is sent again.
    std::erase_if(running_, [&](const auto& entry) { return entry.second == id; });
    SQLite::Statement row{db_.handle(), "SELECT notifier, doubts FROM outbox WHERE id = ?"};
    row.bind(1, id);
    if (!row.executeStep()) return Fate::dead;
    const auto notifier = row.getColumn(0).getString();
    const int doubts = row.getColumn(1).getInt() + (outcome.most_attempts > 0 ? 1 : 0);
    const auto fate = fate_of(outcome, doubts);
    row.reset();

    SQLite::Statement update{
        db_.handle(),
        "UPDATE outbox SET state = ?, doubts = ?, ended_at = ?, error = ? WHERE id = ?"};
    update.bind(1, state_of(fate));
    update.bind(2, doubts);
    update.bind(3, base::unix_seconds(now));
    update.bind(4, outcome.kind == Outcome::Kind::ok ? std::string{} : outcome.why);
    update.bind(5, id);
    update.exec();
    note_health(notifier, outcome, now);
    return fate;
}

void Outbox::note_health(const std::string& notifier, const Outcome& outcome, base::Second now) {
    SQLite::Statement upsert{
        db_.handle(),
        outcome.kind == Outcome::Kind::ok
            ? "INSERT INTO notifier_health(notifier, last_ok) VALUES(?1, ?2) "
              "ON CONFLICT(notifier) DO UPDATE SET last_ok = ?2"
            : "INSERT INTO notifier_health(notifier, last_failure, last_error) VALUES(?1, ?2, ?3) "
              "ON CONFLICT(notifier) DO UPDATE SET last_failure = ?2, last_error = ?3"};
    upsert.bind(1, notifier);
    upsert.bind(2, base::unix_seconds(now));
    if (outcome.kind != Outcome::Kind::ok) upsert.bind(3, outcome.why);
    upsert.exec();
}

int Outbox::retire_all_but(const std::vector<std::string>& notifiers, base::Second now) {
    std::vector<std::int64_t> orphans;
    SQLite::Statement waiting{db_.handle(), "SELECT id, notifier FROM outbox WHERE state = 0"};
    while (waiting.executeStep()) {
        const auto notifier = waiting.getColumn(1).getString();
        if (std::find(notifiers.begin(), notifiers.end(), notifier) == notifiers.end()) {
            orphans.push_back(waiting.getColumn(0).getInt64());
        }
    }
    waiting.reset();
    for (const auto id : orphans) {
        finish(id, {Outcome::Kind::permanent, {}, "this notifier is no longer configured", 0}, now);
    }
    return static_cast<int>(orphans.size());
}

void Outbox::prune(base::Second before) {
    SQLite::Statement remove{db_.handle(), "DELETE FROM outbox WHERE state > 0 AND ended_at < ?"};
    remove.bind(1, base::unix_seconds(before));
    remove.exec();
}

std::int64_t Outbox::pending() const {
    return count(db_, "SELECT count(*) FROM outbox WHERE state = 0");
}

std::int64_t Outbox::failed() const {
    return count(db_, "SELECT count(*) FROM outbox WHERE state = 2");
}

NotifierHealth Outbox::health(const std::string& notifier) const {
    SQLite::Statement query{
        db_.handle(),
        "SELECT (SELECT count(*) FROM outbox WHERE notifier = ?1 AND state = 0),"
        "       (SELECT count(*) FROM outbox WHERE notifier = ?1 AND state = 2),"
        "       last_ok, last_failure, last_error "
        "FROM (SELECT 1) LEFT JOIN notifier_health ON notifier = ?1"};
    query.bind(1, notifier);
    query.executeStep();
    return {query.getColumn(0), query.getColumn(1), time_at(query, 2), time_at(query, 3),
            query.getColumn(4).getString()};
}

}  // namespace quotafuse::notifiers
