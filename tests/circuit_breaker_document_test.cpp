// The statements that docs/breaker.md promises against those that the breaker sends.
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

using Statements = std::set<std::string>;

/// Without quotes of names, remarks and more than one space; what is bound, or written by hand in
/// the document, is "?". An ability is switched by a statement with 0 or 1 in it.
std::string plain(std::string sql) {
    const auto replace = [&sql](const char* pattern, const char* with) {
        sql = std::regex_replace(sql, std::regex{pattern}, with);
    };
    replace("`", "");
    replace(R"(\b(status =) [0-9])", "$1 ?");
    replace(R"(\s+)", " ");
    replace("^ | ?;? ?$", "");
    return sql;
}

/// The UPDATE statements of the chapter, from fenced SQL.
Statements promised() {
    std::ifstream file{QUOTAFUSE_DOCS "/breaker.md"};
    std::stringstream read;
    read << file.rdbuf();
    const auto text = read.str();
    const auto begin = text.find("\n## What it does to your gateway");
    REQUIRE(begin != std::string::npos);
    std::istringstream chapter{text.substr(begin, text.find("\n## ", begin + 1) - begin)};
    Statements all;
    std::string statement;
    bool fenced = false;
    for (std::string line; std::getline(chapter, line);) {
        if (line.starts_with("```")) fenced = !fenced;
        if (!fenced) continue;
        line = line.substr(0, line.find("--"));
        if (statement.empty() && !line.starts_with("UPDATE")) continue;
        statement += line + " ";
        if (line.find(';') == std::string::npos) continue;
        all.insert(plain(statement));
        statement.clear();
    }
    return all;
}

/// What the breaker writes in all its steps at this gateway.
class Listener {
public:
    explicit Listener(TestGateway& gateway) : gateway_(gateway), session_(gateway.session()) {
        session_.before = [this](const std::string& sql) {
            if (!sql.starts_with("BEGIN") && !sql.starts_with("COMMIT") &&
                !sql.starts_with("SELECT") && !sql.starts_with("SET SESSION"))
                heard.insert(plain(sql));
        };
    }

    Circuit trip(TripRequest request) {
        request.gateway = gateway_.gateway();
        const auto result = circuit_breaker::trip(session_, gateway_.database(), request, {}, kNow);
        REQUIRE(kind_name(result.kind) == "tripped");
        return circuit_of(result);
    }
    ReturnResult give(const Circuit& circuit, Way way) {
        auto result = give_back(session_, gateway_, {.circuit = circuit, .way = way});
        REQUIRE_MESSAGE(kind(result) == "done", result.why);
        return result;
    }

    Statements heard;

private:
    TestGateway& gateway_;
    AccidentSession session_;
};

Statements of_every_step(TestGateway& gateway) {
    Listener listener{gateway};
    gateway.add_token(17, 4, "ci");
    gateway.set_rank(2, 5, 5);
    // One ability was disabled before, another one has a rank of its own.
    gateway.sql(
        "UPDATE abilities SET priority = 9 WHERE channel_id = 1 AND model = 'gpt-4o' AND `group` = "
        "'vip'");
    gateway.sql("UPDATE abilities SET enabled = 0 WHERE channel_id = 1 AND model = 'o1'");
    listener.give(listener.trip(live(1, "t1")), Way::whole);
    auto circuit = listener.trip(live(1, "t2"));
    circuit = on_trial(circuit, listener.give(circuit, Way::trial));
    listener.give(circuit, Way::again);
    circuit.state = Circuit::State::open;
    circuit = on_trial(circuit, listener.give(circuit, Way::trial));
    listener.give(circuit, Way::settle);
    gateway.sql(
        "UPDATE abilities SET enabled = 0 WHERE channel_id = 1 AND model = 'gpt-4o' AND `group` = "
        "'vip'");
    listener.give(listener.trip(live_model(1, "gpt-4o")), Way::whole);
    listener.give(listener.trip(live_token(17)), Way::whole);
    return listener.heard;
}

/// As One API, which lacks the columns, gets them.
std::string at_one_api(std::string sql) {
    const auto replace = [&sql](const char* pattern, const char* with) {
        sql = std::regex_replace(sql, std::regex{pattern}, with);
    };
    replace(", other_info = \\?", "");
    replace(" AND BINARY other_info <=> BINARY \\?", "");
    replace(" AND deleted_at IS NULL", "");
    replace(", weight = \\?", "");
    replace(" AND weight <=> \\?", "");
    return sql;
}

}  // namespace

TEST_CASE("docs/breaker.md has each statement that the breaker writes, and no other") {
    const auto document = promised();
    REQUIRE(document.size() >= 8);
    SUBCASE("New API") {
        TestGateway gateway{Engine::mariadb, "newapi_2026"};
        add_two_channels(gateway);
        const auto heard = of_every_step(gateway);
        for (const auto& sql : heard) {
            CAPTURE(sql);
            CHECK(document.contains(sql));
        }
        for (const auto& sql : document) {
            CAPTURE(sql);
            CHECK(heard.contains(sql));
        }
    }
    SUBCASE("One API") {
        TestGateway gateway{Engine::mariadb, "oneapi"};
        add_two_channels(gateway);
        Statements there;
        for (const auto& sql : document) there.insert(at_one_api(sql));
        for (const auto& sql : of_every_step(gateway)) {
            CAPTURE(sql);
            CHECK(there.contains(sql));
        }
    }
}
