#include <map>

#include "circuit_breaker_memory_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests::memory;

namespace {

Texts told(const std::vector<Audit::Released>& released) {
    Texts lines;
    for (const auto& [circuit, change] : released)
        lines.push_back(circuit.trip_id + ": " + change_name(change));
    return lines;
}

bool scans_entries(const std::string& plans) {
    for (const auto* const name : {"breaker_audit", "entry", "tripped"}) {
        if (plans.find(std::string{"SCAN "} + name) != std::string::npos) return true;
    }
    return false;
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
    CHECK(pending[0].request.target == Target::of_channel(3));
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
    audit.intend(request(3, "a"), {}, kNow + 3s);  // answered: it is not asked for again
    CHECK(audit.pending_intents().empty());
    const auto entries = audit.of_trip("a");
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].step == "intent");
    CHECK(entries[0].at == kNow);
    CHECK(entries[1].at == kNow + 1s);
    CHECK(entries[1].name == "azure");
    CHECK(entries[1].step == "tripped");
    CHECK(entries[1].reason == "too dear");
    CHECK(entries[1].before == R"({"status":1})");
    CHECK(entries[1].after == R"({"status":3})");
    CHECK(entries[1].id > entries[0].id);
}

TEST_CASE_FIXTURE(Fixture, "an intent keeps all that was asked for, for every kind of target") {
    Target key{.kind = Target::Kind::token, .user = 4, .token_name = "c'i"};
    std::map<std::string, TripRequest> asked;
    for (const auto& target : {Target::of_model(3, "gpt-4o/µ"), Target::of_token(17), key}) {
        auto one = request(target, stored_key(target));
        one.rule = "burn";
        one.series = "channel=3";
        one.recover = half_open();
        one.recover.attempts = 7;
        one.recover.most_errors = 1;
        one.recover.probe_time = 90s;
        one.back_at = kNow + 1h;
        one.leading = LeadingKey{"t17", "ci (alice)", 93};
        asked[one.trip_id] = one;
        audit.intend(one, {}, kNow);
    }
    const auto pending = audit.pending_intents();
    REQUIRE(pending.size() == 3);
    for (const auto& [request, at, notifiers] : pending) {
        const auto& one = asked[request.trip_id];
        CHECK(request.target == one.target);
        CHECK(request.rule == "burn");
        CHECK(request.series == "channel=3");
        CHECK(request.recover == one.recover);
        CHECK(request.back_at == kNow + 1h);
        CHECK(request.leading == one.leading);
        const auto entries = audit.of_trip(request.trip_id);
        REQUIRE(entries.size() == 1);
        CHECK(entries[0].target == one.target);
        CHECK(entries[0].rule == "burn");
        CHECK(entries[0].series == "channel=3");
    }
}

TEST_CASE_FIXTURE(Fixture,
                  "an intent is undone with the transaction that it stands in, a record too") {
    {
        base::WriteTransaction transaction{store};
        audit.intend(request(3, "a"), {}, kNow);
        audit.record(result(request(4, "b"), Kind::refused), kNow);
        audit.record(result(request(5, "c"), Kind::tripped), kNow);
    }
    CHECK(audit.pending_intents().empty());
    CHECK(audit.last(10).empty());
    CHECK(open().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "limits count what is off, not what waits for its turn, and shadow trips apart") {
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
    CHECK(counts.open == 3);              // channels 1, 2, 5
    CHECK(counts.live_last_hour == 2);    // a, d
    CHECK(counts.shadow_last_hour == 1);  // b
    CHECK(counts.live_keys_last_hour == 0);
    CHECK(counts.shadow_keys_last_hour == 0);
    CHECK(open() == Texts{"old", "a", "d"});
}

TEST_CASE_FIXTURE(Fixture, "keys are counted apart, and a model as a channel is") {
    audit.record(result(request(Target::of_token(1), "a"), Kind::tripped), kNow - 2h);
    audit.record(result(request(Target::of_token(2), "b"), Kind::tripped), kNow);
    audit.record(result(request(Target::of_token(3), "c"), Kind::would_trip), kNow);
    audit.intend(request(Target::of_token(4), "d"), {}, kNow);
    audit.record(result(request(Target::of_model(3, "o1"), "e"), Kind::tripped), kNow);
    audit.record(result(request(Target::of_model(3, "o3"), "f"), Kind::tripped), kNow);
    const auto counts = audit.counts(kNow);
    CHECK(counts.open == 2);
    CHECK(counts.live_last_hour == 2);
    CHECK(counts.shadow_last_hour == 0);
    CHECK(counts.live_keys_last_hour == 1);    // b
    CHECK(counts.shadow_keys_last_hour == 1);  // c
}

TEST_CASE_FIXTURE(Fixture, "what nobody knows is asked again and counts once until it is known") {
    const auto unknown = [&](const std::string& trip, std::int64_t channel) {
        audit.intend(request(channel, trip), {"ops"}, kNow);
        auto lost = result(request(channel, trip), Kind::unknown);
        lost.after = "";
        audit.record(lost, kNow);
        audit.record(lost, kNow + 1s);
    };
    unknown("a", 1);
    unknown("b", 2);
    unknown("c", 3);
    unknown("d", 4);
    unknown("e", 5);
    CHECK(audit.counts(kNow).open == 5);
    CHECK(audit.counts(kNow).live_last_hour == 5);
    CHECK(audit.recent(kNow).size() == 5);
    REQUIRE(audit.pending_intents().size() == 5);
    CHECK(audit.pending_intents()[0].request.resumed);
    CHECK(audit.pending_intents()[0].notifiers == Texts{"ops"});
    CHECK(circuit("a").state == Circuit::State::unsure);

    auto found = result(request(1, "a"), Kind::tripped, 2);  // by its mark: not what was before
    found.before = "";
    found.name = "";
    audit.record(found, kNow + 10s);
    CHECK(circuit("a").state == Circuit::State::open);
    CHECK(circuit("a").opened_at == kNow + 10s);
    CHECK(circuit("a").before == R"({"status":1})");
    CHECK(circuit("a").after == R"({"status":3})");
    CHECK(circuit("a").status_written == 2);
    CHECK(circuit("a").name == "azure");
    audit.record(result(request(2, "b"), Kind::already_off), kNow + 10s);
    audit.record(result(request(3, "c"), Kind::failed), kNow + 10s);
    audit.record(result(request(5, "e"), Kind::lost_race), kNow + 10s);
    CHECK(open() == Texts{"d", "a"});
    CHECK(audit.counts(kNow).open == 2);
    CHECK(audit.counts(kNow).live_last_hour == 2);
    CHECK(audit.recent(kNow).size() == 2);
    audit.record(result(request(1, "a"), Kind::unknown), kNow + 20s);
    CHECK(circuit("a").state == Circuit::State::open);

    // That a look finds it on is nobody's doing: it may never have been off. It is asked again.
    CHECK(audit.observe({{"d", Change::enabled}}, kNow + 20s, kNow + 21s).empty());
    CHECK(audit.pending_intents().size() == 1);
    CHECK(audit.counts(kNow).live_last_hour == 2);
    audit.record(result(request(4, "d"), Kind::tripped), kNow + 23s);  // it was asked again
    CHECK(open() == Texts{"a", "d"});
    CHECK(audit.counts(kNow).live_last_hour == 2);
}

TEST_CASE_FIXTURE(Fixture, "the trips of the last hour are known with their leading key") {
    auto first = request(1, "a");
    first.leading = LeadingKey{"t17", "ci", 93};
    audit.record(result(first, Kind::tripped), kNow - 50min);
    audit.record(result(request(2, "old"), Kind::tripped), kNow - 61min);
    audit.record(result(request(3, "b", Mode::shadow), Kind::would_trip), kNow - 40min);
    audit.record(result(request(4, "c"), Kind::tripped), kNow - 30min);
    audit.observe({{"c", Change::enabled}}, kNow - 20min, kNow - 20min);
    audit.record(result(request(5, "refused"), Kind::refused), kNow - 10min);
    audit.intend(request(Target::of_token(9), "d"), {}, kNow);
    const auto recent = audit.recent(kNow);
    REQUIRE(recent.size() == 3);
    CHECK(recent[0].target == Target::of_channel(4));
    CHECK(recent[0].ended);
    CHECK(recent[1].target == Target::of_channel(3));
    CHECK(recent[1].mode == Mode::shadow);
    CHECK_FALSE(recent[1].ended);
    CHECK(recent[2].target == Target::of_channel(1));
    CHECK(recent[2].at == kNow - 50min);
    CHECK(recent[2].leading == first.leading);
    CHECK_FALSE(recent[2].ended);
}

TEST_CASE_FIXTURE(Fixture, "what somebody changed is theirs from then on") {
    for (const auto& [channel, trip] :
         std::map<int, const char*>{{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}, {5, "e"}}) {
        audit.record(result(request(channel, trip), Kind::tripped), kNow);
    }
    const std::vector<Sighting> seen{
        {"a", Change::none},    {"b", Change::enabled},          {"c", Change::disabled_by_hand},
        {"d", Change::deleted}, {"e", Change::gateway_disabled}, {"nobody's", Change::deleted}};
    CHECK(audit.observe(seen, kNow, kNow + 5s).empty());  // began in the second of the trips
    const auto released = audit.observe(seen, kNow + 1s, kNow + 60s);
    CHECK(told(released) == Texts{"b: enabled", "c: disabled by hand", "d: deleted"});
    CHECK(released.at(0).circuit.target == Target::of_channel(2));
    CHECK(open() == Texts{"a", "e"});
    CHECK(audit.observe(seen, kNow + 1s, kNow + 70s).empty());
    Texts entries;
    for (const auto& entry : audit.last(4)) {
        entries.push_back(fmt::format("{} {} {} [{}] {} {}", entry.step, entry.trip_id,
                                      change_name(entry.change), entry.why, entry.before,
                                      entry.name));
    }
    CHECK(entries == Texts{R"(released d deleted [it was deleted] {"status":3} azure)",
                           R"(released c disabled by hand [a person disabled it by hand] )"
                           R"({"status":3} azure)",
                           R"(released b enabled [somebody enabled it again] {"status":3} azure)",
                           R"(tripped e  [] {"status":1} azure)"});
    CHECK(audit.counts(kNow).open == 2);
}

TEST_CASE_FIXTURE(Fixture, "which targets were off at a time is known by their trips") {
    audit.record(result(request(1, "old"), Kind::tripped), kNow - 48h);
    audit.record(result(request(2, "off"), Kind::tripped), kNow - 1h);
    audit.record(result(request(3, "on"), Kind::tripped), kNow - 1h);
    audit.record(result(request(4, "guarded"), Kind::refused), kNow - 1h);
    audit.observe({{"on", Change::enabled}}, kNow - 1min, kNow - 1min);
    // On again, but not at the time in question.
    audit.observe({{"off", Change::enabled}}, kNow + 1min, kNow + 1min);
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
                  "a new trip of a target ends its earlier one, and the truth ends an unknown") {
    audit.record(result(request(1, "a"), Kind::tripped), kNow);
    audit.record(result(request(Target::of_model(1, "o1"), "model"), Kind::tripped), kNow);
    audit.record(result(request(1, "b"), Kind::tripped), kNow + 10s);
    CHECK(open() == Texts{"model", "b"});  // the channel's model is a target of its own
    audit.record(result(request(2, "c"), Kind::unknown), kNow);
    audit.record(result(request(2, "c"), Kind::tripped), kNow + 1s);
    CHECK(open() == Texts{"model", "c", "b"});
    audit.record(result(request(1, "b"), Kind::tripped), kNow + 20s);  // told twice
    audit.record(result(request(2, "c"), Kind::unknown), kNow + 20s);
    CHECK(open() == Texts{"model", "c", "b"});
    CHECK(steps() == Texts{"c live tripped: ", "c live unknown: ",
                           "a live released: somebody enabled it again, and it was tripped again",
                           "b live tripped: ", "model live tripped: ", "a live tripped: "});
    audit.record(result(request(2, "d"), Kind::unknown), kNow + 30s);
    audit.record(result(request(2, "e"), Kind::tripped), kNow + 31s);
    CHECK(open() == Texts{"model", "b", "e"});
    CHECK(steps().at(0) == "d live released: it was on, and was tripped again");
}

TEST_CASE_FIXTURE(Fixture, "a trip that was found after a restart into shadow mode is a live one") {
    audit.intend(request(1, "a"), {}, kNow);
    audit.record(result(request(1, "a", Mode::shadow), Kind::tripped), kNow + 1s);
    audit.record(result(request(2, "b"), Kind::unknown), kNow + 1s);
    audit.record(result(request(2, "b", Mode::shadow), Kind::would_trip), kNow + 2s);
    CHECK(open() == Texts{"a"});
    CHECK(steps() == Texts{"b shadow would_trip: ", "b live unknown: ", "a live tripped: ",
                           "a live intent: "});
    CHECK(audit.counts(kNow).live_last_hour == 1);
    CHECK(audit.counts(kNow).shadow_last_hour == 1);
}

TEST_CASE_FIXTURE(Fixture, "what is finished is forgotten with time, what is open never") {
    audit.record(result(request(1, "open"), Kind::tripped), kNow);
    audit.record(result(request(2, "doubtful"), Kind::unknown), kNow);
    audit.record(result(request(3, "ended"), Kind::tripped), kNow);
    audit.record(result(request(4, "refused"), Kind::refused), kNow);
    audit.record(result(request(5, "young"), Kind::refused), kNow + 48h);
    audit.intend(request(6, "asked"), {}, kNow);
    CHECK(audit.observe({{"ended", Change::enabled}}, kNow + 60s, kNow + 60s).size() == 1);
    audit.prune(kNow + 48h);
    CHECK(steps() == Texts{"asked live intent: ", "young live refused: ", "doubtful live unknown: ",
                           "open live tripped: "});
    CHECK(open() == Texts{"doubtful", "open"});
    CHECK(audit.pending_intents().size() == 1);
    CHECK(audit.counts(kNow + 49h).open == 2);
    const std::vector<Sighting> seen{{"open", Change::enabled}, {"doubtful", Change::enabled}};
    CHECK(audit.observe(seen, kNow + 49h, kNow + 49h).size() == 1);
    audit.record(result(request(2, "doubtful"), Kind::failed), kNow + 49h);
    audit.record(result(request(6, "asked"), Kind::failed), kNow + 49h);
    audit.prune(kNow + 50h);
    CHECK(steps().empty());
}

TEST_CASE_FIXTURE(Fixture, "a remark of its own stands in the audit and changes nothing") {
    const auto circuit = trip(request(Target::of_model(3, "o1"), "a"));
    audit.note(circuit, "still_serving", "7 requests since", kNow + 5min);
    const auto entries = audit.of_trip("a");
    REQUIRE(entries.size() == 2);
    CHECK(entries[1].step == "still_serving");
    CHECK(entries[1].why == "7 requests since");
    CHECK(entries[1].at == kNow + 5min);
    CHECK(entries[1].target == circuit.target);
    CHECK(entries[1].before == entries[1].after);
    CHECK(open() == Texts{"a"});
    CHECK(audit.counts(kNow).live_last_hour == 1);
}

TEST_CASE_FIXTURE(Fixture, "what a page asks each second costs the same however long the history") {
    CHECK(plans_of(store, [&] { audit.last(10); }) ==
          "SCAN breaker_audit\n");  // by rowid from its end, no sorting: LIMIT ends it
    CHECK(plans_of(store, [&] { audit.last_outcomes(10); }) ==
          "SEARCH breaker_audit USING INTEGER PRIMARY KEY (rowid<?)\n");
    CHECK(plans_of(store, [&] { audit.between(kNow - 1h, kNow, 10); }) ==
          "SEARCH breaker_audit USING INDEX breaker_audit_at (at>? AND at<?)\n");
    CHECK(plans_of(store, [&] { audit.of_trip("a"); }) ==
          "SEARCH breaker_audit USING INDEX breaker_audit_trip (trip=?)\n");
    const auto pruning = plans_of(store, [&] { audit.prune(kNow); });
    CHECK(pruning.find("SEARCH breaker_audit USING INDEX breaker_audit_at (at<?)\n") == 0);
    const auto trips = "SEARCH entry USING INDEX breaker_audit_at (at>?)\n";
    const auto counting = plans_of(store, [&] { audit.counts(kNow); });
    const auto listing = plans_of(store, [&] { audit.recent(kNow); });
    const auto looking_back = plans_of(store, [&] { audit.off_at(kNow, kNow - 72h, 10); });
    CHECK(counting.find(trips) != std::string::npos);
    CHECK(listing.find(trips) != std::string::npos);
    const auto recording = plans_of(store, [&] {
        audit.intend(request(1, "a"), {}, kNow);
        audit.record(result(request(1, "a"), Kind::tripped), kNow);
    });
    for (const auto& plans : {pruning, counting, listing, looking_back, recording})
        CHECK_FALSE_MESSAGE(scans_entries(plans), plans);
}

TEST_CASE_FIXTURE(Fixture, "a pause is on record, counts for nothing, and is forgotten with time") {
    audit.note_pause("paused", "a move", "a person, until noon", Mode::live, kNow);
    audit.note_pause("resumed", "a move", "a person", Mode::live, kNow + 1min);
    CHECK(steps() == Texts{" live resumed: a person", " live paused: a person, until noon"});
    CHECK(audit.last(1).front().reason == "a move");
    CHECK(open().empty());
    const auto counts = audit.counts(kNow + 2min);
    CHECK(counts.live_last_hour + counts.shadow_last_hour + counts.open == 0);
    CHECK(audit.recent(kNow + 2min).empty());
    audit.prune(kNow + 1min);
    CHECK(audit.last(10).size() == 1);
}
