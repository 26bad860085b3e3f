// What may be typed behind `quotafuse breaker`.
#include <doctest/doctest.h>

#include "daemon/arguments.h"

using namespace quotafuse::daemon;
using Action = BreakerArguments::Action;

namespace {

Parsed typed(std::vector<std::string> words) {
    words.insert(words.begin(), {"quotafuse", "breaker"});
    std::vector<const char*> argv;
    for (const auto& word : words) argv.push_back(word.c_str());
    return parse_arguments(static_cast<int>(argv.size()), argv.data());
}

BreakerArguments understood(std::vector<std::string> words) {
    const auto parsed = typed(std::move(words));
    REQUIRE(parsed.arguments);
    CHECK(parsed.arguments->command == Arguments::Command::breaker);
    return parsed.arguments->breaker;
}

}  // namespace

TEST_CASE("breaker: each action is told from its words") {
    CHECK(understood({"list"}).action == Action::list);
    CHECK(understood({"list", "--limit", "5"}).limit == 5);
    const auto trip = understood({"trip", "--channel", "3", "--model", "gpt-4o", "--reason",
                                  "it burns", "--even-if-last", "--dry-run"});
    CHECK(trip.action == Action::trip);
    CHECK(trip.channel == 3);
    CHECK(trip.model == "gpt-4o");
    CHECK(trip.token == 0);
    CHECK(trip.reason == "it burns");
    CHECK(trip.even_if_last);
    CHECK(trip.dry_run);
    const auto key = understood({"trip", "--token", "17", "--reason", "leaked"});
    CHECK(key.token == 17);
    CHECK(key.channel == 0);
    CHECK(!key.dry_run);
    const auto restore = understood({"restore", "t1"});
    CHECK(restore.action == Action::restore);
    CHECK(restore.trip == "t1");
    CHECK(understood({"restore", "--channel", "3"}).channel == 3);
    const auto undo = understood({"undo", "t1", "--dry-run"});
    CHECK(undo.action == Action::undo);
    CHECK(undo.trip == "t1");
    CHECK(undo.dry_run);
    const auto pause = understood({"pause", "--for", "2h", "--reason", "a move"});
    CHECK(pause.action == Action::pause);
    CHECK(pause.lasts == "2h");
    CHECK(pause.reason == "a move");
    CHECK(understood({"resume"}).action == Action::resume);
    const auto report = understood({"report", "--since", "30d", "--until", "2026-10-01"});
    CHECK(report.action == Action::report);
    CHECK(report.since == "30d");
    CHECK(report.until == "2026-10-01");
    CHECK(understood({"report"}).since == "7d");
}

TEST_CASE("breaker: what is missing or does not fit together is wrong usage") {
    const std::vector<std::vector<std::string>> wrong{
        {},
        {"trips"},
        {"list", "--limit", "0"},
        {"trip", "--reason", "no target"},
        {"trip", "--channel", "3"},
        {"trip", "--channel", "3", "--token", "17", "--reason", "two"},
        {"trip", "--model", "gpt-4o", "--reason", "of which channel"},
        {"trip", "--channel", "0", "--reason", "no number"},
        {"trip", "--channel", "azure", "--reason", "no number"},
        {"trip", "--token", "-1", "--reason", "no number"},
        {"trip", "--channel", "3", "--reason", ""},
        {"trip", "--channel", "3", "--reason", "  "},
        {"trip", "--token", "17", "--reason", "leaked", "--even-if-last"},
        {"trip", "--channel", "3", "--model", "", "--reason", "all of it"},
        {"pause", "--reason", ""},
        {"restore"},
        {"restore", "t1", "--channel", "3"},
        {"restore", "--token", "17", "--reason", "unknown"},
        {"undo"},
        {"report", "--limit", "5"},
    };
    for (const auto& words : wrong) {
        std::string line;
        for (const auto& word : words) line += " " + word;
        CAPTURE(line);
        const auto parsed = typed(words);
        CHECK(!parsed.arguments);
        CHECK(parsed.exit_code == 64);
    }
}
