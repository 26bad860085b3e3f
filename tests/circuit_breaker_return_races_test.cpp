// What happens between any two statements of a return, and to a commit that gets no answer.

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "circuit_breaker_breaker_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

/// What a person (or the gateway) does to channel 2, one autocommitted statement after the other.
struct Deed {
    std::string name;
    std::vector<std::string> statements;
    std::string status;    // of the channel in the end; "" = it is gone
    std::string priority;  // "" = not theirs
};

const std::vector<Deed> kDeeds = {
    {"disables, New API's order",
     {"UPDATE channels SET status = 2 WHERE id = 2",
      "UPDATE abilities SET enabled = 0 WHERE channel_id = 2"},
     "2",
     ""},
    {"disables, One API's order",
     {"UPDATE abilities SET enabled = 0 WHERE channel_id = 2",
      "UPDATE channels SET status = 2 WHERE id = 2"},
     "2",
     ""},
    {"enables, New API's order",
     {"UPDATE channels SET status = 1 WHERE id = 2",
      "UPDATE abilities SET enabled = 1 WHERE channel_id = 2"},
     "1",
     ""},
    {"enables, One API's order",
     {"UPDATE abilities SET enabled = 1 WHERE channel_id = 2",
      "UPDATE channels SET status = 1 WHERE id = 2"},
     "1",
     ""},
    {"edits and enables",
     {"UPDATE channels SET status = 1, priority = 77, other_info = '{}' WHERE id = 2",
      "UPDATE abilities SET enabled = 1, priority = 77 WHERE channel_id = 2"},
     "1",
     "77"},
    {"deletes",
     {"DELETE FROM channels WHERE id = 2", "DELETE FROM abilities WHERE channel_id = 2"},
     "",
     ""},
};

/// Somebody at the gateway on a connection of their own, who may have to wait for our locks.
class Person {
public:
    Person(TestGateway& gateway, Deed deed) : gateway_(gateway), deed_(std::move(deed)) {}
    /// Begins, and comes back when they are through, or wait for us.
    void go() {
        thread_ = std::jthread{[this] {
            const auto session = gateway_.session();
            if (!is_there(*session)) {
                for (const auto& sql : deed_.statements) session->execute(sql);
            }
            through_ = true;
        }};
        CHECK(eventually([this] { return through_ || waits(); }));
    }
    void end() {
        if (thread_.joinable()) thread_.join();
    }
    bool found_it_so() const { return found_it_so_; }

private:
    /// "No change", says the gateway to who enables what is enabled, and writes nothing.
    bool is_there(sync::GatewaySession& session) {
        const auto rows = session.query("SELECT status FROM channels WHERE id = 2");
        found_it_so_ = deed_.name.starts_with("enables") && rows.at(0).at(0) == deed_.status;
        return found_it_so_;
    }
    bool waits() {
        return gateway_.value(
                   "SELECT variable_value FROM information_schema.global_status "
                   "WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'") != "0";
    }
    TestGateway& gateway_;
    Deed deed_;
    std::atomic<bool> through_ = false;
    std::atomic<bool> found_it_so_ = false;
    std::jthread thread_;
};

/// Channels 1 and 2 serve gpt-4o; channel 2 is off, or on trial, by our hand.
Circuit fresh(TestGateway& gateway, Way way) {
    gateway.sql("DELETE FROM channels; DELETE FROM abilities");
    add_two_channels(gateway);
    set_rank(gateway, 2, 9, 5);
    return way == Way::settle || way == Way::again ? put_on_trial(gateway, 2, "t1")
                                                   : tripped(gateway, 2, "t1");
}

/// Both tables say the same, and it is what the last hand wanted.
void check_state(TestGateway& gateway, const Deed& deed, const ReturnResult& result) {
    const auto rows = gateway.sql(
        "SELECT status, priority, JSON_VALUE(other_info, '$.quotafuse.trial') FROM channels WHERE "
        "id = 2");
    const auto lit =
        gateway.sql("SELECT DISTINCT enabled, priority FROM abilities WHERE channel_id = 2");
    if (deed.status.empty()) {
        CHECK(rows.empty());
        CHECK(lit.empty());
        return;
    }
    REQUIRE(rows.size() == 1);
    REQUIRE(lit.size() == 1);
    CHECK(rows[0][0] == deed.status);
    CHECK(lit[0][0] == (deed.status == "1" ? "1" : "0"));
    CHECK(rows[0][1] == lit[0][1]);
    if (!deed.priority.empty()) CHECK(rows[0][1] == deed.priority);
    if (result.kind == ReturnResult::Kind::done && deed.priority.empty()) {
        const bool trial = result.request.way == Way::trial;
        CHECK(rows[0][1] == (trial ? "0" : "9"));
        CHECK((rows[0][2] != "NULL") == trial);
    }
}

}  // namespace

TEST_CASE("whatever a person does between any two statements of a return, their will is done") {
    for (const std::string schema : {"newapi_2026"}) {
        TestGateway gateway{Engine::mariadb, schema};
        gateway.sql("INSERT INTO options VALUES('RetryTimes', '0')");
        int races = 0;
        for (const auto way : {Way::whole, Way::trial, Way::settle, Way::again}) {
            for (const auto& deed : kDeeds) {
                bool through = false;
                for (int at = 0; !through; ++at) {
                    CAPTURE(std::string{way_name(way)});
                    CAPTURE(deed.name);
                    CAPTURE(at);
                    const auto circuit = fresh(gateway, way);
                    Person person{gateway, deed};
                    AccidentSession session{gateway.session()};
                    int statement = 0;
                    session.before = [&](const std::string&) {
                        if (statement++ == at) person.go();
                    };
                    through = true;
                    const auto result =
                        give_back(session, gateway, {.circuit = circuit, .way = way});
                    through = statement <= at;
                    person.end();
                    if (through) {
                        CHECK(kind(result) == "done");
                        break;
                    }
                    ++races;
                    CAPTURE(result.why);
                    const bool told = kind(result) == "done" || kind(result) == "theirs";
                    CHECK(told);
                    if (person.found_it_so()) {
                        CHECK(kind(result) == "done");
                        check_state(gateway, {"", {}, way == Way::again ? "3" : "1", ""}, result);
                    } else {
                        check_state(gateway, deed, result);
                    }
                }
            }
        }
        CHECK(races > 100);
    }
}

TEST_CASE("a trial whose rank or mark somebody changes at the last moment is theirs") {
    TestGateway gateway{Engine::mariadb, "newapi_2026"};
    for (const auto way : {Way::whole, Way::settle, Way::again}) {
        for (const std::string deed :
             {"priority = 77", "weight = 77", "priority = NULL", "other_info = '{}'"}) {
            CAPTURE(std::string{way_name(way)});
            CAPTURE(deed);
            const auto trial = fresh(gateway, Way::settle);
            AccidentSession session{gateway.session()};
            std::string theirs;
            session.before = [&](const std::string& sql) {
                if (!theirs.empty() || !sql.starts_with("UPDATE `channels`")) return;
                gateway.sql("UPDATE channels SET " + deed + " WHERE id = 2");
                theirs = everything(gateway);
            };
            const auto result = give_back(session, gateway, {.circuit = trial, .way = way});
            // NULL is the rank 0 that the trial has: it is looked at again, and goes on.
            if (deed == "priority = NULL") {
                CHECK(kind(result) == "done");
                continue;
            }
            CHECK(result.change == Change::altered);
            CHECK(everything(gateway) == theirs);
        }
    }
}

TEST_CASE("a key or a model that somebody changes at the last moment is theirs") {
    for (const auto engine : {Engine::mariadb}) {
        TestGateway gateway{engine, "newapi_2026"};
        gateway.add_channel(1, {"default"}, {"a", "gpt-4o"});
        const auto model = tripped_model(gateway, 1, "gpt-4o", "a");
        const auto key = tripped_key(gateway, 17);
        const auto race = [&](const Circuit& circuit, const std::string& ours,
                              const std::string& theirs) {
            AccidentSession session{gateway.session()};
            bool changed = false;
            session.before = [&](const std::string& sql) {
                if (changed || !sql.starts_with(ours)) return;
                changed = true;
                gateway.sql(theirs);
            };
            return give_back(session, gateway, {.circuit = circuit, .way = Way::whole});
        };
        CHECK(race(key, "UPDATE `tokens`", "UPDATE tokens SET status = 1").change ==
              Change::enabled);
        gateway.sql("UPDATE tokens SET status = 2");
        CHECK(race(key, "UPDATE `tokens`", "UPDATE tokens SET deleted_at = NOW()").change ==
              Change::deleted);
        CHECK(gateway.value("SELECT status FROM tokens") == "2");

        // Another model was added: looked at again, and kept.
        const auto result = race(model, "UPDATE `channels`", "UPDATE channels SET models = 'a,A'");
        CHECK(kind(result) == "done");
        CHECK(gateway.value("SELECT models FROM channels") == "a,A,gpt-4o");
        gateway.sql("UPDATE channels SET models = 'a'; UPDATE abilities SET enabled = 0");
        CHECK(race(model, "UPDATE `channels`", "UPDATE channels SET models = 'gpt-4o,a'").change ==
              Change::enabled);
        CHECK(gateway.value("SELECT models FROM channels") == "gpt-4o,a");
        gateway.sql("UPDATE channels SET models = 'a'");
        const auto off = race(model, "UPDATE `channels`", "UPDATE channels SET status = 2");
        CHECK(off.cause.kind == TripCause::Kind::was_off);
        CHECK(gateway.value("SELECT models FROM channels") == "a");
    }
}

TEST_CASE("a channel that keeps changing is left alone for now") {
    const auto gateway = new_api();
    const auto circuit = tripped(*gateway, 2, "t1");
    AccidentSession session{gateway->session()};
    int changes = 0;
    session.before = [&](const std::string& sql) {
        if (!sql.starts_with("UPDATE `channels`")) return;
        gateway->sql(fmt::format(
            "UPDATE channels SET other_info = JSON_SET(other_info, '$.n', {}) WHERE id = 2",
            ++changes));
    };
    const auto result = give_back(session, *gateway, {.circuit = circuit, .way = Way::whole});
    CHECK(kind(result) == "refused");
    CHECK(result.cause.kind == TripCause::Kind::kept_changing);
    CHECK(result.try_again);
    CHECK(changes == 3);
    CHECK(status_of(*gateway, 2) == "3");
    CHECK(gateway->candidates(Cache::off, "default", "gpt-4o") == std::set<std::int64_t>{1});
}

TEST_CASE("after a commit without an answer the row tells what became of a return") {
    using Lost = AccidentSession::Lost;
    for (const auto& gateway : tests::every_gateway()) {
        add_two_channels(*gateway);
        set_rank(*gateway, 2, 9, 5);
        const auto lose = [&](const Circuit& circuit, Way way) {
            CAPTURE(gateway->describe());
            CAPTURE(std::string{way_name(way)});
            const auto before = everything(*gateway);
            AccidentSession session{gateway->session()};
            session.lost_commit = Lost::before_it_took_effect;
            const auto lost = give_back(session, *gateway, {.circuit = circuit, .way = way});
            CHECK(kind(lost) == "failed");
            CHECK(lost.try_again);
            CHECK(lost.why.ends_with(": the server has gone away"));
            CHECK(everything(*gateway) == before);
            session.lost_commit = Lost::after_it_took_effect;
            const auto done = give_back(session, *gateway, {.circuit = circuit, .way = way});
            CHECK(kind(done) == "done");
            CHECK(done.after != "");
            CHECK(everything(*gateway) != before);
            return done;
        };
        auto circuit = tripped(*gateway, 2, "t1");
        lose(circuit, Way::whole);
        circuit = tripped(*gateway, 2, "t2");
        const auto trial = on_trial(circuit, lose(circuit, Way::trial));
        lose(trial, Way::again);
        const auto second = on_trial(circuit, lose(circuit, Way::trial));
        lose(second, Way::settle);
        lose(tripped_key(*gateway, 17), Way::whole);
        lose(tripped_model(*gateway, 1, "o1", "gpt-4o"), Way::whole);
    }
}

TEST_CASE(
    "when nobody can be asked after a lost commit, a return's end is unknown until a repeat") {
    for (const auto way : {Way::whole, Way::trial, Way::settle, Way::again}) {
        CAPTURE(std::string{way_name(way)});
        TestGateway gateway{Engine::mariadb, "newapi_2026"};
        const auto circuit = fresh(gateway, way);
        AccidentSession session{gateway.session()};
        session.lost_commit = AccidentSession::Lost::after_it_took_effect;
        session.after_commit = [&] {
            session.before = [](const std::string&) { refuse_connection(); };
        };
        const auto unknown = give_back(session, gateway, {.circuit = circuit, .way = way});
        CHECK(kind(unknown) == "unknown");
        CHECK(unknown.try_again);
        CHECK(unknown.why.ends_with(
            " (the server has gone away), and asking again failed: connection refused"));
        session.before = nullptr;
        const auto after = everything(gateway);
        CHECK(kind(give_back(session, gateway,
                             {.circuit = circuit, .way = way, .resumed = true})) == "done");
        CHECK(everything(gateway) == after);
    }
}

TEST_CASE("a connection that breaks before any statement leaves all of a return, or nothing") {
    for (const auto way : {Way::whole, Way::trial, Way::settle, Way::again}) {
        TestGateway gateway{Engine::sqlite, "newapi_2026"};
        bool through = false;
        for (int at = 0; !through; ++at) {
            CAPTURE(std::string{way_name(way)});
            CAPTURE(at);
            const auto circuit = fresh(gateway, way);
            const auto before = everything(gateway);
            AccidentSession session{gateway.session()};
            int statement = 0;
            bool option = false;
            bool committed = false;
            bool mending = false;  // see mend_after_return()
            session.before = [&](const std::string& sql) {
                mending = mending || (committed && sql == "BEGIN");
                if (statement++ == at) {
                    option = sql.find("options") != std::string::npos;
                    refuse_connection();
                }
                committed = committed || sql == "COMMIT";
            };
            const auto result = give_back(session, gateway, {.circuit = circuit, .way = way});
            through = statement <= at;
            if (kind(result) == "done") {
                // The option, or the looks after the commit, could not be read.
                const bool harmless = through || option || mending ||
                                      result.cause.kind == TripCause::Kind::not_checked_again;
                CHECK(harmless);
                continue;
            }
            CHECK(kind(result) == "failed");
            CHECK(result.try_again);
            CHECK(everything(gateway) == before);
        }
    }
}

TEST_CASE("two sidecars that give back the same channel at once do it once") {
    TestGateway gateway{Engine::mariadb, "newapi_2026"};
    for (int round = 0; round < 10; ++round) {
        const auto circuit = fresh(gateway, Way::whole);
        std::vector<ReturnResult> results(2);
        {
            std::vector<std::jthread> threads;
            for (std::size_t i = 0; i < 2; ++i) {
                threads.emplace_back([&, i] {
                    results[i] = give_back(gateway, circuit, i == 0 ? Way::whole : Way::trial);
                });
            }
        }
        CAPTURE(results[0].why);
        CAPTURE(results[1].why);
        const auto done =
            std::ranges::count(results, ReturnResult::Kind::done, &ReturnResult::kind);
        CHECK(done == 1);
        const auto loser = results[0].kind == ReturnResult::Kind::done ? results[1] : results[0];
        CHECK(loser.change == Change::enabled);
        CHECK(gateway.candidates(Cache::off, "default", "gpt-4o") == std::set<std::int64_t>{1, 2});
    }
}
