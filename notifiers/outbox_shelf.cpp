// What the outbox tells, and the dead letters that a person sends again.
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "notifiers/outbox.h"

namespace quotafuse::notifiers {
namespace {

std::int64_t count(base::Database& db, const char* query) {
    return db.handle().execAndGet(query).getInt64();
}

std::optional<base::Second> time_at(SQLite::Statement& row, int column) {
    if (row.getColumn(column).isNull()) return std::nullopt;
    return base::from_unix(row.getColumn(column).getInt64());
}

Filed filed_at(SQLite::Statement& row) {
    Filed filed;
    filed.id = row.getColumn(0);
    filed.event_id = row.getColumn(1).getString();
    filed.notifier = row.getColumn(2).getString();
    if (const auto message = message_from_json(row.getColumn(3).getString())) {
        filed.title = message->title;
        if (!message->alerts.empty()) filed.alert = message->alerts.front();
    }
    filed.state = static_cast<Filed::State>(row.getColumn(4).getInt());
    filed.put_at = base::from_unix(row.getColumn(5).getInt64());
    filed.ended_at = time_at(row, 6);
    filed.attempts = row.getColumn(7);
    filed.error = row.getColumn(8).getString();
    if (!row.getColumn(9).isNull()) filed.sent_with = row.getColumn(9).getInt64();
    return filed;
}

std::string_view where_they_are(std::optional<Filed::State> state) {
    if (!state) return "outbox WHERE true";
    switch (*state) {
        case Filed::State::waiting:
            return "outbox INDEXED BY outbox_waiting WHERE state = 0";
        case Filed::State::delivered:
            return "outbox WHERE state = 1";  // nearly all are
        case Filed::State::dead:
            return "outbox INDEXED BY outbox_dead WHERE state = 2";
    }
    std::abort();
}

}  // namespace

int Outbox::retry(std::optional<std::int64_t> id, const std::vector<std::string>& notifiers) {
    // A person wants each of them now: it does not expire again. What was said under which event id
    // stays known, since a receiver may have seen it.
    SQLite::Statement update{
        db_.handle(),
        "UPDATE outbox SET state = 0, doubts = 0, doubted_at = NULL, arrival = 0, keeps = 1, "
        "ended_at = NULL, sent_with = NULL, "
        "turn = id + (SELECT ifnull(max(turn), 0) FROM outbox WHERE state = 0) "
        "WHERE state = 2 AND (?1 IS NULL OR id = ?1) "
        "AND notifier IN (SELECT value FROM json_each(?2))"};
    if (id) update.bind(1, *id);
    update.bind(2, nlohmann::json(notifiers).dump());
    return update.exec();
}

std::vector<Filed> filed(SQLite::Database& db, const FiledQuery& query) {
    SQLite::Statement select{
        db, fmt::format("SELECT id, event_id, notifier, message, state, put_at, ended_at, "
                        "attempts, error, sent_with FROM outbox WHERE id IN "
                        "(SELECT id FROM {} AND id < ?1 ORDER BY id DESC LIMIT ?2) "
                        "ORDER BY id DESC",
                        where_they_are(query.state))};
    select.bind(1, query.before.value_or(std::numeric_limits<std::int64_t>::max()));
    select.bind(2, static_cast<std::int64_t>(query.most));
    std::vector<Filed> all;
    while (select.executeStep()) all.push_back(filed_at(select));
    return all;
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
        "       last_ok, last_failure, last_error, advice "
        "FROM (SELECT 1) LEFT JOIN notifier_health ON notifier = ?1"};
    query.bind(1, notifier);
    query.executeStep();
    return {query.getColumn(0),
            query.getColumn(1),
            time_at(query, 2),
            time_at(query, 3),
            query.getColumn(4).getString(),
            query.getColumn(5).getString()};
}

std::vector<base::Second> Outbox::begun(const std::string& notifier, base::Second from) const {
    // What waits was tried by one attempt after the other; what ended since then knows its bundle.
    SQLite::Statement query{
        db_.handle(),
        "SELECT DISTINCT begun_at AS begun FROM outbox "
        "WHERE notifier = ?1 AND state = 0 AND begun_at >= ?2 UNION ALL "
        "SELECT max(begun_at) FROM outbox WHERE notifier = ?1 AND state > 0 AND ended_at >= ?2 "
        "AND begun_at >= ?2 GROUP BY ifnull(sent_with, id) ORDER BY begun"};
    query.bind(1, notifier);
    query.bind(2, base::unix_seconds(from));
    std::vector<base::Second> begun;
    while (query.executeStep()) begun.push_back(base::from_unix(query.getColumn(0)));
    return begun;
}

}  // namespace quotafuse::notifiers
