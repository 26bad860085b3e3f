#include <doctest/doctest.h>
#include <fmt/format.h>

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

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an intent is on record until it is answered, and answers count once") {
    audit.intend(request(3, "a"), kNow);
    audit.intend(request(3, "a"), kNow + 5s);
    const auto pending = audit.pending_intents();
    REQUIRE(pending.size() == 1);
    CHECK(pending[0].asked_at == kNow);
    CHECK(pending[0].request.channel == 3);
    CHECK(pending[0].request.reason == "too dear");
    CHECK(pending[0].request.gateway == sync::Gateway::one_api);
    CHECK(pending[0].request.mode == Mode::live);
    CHECK(pending[0].request.even_if_last);
    CHECK(pending[0].request.resumed);

    audit.record(result(request(3, "a"), Kind::tripped), kNow + 1s);
    audit.record(result(request(3, "a"), Kind::tripped), kNow + 2s);
    CHECK(audit.pending_intents().empty());
    const auto entries = audit.last(10);
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].at == kNow + 1s);
    CHECK(entries[0].channel_name == "azure");
    CHECK(entries[0].step == "tripped");
    CHECK(entries[0].reason == "too dear");
}

TEST_CASE_FIXTURE(Fixture,
                  "an intent is undone with the transaction that it stands in, a record too") {
    {
        base::WriteTransaction transaction{store};
        audit.intend(request(3, "a"), kNow);
        audit.record(result(request(4, "b"), Kind::refused), kNow);
    }
    CHECK(audit.pending_intents().empty());
    CHECK(audit.last(10).empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "limits count what is off, what is asked for, and shadow trips of the hour") {
    audit.record(result(request(1, "old"), Kind::tripped), kNow - 2h);
    audit.record(result(request(2, "a"), Kind::tripped), kNow - 30min);
    audit.record(result(request(3, "b", Mode::shadow), Kind::would_trip), kNow - 1min);
    audit.record(result(request(4, "c"), Kind::refused), kNow);
    audit.record(result(request(5, "d"), Kind::unknown), kNow);
    audit.record(result(request(6, "e"), Kind::failed), kNow);
    audit.intend(request(7, "f"), kNow);
    audit.intend(request(2, "g"), kNow);
    audit.intend(request(8, "h", Mode::shadow), kNow);
    const auto counts = audit.counts(kNow);
    CHECK(counts.open == 4);       // channels 1, 2, 5, 7
    CHECK(counts.last_hour == 6);  // a, b, d, f, g, h
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
    for (const auto& [trip, why] : audit.observe(states, kNow + 60s))
        told.push_back(trip.trip_id + ": " + why);
    CHECK(told == Texts{"b: somebody enabled it again", "c: a person disabled it by hand",
                        "d: the channel was deleted"});
    CHECK(open() == Texts{"a", "e"});
    CHECK(audit.observe(states, kNow + 70s).empty());
    CHECK(audit.last(1).at(0).step == "released");
    CHECK(audit.counts(kNow).open == 2);

    // The gateway turning our 2 into its 3 changes nothing; a 1 does.
    CHECK(audit.observe({{1, 3}, {5, 3}}, kNow + 80s).empty());
    CHECK(audit.observe({{1, 3}, {5, 1}}, kNow + 90s).size() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "a new trip of a channel ends its earlier one, and the truth ends an unknown") {
    audit.record(result(request(1, "a"), Kind::tripped), kNow);
    audit.record(result(request(1, "b"), Kind::tripped), kNow + 10s);
    CHECK(open() == Texts{"b"});
    audit.record(result(request(2, "c"), Kind::unknown), kNow);
    audit.record(result(request(2, "c"), Kind::tripped), kNow + 1s);
    CHECK(open() == Texts{"b", "c"});
    CHECK(steps() == Texts{"c live tripped: ", "c live unknown: ", "b live tripped: ",
                           "a live released: somebody enabled it again, and it was tripped again",
                           "a live tripped: "});
}
