// What pages, `quotafuse breaker list` and others read of the breaker.
#include "daemon/breaker_json.h"
#include "daemon_breaker_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using Json = nlohmann::json;

TEST_CASE("a circuit tells what is off, since when, why, and how it comes back") {
    circuit_breaker::Circuit circuit;
    circuit.trip_id = "t1";
    circuit.target = Target::of_model(3, "gpt-4o");
    circuit.name = "azure";
    circuit.reason = "burn: too much";
    circuit.rule = "burn";
    circuit.opened_at = base::from_unix(kNoon);
    const auto plain = circuit_json(circuit);
    CHECK(plain == Json::parse(R"({
        "trip_id": "t1", "kind": "model", "channel": 3, "model": "gpt-4o", "token": 0, "user": 0,
        "token_name": "", "name": "azure", "mode": "live", "state": "open", "since": 1767585600,
        "reason": "burn: too much", "rule": "burn", "recover": "manual", "back_at": null,
        "failed_trials": 0, "trial_at": null, "pending": null, "leading": null,
        "before": null, "after": null, "ranks": null})"));
    circuit.state = circuit_breaker::Circuit::State::trial;
    circuit.recover.kind = base::Recovery::Kind::half_open;
    circuit.back_at = base::from_unix(kNoon + 300);
    circuit.trial_at = base::from_unix(kNoon + 301);
    circuit.failed_trials = 2;
    circuit.pending = circuit_breaker::Way::settle;
    circuit.leading = circuit_breaker::LeadingKey{"t7", "ci (alice)", 85};
    const auto full = circuit_json(circuit);
    CHECK(full.at("state") == "trial");
    CHECK(full.at("recover") == "half_open");
    CHECK(full.at("back_at") == kNoon + 300);
    CHECK(full.at("trial_at") == kNoon + 301);
    CHECK(full.at("failed_trials") == 2);
    CHECK(full.at("pending") == "settle");
    CHECK(full.at("leading") == Json{{"id", "t7"}, {"name", "ci (alice)"}, {"share", 85}});
}

TEST_CASE("the whole has what is open, the newest steps first, and the pause") {
    Ledger ledger;
    ledger.config.breaker.mode = circuit_breaker::Mode::live;
    Ledger::Asked asked;
    asked.kind = TripResult::Kind::refused;
    asked.cause.kind = TripCause::Kind::max_open;
    ledger.trip(kNoon, asked);
    asked = {};
    asked.kind = TripResult::Kind::tripped;
    asked.target = Target::of_token(17);
    const auto id = ledger.trip(kNoon + 60, asked);
    const auto none = breaker_json(ledger.audit(), {}, ledger.config, 10);
    CHECK(none.at("mode") == "live");
    CHECK(none.at("paused").is_null());
    REQUIRE(none.at("open").size() == 1);
    CHECK(none.at("open")[0].at("trip_id") == id);
    CHECK(none.at("open")[0].at("kind") == "token");
    CHECK(none.at("open")[0].at("token") == 17);
    REQUIRE(none.at("recent").size() == 2);
    CHECK(none.at("recent")[0].at("result") == "tripped");
    CHECK(none.at("recent")[1].at("result") == "refused");
    CHECK(none.at("recent")[1].at("cause") == "max_open");
    CHECK(none.at("recent")[1].at("channel") == 3);
    CHECK(none.at("recent")[1].at("at") == kNoon);
    CHECK(breaker_json(ledger.audit(), {}, ledger.config, 1).at("recent").size() == 1);
    circuit_breaker::Pause pause{base::from_unix(kNoon), {}, "a move"};
    CHECK(breaker_json(ledger.audit(), pause, ledger.config, 1).at("paused") ==
          Json{{"since", kNoon}, {"until", nullptr}, {"reason", "a move"}});
    pause.until = base::from_unix(kNoon + 60);
    CHECK(breaker_json(ledger.audit(), pause, ledger.config, 1).at("paused").at("until") ==
          kNoon + 60);
}

TEST_CASE("an answer says whether it is as asked, in a sentence with the reason") {
    TripResult trip;
    trip.kind = TripResult::Kind::tripped;
    trip.request.target = Target::of_channel(3);
    trip.name = "azure";
    trip.dark_models = {"default/gpt-4o"};
    trip.unused_dark = {"vip/o3"};
    CHECK(Json::parse(answer_json(trip)) == Json{{"done", true},
                                                 {"ok", true},
                                                 {"outcome", "tripped"},
                                                 {"text", "channel 3 (azure) is off"},
                                                 {"dark", {"default/gpt-4o"}},
                                                 {"unused_dark", {"vip/o3"}},
                                                 {"traffic_seconds", 86400}});
    trip.kind = TripResult::Kind::would_trip;
    CHECK(Json::parse(answer_json(trip)).at("ok") == true);
    trip.kind = TripResult::Kind::refused;
    explain(trip, {.kind = TripCause::Kind::paused});
    const auto refused = Json::parse(answer_json(trip));
    CHECK(refused.at("ok") == false);
    CHECK(refused.at("outcome") == "refused");
    CHECK(refused.at("text") ==
          "channel 3 (azure) was not switched off: the breaker is paused; `quotafuse breaker "
          "resume` ends that");
    explain(trip, {.kind = TripCause::Kind::last_usable, .pairs = {{"default/o1", 7}}});
    CHECK(Json::parse(answer_json(trip)).at("text") ==
          "channel 3 (azure) was not switched off: it is the last usable one for default/o1 (7 "
          "requests in the last 24 h); --even-if-last switches it off all the same");
    for (const auto kind : {TripResult::Kind::already_off, TripResult::Kind::lost_race,
                            TripResult::Kind::failed, TripResult::Kind::unknown}) {
        trip.kind = kind;
        CHECK(Json::parse(answer_json(trip)).at("ok") == false);
    }
    using circuit_breaker::Way;
    using Kind = circuit_breaker::ReturnResult::Kind;
    circuit_breaker::ReturnResult result;
    result.request.circuit.target = Target::of_token(17);
    result.request.circuit.name = "ci";
    result.kind = Kind::done;
    CHECK(Json::parse(answer_json(result)).at("text") == "key 17 (ci) is given back");
    result.request.way = Way::again;
    CHECK(Json::parse(answer_json(result)).at("text") == "key 17 (ci) is off again");
    result.request.way = Way::whole;
    result.kind = Kind::would_be;
    CHECK(Json::parse(answer_json(result)).at("ok") == true);
    result.kind = Kind::theirs;
    result.why = "somebody enabled it";
    const auto theirs = Json::parse(answer_json(result));
    CHECK(theirs.at("ok") == false);
    CHECK(theirs.at("outcome") == "theirs");
    CHECK(theirs.at("text") ==
          "key 17 (ci) is left as it is, and quotafuse no longer answers for it: somebody enabled "
          "it");
    for (const auto kind : {Kind::refused, Kind::failed, Kind::unknown}) {
        result.kind = kind;
        CHECK(Json::parse(answer_json(result)).at("ok") == false);
    }
}

TEST_CASE("recoveries read as rule files write them, and objects with their names") {
    using Kind = base::Recovery::Kind;
    CHECK(recover_text({}) == "manual");
    CHECK(recover_text({.kind = Kind::after, .wait = base::Seconds{1800}}) == "after 30m");
    CHECK(recover_text({.kind = Kind::tomorrow}) == "until tomorrow");
    CHECK(recover_text({.kind = Kind::next_month}) == "until next_month");
    CHECK(recover_text({.kind = Kind::half_open}) == "half_open");
    CHECK(object_text(Target::of_channel(3), "azure") == "channel 3 (azure)");
    CHECK(object_text(Target::of_channel(3), "") == "channel 3");
    CHECK(object_text(Target::of_model(3, "o3"), "azure") == "model o3 of channel 3 (azure)");
    CHECK(object_text(Target::of_token(17), "ci") == "key 17 (ci)");
    Target named;
    named.kind = Target::Kind::token;
    named.user = 4;
    named.token_name = "ci";
    CHECK(object_text(named, "ci") == "key 'ci' of user 4");
}

TEST_CASE("what is on record of an order answers as the order itself was answered") {
    using Kind = TripResult::Kind;
    Ledger ledger;
    for (const auto kind : {Kind::tripped, Kind::would_trip, Kind::refused, Kind::already_off,
                            Kind::lost_race, Kind::failed, Kind::unknown}) {
        Ledger::Asked asked{.rule = "", .series = "", .kind = kind};
        if (kind == Kind::refused) asked.cause.kind = TripCause::Kind::max_open;
        const auto id = ledger.trip(kNoon, asked);
        CAPTURE(circuit_breaker::kind_name(kind));
        TripResult result;
        result.kind = kind;
        result.request.target = asked.target;
        result.name = "azure";
        explain(result, asked.cause);
        CHECK(recorded_answer(ledger.audit().of_trip(id), false) == answer_json(result));
        CHECK(!recorded_answer(ledger.audit().of_trip(id), true));
    }
    CHECK(!recorded_answer({}, false));
}

TEST_CASE("a return that is on record answers as it was answered, the newest of several") {
    using Kind = circuit_breaker::ReturnResult::Kind;
    Ledger ledger;
    const auto id = ledger.trip(kNoon, live());
    const auto recorded = [&] { return recorded_answer(ledger.audit().of_trip(id), true); };
    std::int64_t now = kNoon;
    for (const auto kind : {Kind::failed, Kind::refused, Kind::done}) {
        circuit_breaker::ReturnResult result;
        result.kind = kind;
        result.request.circuit = ledger.audit().circuits().of_trip(id).value();
        ledger.ordered_back(id, ++now, 0, kind);
        CHECK(recorded() == answer_json(result));
    }
    CHECK(Json::parse(*recorded_answer(ledger.audit().of_trip(id), false)).at("outcome") ==
          "tripped");
}

namespace {

using circuit_breaker::Way;
using ReturnKind = circuit_breaker::ReturnResult::Kind;

/// Asked for, and answered but where `kind` is empty.
circuit_breaker::ReturnResult ask_back(Ledger& ledger, const std::string& id, std::int64_t now,
                                       Way way, std::optional<ReturnKind> kind,
                                       std::string asked_by = std::string{kAskedByPerson}) {
    circuit_breaker::ReturnResult result;
    result.kind = kind.value_or(ReturnKind::unknown);
    result.request.circuit = ledger.audit().circuits().of_trip(id).value();
    result.request.way = way;
    result.request.asked_by = std::move(asked_by);
    base::WriteTransaction transaction{ledger.database()};
    ledger.audit().intend_return(result.request, base::from_unix(now));
    if (kind) ledger.audit().record(result, base::from_unix(now));
    transaction.commit();
    return result;
}

}  // namespace

TEST_CASE("the undo of a trial that is on record answers as it was answered") {
    Ledger ledger;
    const auto id = ledger.trip(kNoon, live());
    const auto recorded = [&] { return recorded_answer(ledger.audit().of_trip(id), true); };
    ask_back(ledger, id, kNoon + 1, Way::trial, ReturnKind::done, "half-open");
    CHECK(!recorded());  // nobody asked for that
    for (const auto kind : {ReturnKind::failed, ReturnKind::refused, ReturnKind::done}) {
        const auto result = ask_back(ledger, id, kNoon + 2, Way::again, kind);
        CAPTURE(circuit_breaker::kind_name(kind));
        CHECK(recorded() == answer_json(result));
    }
    CHECK(Json::parse(*recorded()).at("text") == "channel 3 (azure) is off again");
}

TEST_CASE("an undo that is on its way has no answer, and what is unknown is asked again") {
    Ledger ledger;
    const auto id = ledger.trip(kNoon, live());
    const auto recorded = [&] { return recorded_answer(ledger.audit().of_trip(id), true); };
    ledger.ordered_back(id, kNoon + 1, 0, ReturnKind::failed);  // an earlier order
    ask_back(ledger, id, kNoon + 2, Way::trial, ReturnKind::done, "half-open");
    auto result = ask_back(ledger, id, kNoon + 3, Way::again, std::nullopt);
    CHECK(recorded() == "");
    const auto record = [&](ReturnKind kind) {
        result.kind = kind;
        base::WriteTransaction transaction{ledger.database()};
        ledger.audit().record(result, base::from_unix(kNoon + 4));
        transaction.commit();
    };
    record(ReturnKind::unknown);
    CHECK(Json::parse(recorded().value_or("{}")).value("outcome", "") == "unknown");
    SUBCASE("it went off") {
        record(ReturnKind::done);
        CHECK(recorded() == answer_json(result));
    }
    SUBCASE("it was somebody else's by then") {
        record(ReturnKind::theirs);
        CHECK(Json::parse(recorded().value_or("{}")).value("outcome", "") == "theirs");
    }
}

TEST_CASE("what quotafuse asks for by itself is no answer to a person") {
    Ledger ledger;
    const auto id = ledger.trip(kNoon, live());
    const auto recorded = [&] { return recorded_answer(ledger.audit().of_trip(id), true); };
    ask_back(ledger, id, kNoon + 1, Way::trial, ReturnKind::done, "half-open");
    SUBCASE("nobody else had asked") {
        ask_back(ledger, id, kNoon + 2, Way::again, ReturnKind::done, "the trial failed");
        CHECK(!recorded());
        ask_back(ledger, id, kNoon + 3, Way::whole, std::nullopt, "its time has come");
        CHECK(!recorded());
    }
    SUBCASE("a person had asked before") {
        const auto ordered = ask_back(ledger, id, kNoon + 2, Way::again, ReturnKind::refused);
        ask_back(ledger, id, kNoon + 3, Way::again, ReturnKind::done, "the trial failed");
        ask_back(ledger, id, kNoon + 4, Way::whole, ReturnKind::done, "its time has come");
        CHECK(recorded() == answer_json(ordered));
    }
}

TEST_CASE("a pause and its end stand among the steps, without a trip and a target") {
    Ledger ledger;
    base::WriteTransaction transaction{ledger.database()};
    ledger.audit().note_pause("paused", "a move", "a person, until noon",
                              circuit_breaker::Mode::live, base::from_unix(kNoon));
    transaction.commit();
    const auto recent = breaker_json(ledger.audit(), {}, ledger.config, 10).at("recent");
    REQUIRE(recent.size() == 1);
    CHECK(recent[0].at("result") == "paused");
    CHECK(recent[0].at("reason") == "a move");
    CHECK(recent[0].at("why") == "a person, until noon");
    CHECK(recent[0].at("kind") == "");
    CHECK(recent[0].at("trip_id") == "");
    CHECK(ledger.report().trips.empty());
    CHECK(ledger.report().rules.empty());
}
