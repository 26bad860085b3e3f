#include <set>

#include "daemon_report_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using base::from_unix;
using notifiers::ReportPlan;

namespace {

std::string utc(base::Second t) {
    return base::TimeZone{}.format(t);
}

}  // namespace

TEST_CASE("a report is due at its time of day, and is about the day before") {
    const ReportPlan daily{false, std::chrono::Monday, 9h};
    const auto shanghai = zone("Asia/Shanghai");
    const auto before_nine = last_due(daily, shanghai, from_unix(kMonday + 9 * kHour - 1));
    CHECK(before_nine.date == "2026-01-04");
    const auto due = last_due(daily, shanghai, from_unix(kMonday + 9 * kHour));
    CHECK(due.date == "2026-01-05");
    CHECK(due.at == from_unix(kMonday + 9 * kHour));
    CHECK(due.period.from == from_unix(kMonday - kDay));
    CHECK(due.period.until == from_unix(kMonday));
    CHECK(due.period.end - due.period.first == 1);
    CHECK(due.before.end == due.period.first);
    CHECK(due.before.from == from_unix(kMonday - 2 * kDay));
}

TEST_CASE("a weekly one is about the seven days before its day") {
    const ReportPlan weekly{true, std::chrono::Monday, 9h};
    const auto shanghai = zone("Asia/Shanghai");
    const auto due = last_due(weekly, shanghai, from_unix(kMonday + 3 * kDay));
    CHECK(due.date == "2026-01-05");
    CHECK(due.period.from == from_unix(kMonday - 7 * kDay));
    CHECK(due.period.until == from_unix(kMonday));
    CHECK(due.before.from == from_unix(kMonday - 14 * kDay));
    CHECK(last_due(weekly, shanghai, from_unix(kMonday)).date == "2025-12-29");
    CHECK(last_due({true, std::chrono::Sunday, 9h}, shanghai, from_unix(kMonday)).date ==
          "2026-01-04");
}

TEST_CASE(
    "days of daylight saving are days, and a time that does not exist is the next that does") {
    const auto berlin = zone("Europe/Berlin");
    const ReportPlan at_half_past_two{false, std::chrono::Monday, 150min};
    // On 2026-03-29 the clock jumps from 02:00 to 03:00, which is 01:00 UTC.
    const auto spring = last_due(at_half_past_two, berlin, from_unix(1'774'750'000));
    CHECK(utc(spring.at) == "2026-03-29 01:00:00");
    const auto day_after = last_due(at_half_past_two, berlin, from_unix(1'774'750'000 + kDay));
    CHECK(day_after.period.until - day_after.period.from == 23h);
    CHECK(day_after.period.end - day_after.period.first == 1);
    // On 2026-10-25 02:30 exists twice: once is enough.
    const auto autumn = last_due(at_half_past_two, berlin, from_unix(1'792'890'000));
    CHECK(utc(autumn.at) == "2026-10-25 00:30:00");
    const auto later = last_due(at_half_past_two, berlin, from_unix(1'792'890'000 + kHour));
    CHECK(later.at == autumn.at);
}

TEST_CASE("a report is put once, whatever restarts there are, and the last missed one is made up") {
    Press press;
    press.row(kMonday - kHour, 3, kQuota);
    const auto due = kMonday + 9 * kHour + PeriodicReports::offset_of("ops").count();
    press.at(due - 1);
    press.read();
    CHECK(press.put() == 1);  // of the day before, at the first start
    press.at(due);
    CHECK(press.put() == 1);  // the log has not been read so far yet
    press.read();
    CHECK(press.put() == 2);
    CHECK(press.put() == 2);
    press.open();
    press.read();
    CHECK(press.put() == 2);
    press.at(kMonday + 4 * kDay);  // it did not run for three days
    press.open();
    CHECK(press.put() == 2);
    press.read();
    CHECK(press.put() == 3);
    CHECK(press.filed(1).at(0).event_id == "report-ops-2026-01-08");
    CHECK(press.filed(1).at(0).title == "Daily report, 2026-01-07");
}

TEST_CASE("reports of several notifiers keep off the full hour, each by a time of its own") {
    std::set<base::Seconds> offsets;
    for (const auto* const name : {"ops", "telegram", "feishu", "mail", "night-duty"}) {
        const auto offset = PeriodicReports::offset_of(name);
        CHECK(offset >= 60s);
        CHECK(offset <= 300s);
        CHECK(offset == PeriodicReports::offset_of(name));
        offsets.insert(offset);
    }
    CHECK(offsets.size() == 5);
}

TEST_CASE("a report waits until the gateway has said how it shows amounts, but not for ever") {
    Press press;
    press.at(kMonday + 9 * kHour);
    press.open(false);
    press.read();
    CHECK(press.put() == 0);
    press.clock.advance(PeriodicReports::kPatience);
    CHECK(press.put() == 1);
}

TEST_CASE("what was spent, by whom, and against the day before, stands in the report") {
    Press press;
    press.row(kMonday - 2 * kDay + kHour, 3, 2 * kQuota);
    press.row(kMonday - kDay + kHour, 3, 3 * kQuota);
    press.row(kMonday - kDay + kHour, 4, kQuota);
    press.row(kMonday - kDay + kHour, 4, 0, true);
    press.row(kMonday + kHour, 4, 90 * kQuota);  // the day after
    press.fired("token-burn", kMonday - kHour);
    press.fired("token-burn", kMonday - 2);
    press.fired("token-burn", kMonday);
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    const auto message = press.message();
    CHECK(message.kind == notifiers::Message::Kind::digest);
    CHECK(message.title == "Daily report, 2026-01-04");
    CHECK(message.footer == "prod · #report-ops-2026-01-05 · 2026-01-05 09:00:00 Asia/Shanghai");
    using Fact = notifiers::Message::Fact;
    CHECK(message.facts == std::vector<Fact>{{"Spend", "$4.00 (+100 %)"},
                                             {"Tokens", "200 (+100 %)"},
                                             {"Requests", "3 (+200 %)"},
                                             {"Errors", "1 (33.3 %), 0.0 % the time before"}});
    CHECK(press.section("Channels") == Lines{"3: $3.00, 75 % (+50 %)", "4: $1.00, 25 % (new)"});
    CHECK(press.section("Models") == Lines{"gpt-4o: $4.00, 100 % (+100 %)"});
    CHECK(press.section("Keys") == Lines{"k1: $4.00, 100 % (+100 %)"});
    CHECK(press.section("Alerts") == Lines{"token-burn: 2"});
    CHECK(press.section("Breaker") == Lines{"nothing"});
}

TEST_CASE("where rows do not reach back to the period before, nothing is compared") {
    Press press;
    press.config.language = Language::chinese;
    press.open();
    press.row(kMonday - kHour, 3, kQuota);
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    const auto message = press.message();
    CHECK(message.title == "日报 2026-01-04");
    CHECK(message.facts.front() == notifiers::Message::Fact{"花费", "$1.00"});
    CHECK(press.section("渠道") == Lines{"3：$1.00，100%"});
    CHECK(press.section("告警") == Lines{"无"});
}

TEST_CASE("a gateway without prices is told by requests") {
    Press press;
    press.row(kMonday - kHour, 3, 0);
    press.at(kMonday + 9 * kHour + 300);
    press.read();
    press.put();
    CHECK(press.section("Channels") == Lines{"3: 1, 100 %"});
}

TEST_CASE("a report of One API, which logs no failed request, counts no errors") {
    Press press;
    press.row(kMonday - kHour, 3, kQuota);
    press.at(kMonday + 9 * kHour + 300);
    press.read(sync::Gateway::one_api);
    press.put();
    for (const auto& fact : press.message().facts) CHECK(fact.label != "Errors");
}
