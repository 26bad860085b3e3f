#include <doctest/doctest.h>

#include "alerts/evaluation.h"
#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Phase;
using alerts::Reason;

namespace {

alerts::RuleReport report_of(Watchman& watchman, const std::string& rule) {
    auto report = watchman.engine().report(rule);
    REQUIRE(report);
    return *report;
}

std::vector<Reason> reasons(const alerts::RuleReport& report) {
    std::vector<Reason> all;
    for (const auto& one : report.evaluations) all.push_back(one.reason);
    return all;
}

}  // namespace

TEST_CASE("the report of a rule tells what came of each evaluation, the newest first") {
    Watchman watchman{
        "rules: [{name: burn, metric: tokens, by: [channel], window: 1m, above: 1000, for: 5s}]"};
    watchman.run_to(10);
    CHECK(reasons(report_of(watchman, "burn")) == std::vector{Reason::inactive});
    watchman.add(requests(11, 1, 5000, 3));
    watchman.add(requests(11, 1, 3000, 4));
    watchman.run_to(20);
    const auto report = report_of(watchman, "burn");
    CHECK(report.firing == 2);
    CHECK(report.series == 2);
    CHECK(report.warmed_up == 1);
    CHECK(report.error.empty());
    CHECK(reasons(report) ==
          std::vector{Reason::firing, Reason::first, Reason::pending, Reason::inactive});
    const auto& newest = report.evaluations[0];
    CHECK(newest.first == at(17));
    CHECK(newest.last == at(20));
    CHECK(newest.times == 4);
    CHECK(newest.phase == Phase::firing);
    CHECK(newest.key.front().display == "3 (azure-eu)");  // the worse of the two
    CHECK(newest.value == 5000.0);
    CHECK(newest.series == 2);
    const auto& pending = report.evaluations[2];
    CHECK(pending.first == at(11));
    CHECK(pending.times == 5);
    const auto& quiet = report.evaluations[3];
    CHECK(quiet.first == at(1));
    CHECK(quiet.last == at(10));
    CHECK(quiet.times == 10);
}

TEST_CASE("a series over the limit with too few requests says why it did not fire") {
    Watchman watchman{
        "rules: [{name: failing, metric: error_rate, by: [channel], window: 1m, above: 30, "
        "min_requests: 20}]"};
    watchman.run_to(10);
    std::vector<sync::LogEntry> rows(12, failure(11));
    watchman.add(rows);
    watchman.run_to(40);
    auto report = report_of(watchman, "failing");
    REQUIRE_FALSE(report.evaluations.empty());
    CHECK(report.evaluations[0].reason == Reason::few_requests);
    CHECK(report.evaluations[0].requests == 12);
    CHECK(report.evaluations[0].value == 100.0);
    CHECK(report.evaluations[0].first == at(14));
    CHECK(report.evaluations[0].last == at(40));
    CHECK(report.evaluations[0].times == 27);
    // When its rows have left there is nothing over the limit any more.
    watchman.run_to(80);
    report = report_of(watchman, "failing");
    CHECK(report.evaluations[0].reason != Reason::few_requests);
    CHECK(report.series == 0);
}

TEST_CASE("a rule over which nobody has come near says what its nearest series has") {
    Watchman watchman{
        "rules: [{name: burn, metric: tokens, by: [channel], window: 1m, above: 1000}]"};
    watchman.run_to(10);
    watchman.add(requests(11, 1, 200, 3));
    watchman.add(requests(11, 1, 700, 4));
    watchman.run_to(20);
    const auto report = report_of(watchman, "burn");
    REQUIRE(report.evaluations.size() == 1);
    CHECK(report.evaluations[0].reason == Reason::inactive);
    CHECK(report.evaluations[0].value == 700.0);
    CHECK(report.evaluations[0].key.front().id == 4);
    CHECK(report.evaluations[0].series == 2);
    watchman.add(requests(21, 1, 5000, 4));
    CHECK(watchman.run_to(21).size() == 1);  // being asked has changed nothing
}

TEST_CASE("no more than the last twenty are kept") {
    alerts::EvaluationLog log;
    for (int i = 0; i < 100; ++i) {
        alerts::EvaluationLog::Entry entry;
        entry.at = at(i);
        entry.reason = i % 2 == 0 ? Reason::inactive : Reason::pending;
        log.add(entry);
    }
    const sync::Texts texts;
    const auto kept = log.read(alerts::Names{texts}, {});
    REQUIRE(kept.size() == alerts::kEvaluationsKept);
    CHECK(kept.front().last == at(99));
    CHECK(kept.back().last == at(80));
}

TEST_CASE("rules that are disabled, and rules that there are not, are told apart") {
    Watchman watchman{
        "rules: [{name: burn, metric: tokens, window: 1m, above: 1000, enabled: false}]"};
    CHECK_FALSE(report_of(watchman, "burn").enabled);
    CHECK_FALSE(watchman.engine().report("bum"));
}
