// `quotafuse breaker …` as people type it: beside a stopped daemon and beside a running one.
#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include <poll.h>
#include <sys/socket.h>

#include "daemon/unix_socket.h"
#include "daemon_alerts_site.h"
#include "daemon_breaker_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using Json = nlohmann::json;

namespace {

/// A configuration for a store that no daemon looks after.
class Desk {
public:
    explicit Desk(const std::string& store) {
        write_file(folder_.file("rules.yaml"),
                   "rules:\n  - {name: burn, metric: tokens, by: [channel], window: 1h, above: "
                   "1000, action: {disable_channel: {mode: live}}}\n");
        write_file(config(),
                   fmt::format("source: {{dsn: \"{}\", gateway: new-api}}\n"
                               "store: {{path: {}}}\ncontrol: {{socket: {}}}\n"
                               "rules: [rules.yaml]\ntimezone: UTC\n",
                               folder_.file("one-api.db"), store, folder_.file("c.sock")));
    }
    std::string config() const { return folder_.file("quotafuse.yaml"); }
    std::string socket() const { return folder_.file("c.sock"); }
    Ran run(std::vector<std::string> words) const {
        words.insert(words.begin(), "breaker");
        words.insert(words.end(), {"--config", config()});
        return run_program(std::move(words));
    }

private:
    TempDir folder_;
};

Ledger::Asked asked(TripResult::Kind kind, Target target = Target::of_channel(3)) {
    Ledger::Asked one;
    one.kind = kind;
    one.target = std::move(target);
    return one;
}

}  // namespace

TEST_CASE("without a daemon, list and report read the store") {
    Ledger ledger;
    const auto open = ledger.trip(kNoon, asked(TripResult::Kind::tripped, Target::of_token(17)));
    ledger.alert("burn", "[[3,\"\"]]", kNoon);
    const auto shadow = ledger.trip(kNoon + 60, asked(TripResult::Kind::would_trip));
    ledger.row(kNoon + 200, 3, kDollar);
    ledger.alert("burn", "[[3,\"\"]]", kNoon + 300, "recovered");
    ledger.store_rows();
    const Desk desk{ledger.database().path()};

    auto ran = desk.run({"list"});
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "breaker shadow\n"));
    CHECK(contains(ran.out, open + "  key 17 (azure) since 2026-01-05 04:00:00 by rule burn, comes "
                                   "back by hand; reason: burn: too much"));
    CHECK(contains(ran.out, shadow + "  would have been switched off by rule burn (shadow)  "
                                     "channel 3 (azure): burn: too much"));
    ran = desk.run({"list", "--json", "--limit", "1"});
    CHECK(ran.code == 0);
    const auto list = Json::parse(ran.out);
    CHECK(list.at("open").size() == 1);
    CHECK(list.at("recent").size() == 1);

    ran = desk.run({"report", "--since", "2026-01-05", "--until", "2026-01-06"});
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "would have disabled channel 3 (azure); $1.00 saved"));
    ran = desk.run({"report", "--since", "2026-01-05", "--until", "2026-01-06", "--json"});
    CHECK(ran.code == 0);
    const auto report = Json::parse(ran.out);
    CHECK(report.at("cache_lag_seconds") == 90);
    CHECK(report.at("trips").size() == 2);
    ran = desk.run({"report", "--since", "2026-01-05", "--rule", "burm"});
    CHECK(ran.code == 64);
    CHECK(contains(ran.err, "burn"));
    CHECK(desk.run({"report", "--since", "yesterday"}).code == 64);
    CHECK(desk.run({"report", "--since", "2026-01-06", "--until", "2026-01-05"}).code == 64);
}

TEST_CASE("what changes something needs a daemon, and a store that is not there is missed") {
    TempDir folder;
    const Desk desk{folder.file("none.db")};
    CHECK(desk.run({"list"}).code == 66);
    CHECK(desk.run({"report"}).code == 66);
    const std::vector<std::vector<std::string>> orders{
        {"trip", "--channel", "3", "--reason", "x"},
        {"trip", "--channel", "3", "--reason", "x", "--dry-run"},
        {"restore", "t1"},
        {"undo", "t1"},
        {"pause"},
        {"pause", "--dry-run"},
        {"resume"},
        {"resume", "--dry-run"},
    };
    for (const auto& words : orders) {
        CAPTURE(words[0]);
        const auto ran = desk.run(words);
        CHECK(ran.code == 69);
        CHECK(contains(ran.err, "no daemon answers"));
    }
}

TEST_CASE("wrong usage is answered with what to write instead") {
    TempDir folder;
    const Desk desk{folder.file("none.db")};
    auto ran = desk.run({"trip", "--channel", "3", "--reason", ""});
    CHECK(ran.code == 64);
    CHECK(contains(ran.err, "--reason: say why in a few words: it is empty"));
    ran = desk.run({"trip", "--token", "17", "--reason", "leaked", "--even-if-last"});
    CHECK(ran.code == 64);
    CHECK(contains(ran.err, "--even-if-last: a key takes no channel from anybody"));
    for (const std::string typed : {"soon", "999d", "0s", "-1h"}) {
        CAPTURE(typed);
        for (const bool dry_run : {false, true}) {
            std::vector<std::string> words{"pause", "--for", typed};
            if (dry_run) words.emplace_back("--dry-run");
            ran = desk.run(words);
            CHECK(ran.code == 64);
            CHECK(contains(ran.err, "--for: '" + typed + "' is no time such as 30m, 2h or 3d"));
        }
    }
}

TEST_CASE("an empty value is wrong usage, whatever the option, and nobody is asked") {
    TempDir folder;
    const Desk desk{folder.file("none.db")};
    const std::vector<std::pair<std::vector<std::string>, std::string>> all{
        {{"list", "--limit", ""}, "--limit"},
        {{"trip", "--channel", "", "--reason", "x"}, "--channel: write its number"},
        {{"trip", "--token", "", "--reason", "x"}, "--token: write its number"},
        {{"trip", "--channel", "3", "--model", "", "--reason", "x"},
         "--model: name the model: it is empty"},
        {{"trip", "--channel", "3", "--reason", " "}, "--reason: say why in a few words"},
        {{"restore", ""}, "TRIP: write the id of a trip"},
        {{"restore", "--channel", ""}, "--channel: write its number"},
        {{"restore", "--channel", "3", "--model", ""}, "--model: name the model: it is empty"},
        {{"restore", "--token", ""}, "--token: write its number"},
        {{"undo", ""}, "TRIP: write the id of a trip"},
        {{"pause", "--for", ""}, "--for: write how long, as 30m, 2h or 1d: it is empty"},
        {{"pause", "--reason", ""}, "--reason: say why in a few words: it is empty"},
        {{"report", "--since", ""}, "--since: '' is neither a duration"},
        {{"report", "--until", ""}, "--until: write a local time, as 2026-10-31: it is empty"},
        {{"report", "--rule", ""}, "--rule: name the rule: it is empty"},
    };
    for (const auto& [words, said] : all) {
        CAPTURE(said);
        const auto ran = desk.run(words);
        CHECK(ran.code == 64);
        CHECK_MESSAGE(contains(ran.err, said), ran.err);
    }
    const auto ran = run_program({"breaker", "list", "--config", ""});
    CHECK(ran.code == 64);
    CHECK(contains(ran.err, "--config: name the file: it is empty"));
}

TEST_CASE("the list names who asked for each step, and its help what each key is") {
    Ledger ledger;
    const auto back = ledger.trip(kNoon, asked(TripResult::Kind::tripped));
    ledger.ordered_back(back, kNoon + 60);
    auto by_person = asked(TripResult::Kind::tripped, Target::of_token(17));
    by_person.rule.clear();
    by_person.target.user = 4;
    const auto key = ledger.trip(kNoon + 120, by_person);
    ledger.ordered_back(key, kNoon + 180, 5, circuit_breaker::ReturnResult::Kind::failed);
    const auto trial =
        ledger.trip(kNoon + 240, asked(TripResult::Kind::tripped, Target::of_channel(5)));
    ledger.given_back(trial, kNoon + 300, circuit_breaker::Way::trial);
    const Desk desk{ledger.database().path()};
    const auto text = desk.run({"list"}).out;
    for (const auto& line :
         {back + "  switched off by rule burn  channel 3 (azure): burn: too much\n",
          back + "  given back by a person  channel 3 (azure): burn: too much\n",
          key + "  switched off by a person  key 17 (azure)",
          key + "  not given back, failed by a person  key 17 (azure)",
          trial + "  put on trial  channel 5 (azure)"}) {
        CHECK_MESSAGE(contains(text, line), text);
    }
    const auto list = Json::parse(desk.run({"list", "--json"}).out);
    CHECK(list.at("open")[0].at("user") == 4);
    CHECK(list.at("recent").back().at("asked_by") == "rule burn");
    const auto help = desk.run({"list", "--help"}).out;
    for (const auto& object : {list.at("open")[0], list.at("recent")[0]}) {
        for (const auto& [key_name, value] : object.items()) {
            CAPTURE(key_name);
            CHECK(contains(help, key_name));
        }
    }
    for (const auto& [key_name, value] : list.items()) CHECK(contains(help, key_name));
}

TEST_CASE("what people and the gateway wrote does not reach the terminal as it is") {
    Ledger ledger;
    auto evil = asked(TripResult::Kind::tripped, Target::of_model(3, "o1\x1b[31m"));
    evil.rule = "burn\nbreaker live\x1b[2J\x7f\u202e";
    ledger.trip(kNoon, evil);
    const Desk desk{ledger.database().path()};
    const auto ran = desk.run({"list"});
    CHECK(ran.code == 0);
    CHECK(std::ranges::count(ran.out, '\n') == 4);  // the mode, the circuit, the head, the step
    CHECK(contains(ran.out, "model o1 [31m of channel 3"));
    for (const std::string raw : {"\x1b", "\x7f", "\u202e"}) CHECK(!contains(ran.out, raw));
}

TEST_CASE("an order that nobody answered yet is listed, until it is") {
    Ledger ledger;
    circuit_breaker::TripRequest request;
    request.trip_id = "t9";
    request.target = Target::of_channel(3);
    request.reason = "it burns";
    request.mode = circuit_breaker::Mode::live;
    base::WriteTransaction transaction{ledger.database()};
    ledger.audit().intend(request, {}, base::from_unix(kNoon));
    transaction.commit();
    const Desk desk{ledger.database().path()};
    const auto text = desk.run({"list"}).out;
    CHECK(contains(text,
                   "t9  channel 3 unfinished: a person asked at 2026-01-05 04:00:00 to switch it "
                   "off, and it may be off: the daemon looks and goes on from there; reason: it "
                   "burns\n"));
    CHECK(!contains(text, "nothing is off"));
    auto list = Json::parse(desk.run({"list", "--json"}).out);
    CHECK(list.at("unfinished") == Json::parse(R"([{
        "trip_id": "t9", "kind": "channel", "channel": 3, "model": "", "token": 0, "user": 0,
        "token_name": "", "name": "", "mode": "live", "asked_at": 1767585600, "reason": "it burns",
        "rule": ""}])"));
    // Of an unknown end the circuit tells more.
    TripResult result;
    result.kind = TripResult::Kind::unknown;
    result.request = request;
    base::WriteTransaction again{ledger.database()};
    ledger.audit().record(result, base::from_unix(kNoon + 5));
    again.commit();
    list = Json::parse(desk.run({"list", "--json"}).out);
    CHECK(list.at("unfinished").empty());
    CHECK(list.at("open")[0].at("state") == "unsure");
}

namespace {

/// A daemon that answers as it is told, and is gone when this ends, as after a kill: its socket
/// stays behind.
class Impostor {
public:
    explicit Impostor(const std::string& path) : listener_(daemon::bind_unix(path)) {
        REQUIRE(listener_);
        REQUIRE(::listen(listener_.get(), 8) == 0);
    }
    /// Takes one request; without an answer it hangs up.
    std::string serve(const std::optional<std::string>& answer) const {
        REQUIRE(ready(listener_));
        const daemon::FileDescriptor client{::accept(listener_.get(), nullptr, nullptr)};
        REQUIRE(client);
        std::string request;
        std::array<char, 4096> buffer{};
        while (request.find('\n') == std::string::npos) {
            REQUIRE(ready(client));
            const auto got = ::recv(client.get(), buffer.data(), buffer.size(), 0);
            REQUIRE(got > 0);
            request.append(buffer.data(), static_cast<std::size_t>(got));
        }
        if (answer) {
            const auto line = *answer + "\n";
            REQUIRE(::send(client.get(), line.data(), line.size(), MSG_NOSIGNAL) ==
                    static_cast<ssize_t>(line.size()));
        }
        return request;
    }

private:
    static bool ready(const daemon::FileDescriptor& socket) {
        pollfd watched{socket.get(), POLLIN, 0};
        return ::poll(&watched, 1, 30'000) == 1;
    }

    daemon::FileDescriptor listener_;
};

constexpr auto kAccepted = R"({"id":"t9"})";
constexpr auto kNotYet = R"({"done":false})";

}  // namespace

TEST_CASE("a daemon that is lost after it accepted an order: nobody knows what became of it") {
    TempDir folder;
    const Desk desk{folder.file("none.db")};
    std::vector<std::string> words{"breaker",  "trip", "--channel", "3",
                                   "--reason", "x",    "--config",  desk.config()};
    std::string said = "the order was accepted (t9), but the daemon that has it does not answer";
    std::string then = "its outcome is unknown; see `quotafuse breaker list`";
    std::optional<Impostor> daemon{desk.socket()};
    const auto begin = [&] { return std::make_unique<Program>(words); };
    std::unique_ptr<Program> program;
    SUBCASE("it is killed") {
        program = begin();
        CHECK(contains(daemon->serve(kAccepted), "breaker_trip"));
        CHECK(contains(daemon->serve(kNotYet), "\"id\":\"t9\""));
        daemon.reset();
    }
    SUBCASE("it hangs up whenever it is asked") {
        program = begin();
        daemon->serve(kAccepted);
        for (int i = 0; i < 3; ++i) daemon->serve({});
    }
    SUBCASE("it hangs up before it says whether it accepted") {
        program = begin();
        daemon->serve({});
        said = "it closed the connection. It may have accepted the order";
    }
    SUBCASE("nothing came of it in any case") {
        words.insert(words.begin() + 2, "--dry-run");
        program = begin();
        daemon->serve(kAccepted);
        daemon.reset();
        then = "nothing was changed, ask again";
    }
    REQUIRE(program->wait() == 69);
    CHECK(contains(program->err(), said));
    CHECK(contains(program->err(), then));
    CHECK(program->out().empty());
}

TEST_CASE("who is there but does not answer is as good as not there, whatever was asked") {
    TempDir folder;
    const Desk desk{folder.file("none.db")};
    const Impostor daemon{desk.socket()};
    const std::vector<std::vector<std::string>> all{{"trip", "--channel", "3", "--reason", "x"},
                                                    {"restore", "t1"},
                                                    {"undo", "t1"},
                                                    {"pause"},
                                                    {"resume"},
                                                    {"pause", "--dry-run"},
                                                    {"list"}};
    for (auto words : all) {
        CAPTURE(words[0]);
        const bool order = words[0] != "list" && words.back() != "--dry-run";
        words.insert(words.begin(), "breaker");
        words.insert(words.end(), {"--config", desk.config()});
        Program program{words};
        daemon.serve({});
        CHECK(program.wait() == 69);
        CHECK(contains(program.err(), "it closed the connection"));
        CHECK(contains(program.err(), "its outcome is unknown") == order);
    }
}

TEST_CASE("an order is waited for while a daemon is away, busy or on its way out") {
    TempDir folder;
    const Desk desk{folder.file("none.db")};
    std::optional<Impostor> daemon{desk.socket()};
    Program program{{"breaker", "restore", "t9", "--config", desk.config()}};
    daemon->serve(kAccepted);
    daemon->serve({});  // it was asked while it stopped
    daemon->serve(R"({"error":{"code":69,"message":"the daemon is stopping"}})");
    daemon.reset();
    REQUIRE(::unlink(desk.socket().c_str()) == 0);
    daemon.emplace(desk.socket());
    daemon->serve(R"({"done":true,"ok":true,"outcome":"done","text":"it is given back"})");
    REQUIRE(program.wait() == 0);
    CHECK(contains(program.out(), "it is given back"));
}
