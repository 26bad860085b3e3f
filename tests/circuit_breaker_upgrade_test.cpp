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
