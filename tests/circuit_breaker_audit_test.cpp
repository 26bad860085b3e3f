#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "circuit_breaker/audit.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace std::chrono_literals;
using Kind = TripResult::Kind;

namespace {

constexpr auto kNow = base::Second{base::Seconds{1'767'600'000}};

TripRequest request(std::int64_t channel, const std::string& trip, Mode mode = Mode::live) {
    return {.trip_id = trip,
            .channel = channel,
            .reason = "too dear",
            .gateway = sync::Gateway::one_api,
            .mode = mode,
            .even_if_last = true};
}

TripResult result(const TripRequest& asked, Kind kind, int status_written = 3) {
    TripResult made;
    made.kind = kind;
    made.request = asked;
    made.channel_name = "azure";
    made.status_written = status_written;
    made.dark_models = {"default/o1"};
    made.before = "{}";
    return made;
}

struct Fixture {
    tests::TempDir folder;
    base::Database store{folder.file("store.db"), {Audit::schema()}};
    Audit audit{store};

    std::vector<std::string> open() {
        std::vector<std::string> trips;
        for (const auto& trip : audit.open_trips()) trips.push_back(trip.trip_id);
        return trips;
    }
    std::vector<std::string> steps() {
        std::vector<std::string> lines;
        for (const auto& entry : audit.last(100)) {
            lines.push_back(
                fmt::format("{} {} {}: {}", entry.trip_id, entry.mode, entry.step, entry.why));
        }
        return lines;
    }
};

using Texts = std::vector<std::string>;

int note_statement(unsigned, void* statements, void* statement, void*) {
    static_cast<Texts*>(statements)
        ->emplace_back(sqlite3_sql(static_cast<sqlite3_stmt*>(statement)));
    return 0;
}

/// How SQLite carries out what `deed` asks for: the plans of the statements that it really runs.
template <class Deed>
std::string plans_of(base::Database& store, Deed deed) {
    Texts statements;
    auto* const handle = store.handle().getHandle();
    sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, note_statement, &statements);
    deed();
    sqlite3_trace_v2(handle, 0, nullptr, nullptr);
    std::string plans;
    for (const auto& sql : statements) {
        SQLite::Statement plan{store.handle(), "EXPLAIN QUERY PLAN " + sql};
        while (plan.executeStep()) plans += plan.getColumn(3).getString() + "\n";
    }
    return plans;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an intent is on record until it is answered, and answers count once") {
    audit.intend(request(3, "a"), {"ops-\"1\"", "运维"}, kNow);
    audit.intend(request(3, "a"), {}, kNow + 5s);
    audit.intend(request(4, "b", Mode::shadow), {}, kNow + 5s);
    const auto pending = audit.pending_intents();
    REQUIRE(pending.size() == 2);
    CHECK(pending[0].asked_at == kNow);
    CHECK(pending[0].notifiers == Texts{"ops-\"1\"", "运维"});
    CHECK(pending[0].request.channel == 3);
    CHECK(pending[0].request.reason == "too dear");
    CHECK(pending[0].request.gateway == sync::Gateway::one_api);
    CHECK(pending[0].request.mode == Mode::live);
    CHECK(pending[0].request.even_if_last);
    CHECK(pending[0].request.resumed);
    CHECK(pending[1].notifiers.empty());
    CHECK_FALSE(pending[1].request.resumed);  // a shadow trip cannot have been carried out
    audit.record(result(request(4, "b"), Kind::refused), kNow - 1s);

    audit.record(result(request(3, "a"), Kind::tripped), kNow + 1s);
    audit.record(result(request(3, "a"), Kind::tripped), kNow + 2s);
    CHECK(audit.pending_intents().empty());
    const auto entries = audit.last(10);
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].at == kNow + 1s);
    CHECK(entries[0].channel_name == "azure");
    CHECK(entries[0].step == "tripped");
    CHECK(entries[0].reason == "too dear");
}

TEST_CASE_FIXTURE(Fixture,
                  "an intent is undone with the transaction that it stands in, a record too") {
    {
        base::WriteTransaction transaction{store};
        audit.intend(request(3, "a"), {}, kNow);
        audit.record(result(request(4, "b"), Kind::refused), kNow);
    }
    CHECK(audit.pending_intents().empty());
    CHECK(audit.last(10).empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "limits count what is off and what is asked for, and shadow trips apart") {
    audit.record(result(request(1, "old"), Kind::tripped), kNow - 2h);
    audit.record(result(request(2, "a"), Kind::tripped), kNow - 30min);
    audit.record(result(request(3, "b", Mode::shadow), Kind::would_trip), kNow - 1min);
    audit.record(result(request(4, "c"), Kind::refused), kNow);
    audit.record(result(request(5, "d"), Kind::unknown), kNow);
    audit.record(result(request(6, "e"), Kind::failed), kNow);
    audit.intend(request(7, "f"), {}, kNow);
    audit.intend(request(2, "g"), {}, kNow);
    audit.intend(request(8, "h", Mode::shadow), {}, kNow);
    const auto counts = audit.counts(kNow);
    CHECK(counts.open == 4);              // channels 1, 2, 5, 7
    CHECK(counts.live_last_hour == 4);    // a, d, f, g
    CHECK(counts.shadow_last_hour == 2);  // b, h
    CHECK(open() == Texts{"old", "a", "d"});
}

TEST_CASE_FIXTURE(Fixture, "a channel that somebody changed is theirs from then on") {
    for (const auto& [channel, trip] :
         std::map<int, const char*>{{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}}) {
        audit.record(result(request(channel, trip), Kind::tripped), kNow);
    }
    audit.record(result(request(5, "e"), Kind::tripped, 2), kNow);
    const std::map<std::int64_t, int> states = {{1, 3}, {2, 1}, {3, 2}, {5, 2}};
    CHECK(audit.observe(states, kNow + 59s).empty());  // a replica may still show what was before

    Texts told;
    for (const auto& released : audit.observe(states, kNow + 60s))
        told.push_back(released.trip.trip_id + ": " + released.why);
    CHECK(told == Texts{"b: somebody enabled it again", "c: a person disabled it by hand",
                        "d: the channel was deleted"});
    CHECK(open() == Texts{"a", "e"});
    CHECK(audit.observe(states, kNow + 70s).empty());
    CHECK(audit.last(1).at(0).step == "released");
    std::vector<Audit::Cause> causes;
    for (const auto& entry : audit.last(4)) causes.push_back(entry.cause);
    CHECK(causes == std::vector{Audit::Cause::deleted, Audit::Cause::disabled_by_hand,
                                Audit::Cause::enabled, Audit::Cause::none});
    CHECK(audit.counts(kNow).open == 2);

    // The gateway turning our 2 into its 3 changes nothing; a 1 does.
    CHECK(audit.observe({{1, 3}, {5, 3}}, kNow + 80s).empty());
    CHECK(audit.observe({{1, 3}, {5, 1}}, kNow + 90s).size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "which channels were off at a time is known by their trips") {
    audit.record(result(request(1, "old"), Kind::tripped), kNow - 48h);
    audit.record(result(request(2, "off"), Kind::tripped), kNow - 1h);
    audit.record(result(request(3, "on"), Kind::tripped), kNow - 1h);
    audit.record(result(request(4, "guarded"), Kind::refused), kNow - 1h);
    audit.observe({{1, 3}, {2, 3}, {3, 1}}, kNow - 1min);
    audit.observe({{1, 3}, {2, 1}}, kNow + 1min);  // on again, but not at the time in question
    audit.record(result(request(5, "later"), Kind::tripped), kNow + 1min);
    const auto off = [&](base::Second from, std::size_t n) {
        Texts trips;
        for (const auto& entry : audit.off_at(kNow, from, n)) trips.push_back(entry.trip_id);
        return trips;
    };
    CHECK(off(kNow - 72h, 10) == Texts{"old", "off"});
    CHECK(off(kNow - 24h, 10) == Texts{"off"});
    CHECK(off(kNow - 72h, 1) == Texts{"off"});
}

TEST_CASE_FIXTURE(Fixture,
                  "a new trip of a channel ends its earlier one, and the truth ends an unknown") {
    audit.record(result(request(1, "a"), Kind::tripped), kNow);
    audit.record(result(request(1, "b"), Kind::tripped), kNow + 10s);
    CHECK(open() == Texts{"b"});
    audit.record(result(request(2, "c"), Kind::unknown), kNow);
    audit.record(result(request(2, "c"), Kind::tripped), kNow + 1s);
    CHECK(open() == Texts{"b", "c"});
    audit.record(result(request(1, "b"), Kind::tripped), kNow + 20s);  // told twice
    audit.record(result(request(2, "c"), Kind::unknown), kNow + 20s);
    CHECK(open() == Texts{"b", "c"});
    CHECK(steps() == Texts{"c live tripped: ", "c live unknown: ", "b live tripped: ",
                           "a live released: somebody enabled it again, and it was tripped again",
                           "a live tripped: "});
}

TEST_CASE_FIXTURE(Fixture, "what is finished is forgotten with time, what is open never") {
    audit.record(result(request(1, "open"), Kind::tripped), kNow);
    audit.record(result(request(2, "doubtful"), Kind::unknown), kNow);
    audit.record(result(request(3, "ended"), Kind::tripped), kNow);
    audit.record(result(request(4, "refused"), Kind::refused), kNow);
    audit.record(result(request(5, "young"), Kind::refused), kNow + 48h);
    audit.intend(request(6, "asked"), {}, kNow);
    const std::map<std::int64_t, int> states = {{1, 3}, {2, 3}, {3, 1}};
    CHECK(audit.observe(states, kNow + 60s).size() == 1);
    audit.prune(kNow + 48h);
    CHECK(steps() ==
          Texts{"young live refused: ", "doubtful live unknown: ", "open live tripped: "});
    CHECK(open() == Texts{"open", "doubtful"});
    CHECK(audit.pending_intents().size() == 1);
    CHECK(audit.counts(kNow + 49h).open == 3);
    CHECK(audit.observe({{1, 1}, {2, 1}}, kNow + 49h).size() == 2);
    audit.prune(kNow + 50h);
    CHECK(steps().empty());
}

TEST_CASE_FIXTURE(Fixture, "what a page asks each second costs the same however long the history") {
    CHECK(plans_of(store, [&] { audit.open_trips(); }) ==
          "SEARCH breaker_audit USING INDEX breaker_audit_open (open=?)\n");
    CHECK(plans_of(store, [&] { audit.last(10); }) ==
          "SCAN breaker_audit\n");  // by rowid from its end, no sorting: LIMIT ends it
    CHECK(plans_of(store, [&] { audit.prune(kNow); }) ==
          "SEARCH breaker_audit USING INDEX breaker_audit_at (at<?)\n");
    CHECK(plans_of(store, [&] { audit.counts(kNow); }).find("SCAN breaker_audit\n") ==
          std::string::npos);
}
