#include <filesystem>

#include "circuit_breaker/pause.h"
#include "circuit_breaker_memory_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace quotafuse::tests::memory;

namespace {

// What released versions wrote: never changed, whatever the program's own migrations become.
constexpr const char* kFirst = R"(
CREATE TABLE breaker_intents(
    trip TEXT PRIMARY KEY, channel INTEGER NOT NULL, reason TEXT NOT NULL, mode TEXT NOT NULL,
    gateway TEXT NOT NULL, even_if_last INTEGER NOT NULL, asked_at INTEGER NOT NULL,
    notifiers TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE breaker_audit(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, trip TEXT NOT NULL, channel INTEGER NOT NULL,
    channel_name TEXT NOT NULL, mode TEXT NOT NULL, step TEXT NOT NULL, reason TEXT NOT NULL,
    why TEXT NOT NULL, status_written INTEGER NOT NULL, dark TEXT NOT NULL, unused_dark TEXT NOT NULL,
    before TEXT NOT NULL, after TEXT NOT NULL, open INTEGER NOT NULL,
    UNIQUE(trip, step)
);
CREATE INDEX breaker_audit_at ON breaker_audit(at);
CREATE INDEX breaker_audit_open ON breaker_audit(open) WHERE open = 1;
)";

constexpr const char* kSecond = R"(
ALTER TABLE breaker_audit ADD COLUMN cause TEXT NOT NULL DEFAULT '';
UPDATE breaker_audit SET cause = CASE why
    WHEN 'a person disabled it by hand' THEN 'disabled by hand'
    WHEN 'the channel was deleted' THEN 'deleted'
    ELSE 'enabled' END
WHERE step = 'released';
)";

constexpr const char* kThird = R"(
CREATE TABLE breaker_circuits(
    trip TEXT PRIMARY KEY, target_key TEXT NOT NULL, target_kind TEXT NOT NULL,
    channel INTEGER NOT NULL, model TEXT NOT NULL, token INTEGER NOT NULL, user INTEGER NOT NULL,
    token_name TEXT NOT NULL, name TEXT NOT NULL, gateway TEXT NOT NULL, reason TEXT NOT NULL,
    rule TEXT NOT NULL, series TEXT NOT NULL, state TEXT NOT NULL, opened_at INTEGER NOT NULL,
    status_written INTEGER NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    recover TEXT NOT NULL, back_at INTEGER NOT NULL, failed_trials INTEGER NOT NULL,
    trial_at INTEGER NOT NULL, kept TEXT NOT NULL, leading TEXT NOT NULL, pending TEXT NOT NULL,
    pending_at INTEGER NOT NULL, off_since INTEGER NOT NULL, asked_again INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX breaker_circuits_target ON breaker_circuits(target_key);
CREATE TABLE breaker_pause(
    id INTEGER PRIMARY KEY CHECK(id = 1), since INTEGER NOT NULL, until INTEGER NOT NULL,
    reason TEXT NOT NULL
);

ALTER TABLE breaker_intents ADD COLUMN target_kind TEXT NOT NULL DEFAULT 'channel';
ALTER TABLE breaker_intents ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN token INTEGER NOT NULL DEFAULT 0;
ALTER TABLE breaker_intents ADD COLUMN user INTEGER NOT NULL DEFAULT 0;
ALTER TABLE breaker_intents ADD COLUMN token_name TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN target_key TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN recover TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN back_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE breaker_intents ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN series TEXT NOT NULL DEFAULT '';
ALTER TABLE breaker_intents ADD COLUMN leading TEXT NOT NULL DEFAULT '';
UPDATE breaker_intents SET target_key = 'c' || channel;

-- Which gateway it was is not on record, but One API has no other_info.
INSERT OR REPLACE INTO breaker_circuits
SELECT trip, 'c' || channel, 'channel', channel, '', 0, 0, '', channel_name,
    iif(iif(after = '', before, after) LIKE '%"other_info":null%', 'one-api', 'new-api'), reason,
    '', '', iif(step = 'unknown', 'unsure', 'open'), at, status_written, before, after, '', 0, 0,
    0, '', '', '', 0, at, 0
FROM breaker_audit WHERE open = 1 ORDER BY id;
-- Of what nobody knows the intent is kept from now on, so that it is asked again.
INSERT OR IGNORE INTO breaker_intents(trip, channel, reason, mode, gateway, even_if_last, asked_at,
    notifiers, target_key)
SELECT trip, channel, reason, 'live', gateway, 0, opened_at, '[]', target_key
FROM breaker_circuits WHERE state = 'unsure';

CREATE TABLE breaker_entries(
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, trip TEXT NOT NULL, target_kind TEXT NOT NULL,
    channel INTEGER NOT NULL, model TEXT NOT NULL, token INTEGER NOT NULL, user INTEGER NOT NULL,
    token_name TEXT NOT NULL, name TEXT NOT NULL, mode TEXT NOT NULL, step TEXT NOT NULL,
    rule TEXT NOT NULL, series TEXT NOT NULL, reason TEXT NOT NULL, why TEXT NOT NULL,
    change TEXT NOT NULL, cause TEXT NOT NULL, status_written INTEGER NOT NULL, dark TEXT NOT NULL,
    unused_dark TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, leading TEXT NOT NULL
);
INSERT INTO breaker_entries
SELECT id, at, trip, 'channel', channel, '', 0, 0, '', channel_name, mode, step, '', '', reason,
    why, cause, '', status_written, dark, unused_dark, before, after, ''
FROM breaker_audit ORDER BY id;
DROP TABLE breaker_audit;
ALTER TABLE breaker_entries RENAME TO breaker_audit;
CREATE INDEX breaker_audit_at ON breaker_audit(at);
CREATE INDEX breaker_audit_trip ON breaker_audit(trip);
)";

constexpr const char* kRows = R"(
INSERT INTO breaker_audit(id, at, trip, channel, channel_name, mode, step, reason, why,
    status_written, dark, unused_dark, before, after, open) VALUES
(1, 1767500000, 'gone', 1, 'azure', 'live', 'tripped', 'r1', '', 3, '["default/o1"]', '["vip/o1"]',
    '{"status":1,"other_info":"","abilities":[]}',
    '{"status":3,"other_info":"{\"quotafuse\":{\"trip\":\"gone\"}}"}', 0),
(2, 1767500100, 'gone', 1, 'azure', 'live', 'released', 'r1', 'a person disabled it by hand', 0,
    '[]', '[]', '', '', 0),
(3, 1767590000, 'off', 2, 'aws', 'live', 'tripped', 'r2', 'note', 2, '[]', '[]',
    '{"status":1,"other_info":"{\"other_info\":null}","abilities":[]}',
    '{"status":2,"other_info":"{\"quotafuse\":{\"trip\":\"off\"}}"}', 1),
(4, 1767598000, 'one', 3, 'self', 'live', 'tripped', 'r3', '', 3, '[]', '[]',
    '{"status":1,"other_info":null,"abilities":[]}', '{"status":3,"other_info":null}', 1),
(5, 1767599000, 'lost', 4, 'ali', 'live', 'unknown', 'r4', 'broke', 3, '[]', '[]',
    '{"status":1,"other_info":"","abilities":[]}', '', 1),
(6, 1767599100, 'found', 5, 'baidu', 'live', 'unknown', 'r5', 'broke', 3, '[]', '[]', '{}', '', 0),
(7, 1767599200, 'found', 5, 'baidu', 'live', 'tripped', 'r5', '', 3, '[]', '[]', '', '{}', 1),
(8, 1767599300, 'guarded', 6, 'zhipu', 'live', 'refused', 'r6', 'last', 0, '[]', '[]', '', '', 0),
(9, 1767599400, 'would', 7, 'xai', 'shadow', 'would_trip', 'r7', '', 3, '[]', '[]', '{}', '', 0);
INSERT INTO breaker_intents(trip, channel, reason, mode, gateway, even_if_last, asked_at, notifiers)
    VALUES('asked', 8, 'r8', 'live', 'one-api', 1, 1767599990, '["ops"]');
)";

std::string rows_of_second() {
    return std::string{kRows} +
           "UPDATE breaker_audit SET cause = 'disabled by hand' WHERE step = 'released';";
}

// What is open, on trial, unsure, and waits for its return, with the steps that led there.
constexpr const char* kRowsOfThird = R"(
INSERT INTO breaker_circuits VALUES
('open', 'c1', 'channel', 1, '', 0, 0, '', 'azure', 'new-api', 'r1', 'burn', 's1', 'open',
    1767590000, 3, '{"status":1}', '{"status":3}', '{"kind":"after","wait":1800}', 1767591800, 0, 0,
    '', '{"id":"t17","name":"ci","share":90}', '', 0, 1767590000, 0),
('trial', 'c2', 'channel', 2, '', 0, 0, '', 'aws', 'one-api', 'r2', 'errors', 's2', 'trial',
    1767590100, 2, '{"status":1}', '{"status":1,"priority":1,"weight":0}',
    '{"kind":"half_open","wait":300,"longest":3600}', 1767590400, 2, 1767594000,
    '{"priority":5,"weight":2,"abilities":[],"trial":{"priority":1,"weight":0}}', '', '',
    1767594000, 1767593000, 1),
('model', 'm3/o1', 'model', 3, 'o1', 0, 0, '', 'self', 'new-api', 'r3', '', '', 'open', 1767590200,
    0, '{"models":"a,o1"}', '{"models":"a"}', '', 0, 0, 0, '', '', 'whole', 1767595000, 1767590200,
    0),
('again', 'c4', 'channel', 4, '', 0, 0, '', 'ali', 'new-api', 'r4', 'errors', 's4', 'trial',
    1767590300, 3, '{"status":1}', '{"status":1}', '{"kind":"half_open","wait":300,"longest":3600}', 1767590600, 0, 1767594000,
    '{"priority":7,"weight":3,"abilities":[],"trial":{"priority":0,"weight":3}}', '', 'again',
    1767595100, 1767590300, 0),
('begun', 'c5', 'channel', 5, '', 0, 0, '', 'baidu', 'new-api', 'r5', 'errors', 's5', 'open',
    1767590400, 3, '{"status":1}', '{"status":3}', '{"kind":"half_open","wait":300,"longest":3600}', 1767590700, 1, 0, '', '', 'trial',
    1767595200, 1767590400, 0),
('lost', 't17', 'token', 0, '', 17, 4, '', 'ci', 'new-api', 'r6', '', '', 'unsure', 1767590500, 2,
    '{"status":1}', '', '', 0, 0, 0, '', '', '', 0, 1767590500, 0);
INSERT INTO breaker_intents(trip, channel, reason, mode, gateway, even_if_last, asked_at, notifiers,
    target_kind, token, user, target_key)
VALUES('lost', 0, 'r6', 'live', 'new-api', 0, 1767590500, '["ops"]', 'token', 17, 4, 't17');
INSERT INTO breaker_audit VALUES
(1, 1767590000, 'open', 'channel', 1, '', 0, 0, '', 'azure', 'live', 'tripped', 'burn', 's1', 'r1',
    '', '', '', 3, '["default/o1"]', '[]', '{"status":1}', '{"status":3}',
    '{"id":"t17","name":"ci","share":90}'),
(2, 1767594000, 'trial', 'channel', 2, '', 0, 0, '', 'aws', 'live', 'trial', 'errors', 's2', 'r2',
    '', '', '', 0, '[]', '[]', '{"status":2}', '{"status":1,"priority":1,"weight":0}', ''),
(3, 1767595000, 'model', 'model', 3, 'o1', 0, 0, '', 'self', 'live', 'whole_asked', '', '', 'r3',
    'a person', '', '', 0, '[]', '[]', '{"models":"a"}', '', ''),
(4, 1767595050, 'gone', 'channel', 6, '', 0, 0, '', 'zhipu', 'live', 'released', '', '', 'r7',
    'somebody enabled it again', 'enabled', '', 0, '[]', '[]', '{"status":3}', '', ''),
(5, 1767595060, 'kept', 'channel', 7, '', 0, 0, '', 'xai', 'live', 'refused', 'burn', 's7', 'r8',
    'channel 7 is protected (breaker.protect)', '', 'protected', 0, '[]', '[]', '', '', '');
INSERT INTO breaker_pause VALUES(1, 1767599000, 0, 'holidays');
)";

/// A store as an earlier version left it, opened by this one.
struct Upgraded {
    explicit Upgraded(const std::vector<std::string>& former, const std::string& rows = kRows)
        : path(folder.file("s.db")) {
        base::Database store{path, {{"circuit_breaker", former}}};
        store.handle().exec(rows);
    }
    TempDir folder;
    std::string path;
};

Texts lines_of(const std::vector<Audit::Entry>& entries) {
    Texts lines;
    for (const auto& entry : entries) {
        lines.push_back(fmt::format(
            "{} {} {} {} {} {} {} [{}] [{}] [{}] {} {}", entry.id, base::unix_seconds(entry.at),
            entry.trip_id, stored_key(entry.target), entry.name, entry.mode, entry.step,
            entry.reason, entry.why, change_name(entry.change), entry.before, entry.after));
    }
    return lines;
}

void check_upgraded(const std::string& path) {
    base::Database store{path, {Audit::schema()}};
    Audit audit{store};
    const auto lines = lines_of(audit.last(100));
    REQUIRE(lines.size() == 9);
    CHECK(lines[0] == "9 1767599400 would c7 xai shadow would_trip [r7] [] [] {} ");
    CHECK(lines[1] == "8 1767599300 guarded c6 zhipu live refused [r6] [last] []  ");
    CHECK(lines[7] ==
          "2 1767500100 gone c1 azure live released [r1] [a person disabled it by hand] [disabled "
          "by hand]  ");
    CHECK(lines[8].find(R"({"status":1,"other_info":"","abilities":[]} {"status":3,)") !=
          std::string::npos);
    SQLite::Statement kept{
        store.handle(), "SELECT dark, unused_dark, status_written FROM breaker_audit WHERE id = 1"};
    REQUIRE(kept.executeStep());
    CHECK(kept.getColumn(0).getString() == R"(["default/o1"])");
    CHECK(kept.getColumn(1).getString() == R"(["vip/o1"])");
    CHECK(kept.getColumn(2).getInt() == 3);

    Texts circuits;
    for (const auto& one : audit.circuits().all()) {
        CHECK(one.recover == base::Recovery{});
        CHECK(one.back_at == base::Second{});
        CHECK_FALSE(one.pending);
        CHECK_FALSE(one.leading);
        CHECK(one.rule.empty());
        circuits.push_back(
            fmt::format("{} {} {} {} {} [{}] {} {}", one.trip_id, stored_key(one.target), one.name,
                        sync::gateway_name(one.gateway), state_name(one.state), one.reason,
                        base::unix_seconds(one.opened_at), one.status_written));
    }
    CHECK(circuits == Texts{"off c2 aws new-api open [r2] 1767590000 2",
                            "one c3 self one-api open [r3] 1767598000 3",
                            "lost c4 ali new-api unsure [r4] 1767599000 3",
                            "found c5 baidu new-api open [r5] 1767599200 3"});
    CHECK(audit.circuits().of_target(Target::of_channel(2))->after.find("\"status\":2") !=
          std::string::npos);
    const auto pending = audit.pending_intents();
    REQUIRE(pending.size() == 2);
    CHECK(pending[0].request.trip_id == "lost");  // asked again, by this version
    CHECK(pending[0].request.resumed);
    CHECK(pending[1].request.trip_id == "asked");
    CHECK(pending[1].request.target == Target::of_channel(8));
    CHECK(pending[1].request.even_if_last);
    CHECK(pending[1].request.gateway == sync::Gateway::one_api);
    CHECK(pending[1].request.recover == base::Recovery{});
    CHECK(pending[1].notifiers == Texts{"ops"});
    const auto counts = audit.counts(kNow);
    CHECK(counts.open == 4);            // channels 2, 3, 4, 5
    CHECK(counts.live_last_hour == 3);  // one, lost, found
    CHECK(counts.shadow_last_hour == 1);
    CHECK_FALSE(PauseBook{store}.at(kNow));

    // And it goes on.
    const auto asked = give(*audit.circuits().of_trip("off"), Way::whole);
    REQUIRE(audit.intend_return(asked, kNow));
    audit.record(returned(asked, ReturnResult::Kind::done), kNow);
    audit.record(result(request(4, "lost"), Kind::failed), kNow);
    audit.record(result(request(8, "asked"), Kind::tripped), kNow);
    CHECK(audit.circuits().all().size() == 3);
    CHECK(audit.last(1).at(0).id == 13);
    CHECK(audit.observe({{"one", Change::enabled}}, kNow, kNow).size() == 1);
}

}  // namespace

TEST_CASE("a store of the breaker's version 2 keeps every entry, and what is off has its circuit") {
    const Upgraded former{{kFirst, kSecond}, rows_of_second()};
    check_upgraded(former.path);
}

TEST_CASE("a store of the breaker's version 1 comes as far in one go") {
    const Upgraded former{{kFirst}};
    check_upgraded(former.path);
}

TEST_CASE("a store of the breaker's version 3 keeps what is off, on trial or asked for") {
    const Upgraded former{{kFirst, kSecond, kThird}, kRowsOfThird};
    base::Database store{former.path, {Audit::schema()}};
    Audit audit{store};
    Texts circuits;
    for (const auto& one : audit.circuits().all()) {
        CHECK(one.intended.empty());
        CHECK(one.told.empty());
        circuits.push_back(
            fmt::format("{} {} {} {} {} [{}] {} {} {}", one.trip_id, stored_key(one.target),
                        sync::gateway_name(one.gateway), state_name(one.state),
                        one.pending ? way_name(*one.pending) : "", one.rule, one.failed_trials,
                        one.asked_again, base::unix_seconds(one.off_since)));
    }
    CHECK(circuits == Texts{"open c1 new-api open  [burn] 0 false 1767590000",
                            "trial c2 one-api trial  [errors] 2 true 1767593000",
                            "model m3/o1 new-api open whole [] 0 false 1767590200",
                            "again c4 new-api trial again [errors] 0 false 1767590300",
                            "begun c5 new-api open trial [errors] 1 false 1767590400",
                            "lost t17 new-api unsure  [] 0 false 1767590500"});
    const auto trial = *audit.circuits().of_trip("trial");
    CHECK(trial.kept ==
          R"({"priority":5,"weight":2,"abilities":[],"trial":{"priority":1,"weight":0}})");
    CHECK(trial.recover == half_open());
    CHECK(audit.circuits().of_trip("open")->leading == LeadingKey{"t17", "ci", 90});
    CHECK(lines_of(audit.last(100)) ==
          Texts{"5 1767595060 kept c7 xai live refused [r8] [channel 7 is protected "
                "(breaker.protect)] []  ",
                "4 1767595050 gone c6 zhipu live released [r7] [somebody enabled it again] "
                "[enabled] {\"status\":3} ",
                "3 1767595000 model m3/o1 self live whole_asked [r3] [a person] [] "
                "{\"models\":\"a\"} ",
                "2 1767594000 trial c2 aws live trial [r2] [] [] {\"status\":2} "
                "{\"status\":1,\"priority\":1,\"weight\":0}",
                "1 1767590000 open c1 azure live tripped [r1] [] [] {\"status\":1} "
                "{\"status\":3}"});
    for (const auto& entry : audit.last(100)) CHECK(entry.recover == base::Recovery{});
    CHECK(audit.last(1).at(0).cause == "protected");
    const auto pending = audit.pending_intents();
    REQUIRE(pending.size() == 1);
    CHECK(pending[0].request.target.token == 17);
    CHECK(pending[0].notifiers == Texts{"ops"});
    REQUIRE(PauseBook{store}.at(kNow));
    CHECK(PauseBook{store}.at(kNow)->reason == "holidays");

    // And it goes on.
    CHECK_FALSE(audit.intend_return(give(*audit.circuits().of_trip("model"), Way::whole), kNow));
    audit.record(
        returned(give(*audit.circuits().of_trip("model"), Way::whole), ReturnResult::Kind::done),
        kNow);
    auto again =
        returned(give(*audit.circuits().of_trip("again"), Way::again), ReturnResult::Kind::done);
    again.status_written = 3;
    audit.record(again, kNow);
    CHECK(audit.circuits().of_trip("again")->failed_trials == 1);
    CHECK(audit.circuits().of_trip("again")->back_at > kNow);
    auto read = returned(give(*audit.circuits().of_trip("begun"), Way::trial),
                         ReturnResult::Kind::ranks_read);
    read.kept = R"({"priority":5})";
    audit.record(read, kNow);
    CHECK(audit.circuits().of_trip("begun")->intended == read.kept);
    const auto settled = give(trial, Way::settle);
    REQUIRE(audit.intend_return(settled, kNow));
    audit.record(returned(settled, ReturnResult::Kind::done), kNow);
    CHECK(audit.last(1).at(0).recover == half_open());
    audit.record(result(pending[0].request, Kind::failed), kNow);
    CHECK(audit.circuits().all().size() == 3);
    CHECK(audit.pending_intents().empty());
}

TEST_CASE("an upgrade of the breaker's tables that fails leaves them as they were") {
    const Upgraded former{{kFirst, kSecond}, rows_of_second()};
    auto broken = Audit::schema();
    broken.migrations[2] += "CREATE TABLE broken(";
    CHECK_THROWS((base::Database{former.path, {broken}}));
    check_upgraded(former.path);
}

TEST_CASE("stores that released programs wrote keep their open trips") {
    for (const auto& [version, channels] :
         {std::pair{"v1.db", Texts{"c6", "c3"}}, {"v2.db", Texts{"c6", "c3"}}}) {
        const TempDir folder;
        const auto path = folder.file("s.db");
        std::filesystem::copy_file(std::string{QUOTAFUSE_STORES} + "/" + version, path);
        base::Database store{path, {Audit::schema()}};
        Audit audit{store};
        Texts off;
        for (const auto& circuit : audit.circuits().all()) {
            off.push_back(stored_key(circuit.target));
            CHECK(circuit.state == Circuit::State::open);
            CHECK(circuit.gateway == sync::Gateway::new_api);
            CHECK(circuit.status_written == 3);
            CHECK(circuit.before.find("\"abilities\"") != std::string::npos);
            CHECK(circuit.after.find(circuit.trip_id) != std::string::npos);
        }
        CHECK(off == channels);
    }
}
