#include "alerts/state_store.h"

#include <utility>

#include <SQLiteCpp/Statement.h>
#include <nlohmann/json.hpp>

namespace quotafuse::alerts {
namespace {

constexpr auto kMigration1 = R"sql(
CREATE TABLE alert_state(
    rule TEXT NOT NULL, series TEXT NOT NULL, names TEXT NOT NULL, phase INTEGER NOT NULL,
    since INTEGER NOT NULL, first_look INTEGER NOT NULL, mute_until INTEGER, began INTEGER NOT NULL,
    clear_since INTEGER, over_at INTEGER, ending INTEGER NOT NULL, peak REAL NOT NULL,
    told INTEGER NOT NULL, held INTEGER NOT NULL, acted INTEGER NOT NULL, reminders INTEGER NOT NULL,
    sequence INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_row INTEGER,
    PRIMARY KEY(rule, series)) WITHOUT ROWID;
CREATE TABLE rule_state(rule TEXT PRIMARY KEY, fingerprint INTEGER NOT NULL, looked_at INTEGER NOT NULL);
CREATE TABLE alert_event(
    id TEXT NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL, rule TEXT NOT NULL,
    series TEXT NOT NULL, reason TEXT NOT NULL, value REAL, PRIMARY KEY(id, what)) WITHOUT ROWID;
CREATE INDEX alert_event_by_time ON alert_event(at);
CREATE TABLE engine_state(one INTEGER PRIMARY KEY CHECK(one = 1), time INTEGER NOT NULL);
)sql";

// Whether a series flaps.
constexpr auto kMigration2 = R"sql(
ALTER TABLE alert_state ADD COLUMN former_begin INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert_state ADD COLUMN former_begin_2 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert_state ADD COLUMN flapping INTEGER NOT NULL DEFAULT 0;
)sql";

// Silences, calendar periods, what replay must know of, and windows as they were.
constexpr auto kMigration3 = R"sql(
ALTER TABLE alert_state ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert_state ADD COLUMN period INTEGER;
CREATE TABLE silence(
    id INTEGER PRIMARY KEY AUTOINCREMENT, ends INTEGER NOT NULL, silence TEXT NOT NULL);
CREATE INDEX silence_by_end ON silence(ends);
CREATE TABLE engine_event(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE INDEX engine_event_by_time ON engine_event(at);
CREATE TABLE window_record(
    spec INTEGER PRIMARY KEY, head INTEGER NOT NULL, seen INTEGER NOT NULL, bytes BLOB NOT NULL);
)sql";

// What came and went outside the active hours.
constexpr auto kMigration4 = R"sql(
CREATE TABLE rule_digest(
    rule TEXT PRIMARY KEY, episodes INTEGER NOT NULL, series TEXT NOT NULL, names TEXT NOT NULL,
    peak REAL NOT NULL, began INTEGER NOT NULL, over INTEGER NOT NULL) WITHOUT ROWID;
)sql";

// Of each series, since some may be muted when the others are told.
constexpr auto kMigration5 = R"sql(
ALTER TABLE rule_digest RENAME TO former_digest;
CREATE TABLE rule_digest(
    rule TEXT NOT NULL, episodes INTEGER NOT NULL, series TEXT NOT NULL, names TEXT NOT NULL,
    peak REAL NOT NULL, began INTEGER NOT NULL, over INTEGER NOT NULL,
    PRIMARY KEY(rule, series)) WITHOUT ROWID;
INSERT INTO rule_digest SELECT * FROM former_digest;
DROP TABLE former_digest;
)sql";

/// Binds arguments one after the other.
class Binder {
public:
    explicit Binder(SQLite::Statement& statement) : statement_(statement) {}
    Binder& add(const std::string& text) { return statement_.bind(++at_, text), *this; }
    Binder& add(std::int64_t number) { return statement_.bind(++at_, number), *this; }
    Binder& add(double number) { return statement_.bind(++at_, number), *this; }
    Binder& add(bool flag) { return add(std::int64_t{flag}); }
    Binder& add(int number) { return add(std::int64_t{number}); }
    Binder& add(base::Second t) { return add(base::unix_seconds(t)); }
    template <class T>
    Binder& add(const std::optional<T>& value) {
        if (value) return add(*value);
        return statement_.bind(++at_), *this;
    }

private:
    SQLite::Statement& statement_;
    int at_ = 0;
};

base::Second second_at(SQLite::Statement& query, int column) {
    return base::from_unix(query.getColumn(column).getInt64());
}

std::optional<base::Second> optional_second_at(SQLite::Statement& query, int column) {
    if (query.isColumnNull(column)) return std::nullopt;
    return second_at(query, column);
}

std::vector<std::string> names_from(const std::string& json) {
    std::vector<std::string> names;
    for (const auto& name : nlohmann::json::parse(json, nullptr, false)) {
        if (name.is_string()) names.push_back(name.get<std::string>());
    }
    return names;
}

constexpr auto kColumns =
    "rule, series, names, phase, since, first_look, mute_until, began, clear_since, over_at, "
    "ending, peak, told, held, acted, reminders, sequence, first_seen, last_row, "
    "former_begin, former_begin_2, flapping, muted, period";

SeriesRecord read_series(SQLite::Statement& query) {
    SeriesRecord record;
    record.rule = query.getColumn(0).getString();
    record.key = query.getColumn(1).getString();
    record.names = names_from(query.getColumn(2).getString());
    auto& state = record.state;
    state.phase = static_cast<Phase>(query.getColumn(3).getInt());
    state.since = second_at(query, 4);
    state.first_look = query.getColumn(5).getInt() != 0;
    state.mute_until = optional_second_at(query, 6);
    state.began = second_at(query, 7);
    state.clear_since = optional_second_at(query, 8);
    state.over_at = optional_second_at(query, 9);
    state.ending = static_cast<Ending>(query.getColumn(10).getInt());
    state.peak = query.getColumn(11).getDouble();
    state.told = query.getColumn(12).getInt() != 0;
    state.held = query.getColumn(13).getInt() != 0;
    state.acted = query.getColumn(14).getInt() != 0;
    state.reminders = query.getColumn(15).getInt();
    state.sequence = query.getColumn(16).getInt();
    record.first_seen = second_at(query, 17);
    record.last_row = optional_second_at(query, 18);
    state.former_begins = {second_at(query, 19), second_at(query, 20)};
    state.flapping = query.getColumn(21).getInt() != 0;
    state.muted = query.getColumn(22).getInt() != 0;
    record.period = optional_second_at(query, 23);
    return record;
}

bool is_known(const AlertState& state) {
    return state.phase >= Phase::inactive && state.phase <= Phase::firing &&
           state.ending >= Ending::recovered && state.ending <= Ending::new_period;
}

void write_series(SQLite::Statement& put, const SeriesRecord& record) {
    const auto& state = record.state;
    Binder{put}
        .add(record.rule)
        .add(record.key)
        .add(nlohmann::json(record.names).dump())
        .add(static_cast<int>(state.phase))
        .add(state.since)
        .add(state.first_look)
        .add(state.mute_until)
        .add(state.began)
        .add(state.clear_since)
        .add(state.over_at)
        .add(static_cast<int>(state.ending))
        .add(state.peak)
        .add(state.told)
        .add(state.held)
        .add(state.acted)
        .add(state.reminders)
        .add(state.sequence)
        .add(record.first_seen)
        .add(record.last_row)
        .add(state.former_begins[0])
        .add(state.former_begins[1])
        .add(state.flapping)
        .add(state.muted)
        .add(record.period);
    put.exec();
    put.reset();
}

void write_all_series(SQLite::Database& db, const std::vector<SeriesRecord>& records) {
    SQLite::Statement put{db, std::string{"INSERT OR REPLACE INTO alert_state("} + kColumns +
                                  ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"};
    SQLite::Statement forget{db, "DELETE FROM alert_state WHERE rule = ? AND series = ?"};
    for (const auto& record : records) {
        if (record.forgotten) {
            Binder{forget}.add(record.rule).add(record.key);
            forget.exec();
            forget.reset();
        } else {
            write_series(put, record);
        }
    }
}

void write_rules(SQLite::Database& db, const std::vector<RuleRecord>& rules) {
    SQLite::Statement put{db, "INSERT OR REPLACE INTO rule_state VALUES(?, ?, ?)"};
    for (const auto& rule : rules) {
        Binder{put}
            .add(rule.rule)
            .add(static_cast<std::int64_t>(rule.fingerprint))
            .add(rule.looked_at);
        put.exec();
        put.reset();
    }
}

void write_digests(SQLite::Database& db, const std::vector<DigestRecord>& digests) {
    SQLite::Statement put{db, "INSERT OR REPLACE INTO rule_digest VALUES(?, ?, ?, ?, ?, ?, ?)"};
    SQLite::Statement drop{db, "DELETE FROM rule_digest WHERE rule = ? AND series = ?"};
    for (const auto& digest : digests) {
        auto& statement = digest.episodes == 0 ? drop : put;
        Binder binder{statement};
        binder.add(digest.rule);
        if (digest.episodes == 0) {
            binder.add(digest.key);
        } else {
            binder.add(digest.episodes)
                .add(digest.key)
                .add(nlohmann::json(digest.names).dump())
                .add(digest.peak)
                .add(digest.began)
                .add(digest.over);
        }
        statement.exec();
        statement.reset();
    }
}

std::vector<DigestRecord> read_digests(SQLite::Database& db) {
    std::vector<DigestRecord> digests;
    SQLite::Statement query{
        db, "SELECT rule, episodes, series, names, peak, began, over FROM rule_digest"};
    while (query.executeStep()) {
        digests.push_back(
            {query.getColumn(0).getString(), query.getColumn(1).getInt64(),
             query.getColumn(2).getString(), names_from(query.getColumn(3).getString()),
             query.getColumn(4).getDouble(), second_at(query, 5), second_at(query, 6)});
    }
    return digests;
}

void write_events(SQLite::Database& db, const std::vector<Event>& events) {
    SQLite::Statement put{db,
                          "INSERT OR REPLACE INTO alert_event(id, what, at, rule, series, reason, "
                          "value) VALUES(?, ?, ?, ?, ?, ?, ?)"};
    for (const auto& event : events) {
        Binder{put}
            .add(event.id)
            .add(event.what)
            .add(event.at)
            .add(event.rule)
            .add(event.key)
            .add(event.reason)
            .add(event.value);
        put.exec();
        put.reset();
    }
}

}  // namespace

base::Schema schema() {
    return {"alerts", {kMigration1, kMigration2, kMigration3, kMigration4, kMigration5}};
}

SavedState load_state(SQLite::Database& db) {
    SavedState saved;
    SQLite::Statement time{db, "SELECT time FROM engine_state"};
    if (time.executeStep()) saved.time = second_at(time, 0);
    SQLite::Statement rules{db, "SELECT rule, fingerprint FROM rule_state"};
    while (rules.executeStep()) {
        saved.looked[rules.getColumn(0).getString()] =
            static_cast<std::uint64_t>(rules.getColumn(1).getInt64());
    }
    SQLite::Statement series{db, std::string{"SELECT "} + kColumns + " FROM alert_state"};
    while (series.executeStep()) {
        auto record = read_series(series);
        (is_known(record.state) ? saved.series : saved.unreadable).push_back(std::move(record));
    }
    saved.digests = read_digests(db);
    return saved;
}

void save_state(base::Database& database, const Step& step) {
    auto& db = database.handle();
    // Dropped rules come first: one may be back under its name in the same step.
    for (const auto& rule : step.dropped_rules) {
        for (const auto* table : {"alert_state", "rule_state", "rule_digest"}) {
            SQLite::Statement drop{db, std::string{"DELETE FROM "} + table + " WHERE rule = ?"};
            Binder{drop}.add(rule);
            drop.exec();
        }
    }
    write_all_series(db, step.series);
    write_rules(db, step.rules);
    write_digests(db, step.digests);
    write_events(db, step.events);
    for (const auto& jump : step.jumps) {
        const auto from = std::to_string(base::unix_seconds(jump.from));
        save_event(database, {EngineEvent::Kind::jumped, jump.to, from});
    }
    if (step.time == base::Second{}) return;
    SQLite::Statement time{db, "INSERT OR REPLACE INTO engine_state VALUES(1, ?)"};
    Binder{time}.add(step.time);
    time.exec();
}

std::vector<WindowRecord> load_windows(SQLite::Database& db) {
    std::vector<WindowRecord> records;
    SQLite::Statement query{db, "SELECT spec, head, seen, bytes FROM window_record ORDER BY spec"};
    while (query.executeStep()) {
        const auto bytes = query.getColumn(3);
        records.push_back({static_cast<std::uint64_t>(query.getColumn(0).getInt64()),
                           second_at(query, 1), second_at(query, 2), bytes.getString()});
    }
    return records;
}

void save_windows(base::Database& database, const std::vector<WindowRecord>& windows) {
    auto& db = database.handle();
    db.exec("DELETE FROM window_record");
    SQLite::Statement put{db, "INSERT OR REPLACE INTO window_record VALUES(?, ?, ?, ?)"};
    for (const auto& record : windows) {
        Binder{put}.add(static_cast<std::int64_t>(record.spec)).add(record.head).add(record.seen);
        put.bindNoCopy(4, record.bytes.data(), static_cast<int>(record.bytes.size()));
        put.exec();
        put.reset();
    }
}

std::vector<Silence> load_silences(SQLite::Database& db, base::Second now) {
    std::vector<Silence> silences;
    SQLite::Statement query{db, "SELECT id, ends, silence FROM silence WHERE ends > ? ORDER BY id"};
    Binder{query}.add(now);
    while (query.executeStep()) {
        auto silence = silence_from_json(query.getColumn(2).getString());
        if (!silence) continue;  // of a dimension that this version does not know
        silence->id = query.getColumn(0).getInt64();
        silence->until = second_at(query, 1);
        silences.push_back(std::move(*silence));
    }
    return silences;
}

std::int64_t add_silence(base::Database& database, const Silence& silence) {
    auto& db = database.handle();
    SQLite::Statement put{db, "INSERT INTO silence(ends, silence) VALUES(?, ?)"};
    Binder{put}.add(silence.until).add(to_json(silence));
    put.exec();
    return db.getLastInsertRowid();
}

bool end_silence(base::Database& database, std::int64_t id, base::Second now) {
    SQLite::Statement end{database.handle(),
                          "UPDATE silence SET ends = ? WHERE id = ? AND ends > ?"};
    Binder{end}.add(now).add(id).add(now);
    return end.exec() > 0;
}

std::vector<Event> load_history(SQLite::Database& db, base::Second from, base::Second until) {
    std::vector<Event> history;
    SQLite::Statement query{db,
                            "SELECT id, rule, series, at, what, reason, value FROM alert_event "
                            "WHERE at BETWEEN ? AND ? ORDER BY at, rule, series, what, id"};
    Binder{query}.add(from).add(until);
    while (query.executeStep()) {
        Event event;
        event.id = query.getColumn(0).getString();
        event.rule = query.getColumn(1).getString();
        event.key = query.getColumn(2).getString();
        event.at = second_at(query, 3);
        event.what = query.getColumn(4).getString();
        event.reason = query.getColumn(5).getString();
        if (!query.isColumnNull(6)) event.value = query.getColumn(6).getDouble();
        history.push_back(std::move(event));
    }
    return history;
}

bool prune_history(base::Database& database, base::Second before, int most) {
    bool more = false;
    for (const auto* sql : {"DELETE FROM alert_event WHERE (id, what) IN "
                            "(SELECT id, what FROM alert_event WHERE at < ? ORDER BY at LIMIT ?)",
                            "DELETE FROM engine_event WHERE id IN "
                            "(SELECT id FROM engine_event WHERE at < ? ORDER BY at LIMIT ?)",
                            "DELETE FROM silence WHERE id IN "
                            "(SELECT id FROM silence WHERE ends < ? ORDER BY ends LIMIT ?)"}) {
        SQLite::Statement prune{database.handle(), sql};
        Binder{prune}.add(before).add(most);
        more = prune.exec() >= most || more;
    }
    return more;
}

}  // namespace quotafuse::alerts
