#include <doctest/doctest.h>

#include "alerts/self_alerts.h"
#include "alerts_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using alerts::Reason;
using alerts::SelfAlert;
using alerts::SelfAlerts;

namespace {

/// Built-in alerts over a store that keeps their states.
class Self {
public:
    Self() { open(); }
    void open() {
        own = std::make_unique<SelfAlerts>(std::vector<std::string>{"ops"}, base::TimeZone{});
        own->restore(alerts::load_state(mirror.database().handle()));
    }
    /// Second by second, saved; what was told, with the second it was told in.
    std::vector<std::pair<std::int64_t, Reason>> run_to(std::int64_t second) {
        std::vector<std::pair<std::int64_t, Reason>> told;
        for (; now <= second; ++now) {
            const auto step = own->evaluate(at(now));
            for (const auto& notice : step.notices) {
                told.emplace_back(now, notice.reason);
                notices.push_back(notice);
            }
            if (step.empty()) continue;
            base::WriteTransaction transaction{mirror.database()};
            alerts::save_state(mirror.database(), step);
            transaction.commit();
        }
        return told;
    }

    Mirror mirror;
    std::unique_ptr<SelfAlerts> own;
    std::int64_t now = 0;
    std::vector<alerts::Notice> notices;
};

using Told = std::vector<std::pair<std::int64_t, Reason>>;

}  // namespace

TEST_CASE("a built-in alert is told once, reminded of, and resolved, with its text") {
    Self self;
    CHECK(self.run_to(9).empty());
    self.own->set(SelfAlert::source_stale, "", true, "the gateway cannot be read");
    CHECK(self.run_to(5000) == Told{{10, Reason::first}, {3610, Reason::reminder}});
    CHECK(self.own->fires("source-stale"));
    CHECK_FALSE(self.own->fires("store-full"));
    CHECK_FALSE(self.own->fires("no-such-alert"));
    const auto& first = self.notices.front();
    CHECK(first.rule == "source-stale");
    CHECK(first.severity == base::Severity::critical);
    CHECK(first.summary == "the gateway cannot be read");
    CHECK(first.notifiers == std::vector<std::string>{"ops"});
    CHECK(first.since == at(10));
    CHECK(first.event_id.size() == 13);
    CHECK(first.event_id != self.notices.back().event_id);
    self.own->set(SelfAlert::source_stale, "", false, "");
    CHECK(self.run_to(5010) == Told{{5001, Reason::resolved}});
    CHECK(self.notices.back().duration == std::chrono::seconds{4991});
    CHECK(self.notices.back().ended == alerts::Ending::recovered);
    CHECK(self.own->alerts().empty());
}

TEST_CASE("a built-in alert is known as it was in seconds that are evaluated later") {
    Self self;
    self.run_to(9);
    self.own->set(SelfAlert::source_stale, {}, true, "gone");
    self.run_to(59);
    SUBCASE("in one life") {}
    SUBCASE("over a restart while it fires") {
        self.open();
    }
    self.own->set(SelfAlert::source_stale, {}, false, {});
    self.run_to(100);
    REQUIRE_FALSE(self.own->fires("source-stale"));
    const auto fired = [&](std::int64_t second) {
        return self.own->fired("source-stale", at(second));
    };
    CHECK_FALSE(fired(10));
    CHECK(fired(11));
    CHECK(fired(60));
    CHECK_FALSE(fired(61));
    CHECK_FALSE(self.own->fired("clock-skew", at(30)));
}

TEST_CASE("a restart repeats no built-in alert and forgets none") {
    Self self;
    self.own->set(SelfAlert::notifier_dead, "ops-telegram", true, "telegram: 401");
    CHECK(self.run_to(10) == Told{{0, Reason::first}});
    self.open();
    CHECK(self.run_to(20).empty());
    REQUIRE(self.own->alerts().size() == 1);
    CHECK(self.own->alerts().front().about == "ops-telegram");
    CHECK(self.own->alerts().front().text == "telegram: 401");
    SUBCASE("what has ended meanwhile is resolved") {
        self.own->set(SelfAlert::notifier_dead, "ops-telegram", false, "");
        CHECK(self.run_to(30) == Told{{21, Reason::resolved}});
    }
    SUBCASE("what it is about may be gone") {
        self.own->keep_only(SelfAlert::notifier_dead, {"ops-feishu"});
        CHECK(self.run_to(30) == Told{{21, Reason::resolved}});
    }
}

TEST_CASE("series of one built-in alert go each its own way") {
    Self self;
    self.own->set(SelfAlert::still_serving, "3", true, "channel 3 still answers");
    self.run_to(5);
    self.own->set(SelfAlert::still_serving, "4", true, "channel 4 still answers");
    CHECK(self.run_to(10) == Told{{6, Reason::first}});
    CHECK(self.notices.back().key ==
          std::vector{alerts::KeyName{alerts::Dimension::channel, 4, "", "4"}});
    self.own->set(SelfAlert::still_serving, "3", false, "");
    CHECK(self.run_to(20) == Told{{11, Reason::resolved}});
    CHECK(self.own->alerts().size() == 1);
}

TEST_CASE("a log that began anew is told, and its end is not") {
    Self self;
    self.own->set(SelfAlert::new_epoch, "", true, "the log began anew");
    CHECK(self.run_to(100) == Told{{0, Reason::first}});
    self.own->set(SelfAlert::new_epoch, "", false, "");
    CHECK(self.run_to(10'000).empty());
}

TEST_CASE("a silence holds a built-in alert, and it is told when the silence ends") {
    Self self;
    alerts::Silence silence;
    silence.rule = "store-*";
    silence.from = at(0);
    silence.until = at(100);
    self.own->set_silences({silence});
    self.own->set(SelfAlert::store_full, "", true, "no space");
    self.own->set(SelfAlert::clock_skew, "", true, "an hour ahead");
    CHECK(self.run_to(99) == Told{{0, Reason::first}});
    CHECK(self.notices.front().rule == "clock-skew");
    CHECK(self.own->fires("store-full"));
    CHECK(self.run_to(200) == Told{{100, Reason::first}});
}

TEST_CASE("their steps leave the engine's time alone, and quiet ones are empty") {
    Self self;
    {
        alerts::Step step;
        step.time = at(77);
        base::WriteTransaction transaction{self.mirror.database()};
        alerts::save_state(self.mirror.database(), step);
        transaction.commit();
    }
    self.own->set(SelfAlert::source_stale, "", true, "down");
    const auto step = self.own->evaluate(at(500));
    CHECK_FALSE(step.empty());
    CHECK(self.own->evaluate(at(500)).empty());  // once for one second
    CHECK(self.own->evaluate(at(501)).empty());
    {
        base::WriteTransaction transaction{self.mirror.database()};
        alerts::save_state(self.mirror.database(), step);
        transaction.commit();
    }
    auto& file = self.mirror.database().handle();
    CHECK(alerts::load_state(file).time == at(77));
    const auto history = alerts::load_history(file, at(0), at(1000));
    REQUIRE(history.size() == 2);
    CHECK(history[0].what == "firing");
    CHECK(history[1].what == "told");
    CHECK(history[1].id == step.notices.front().event_id);
}

TEST_CASE("what ended an hour ago is forgotten in the store, too") {
    Self self;
    self.own->set(SelfAlert::rule_error, "burn", true, "too many series");
    self.run_to(10);
    self.own->set(SelfAlert::rule_error, "burn", false, "");
    self.run_to(11);
    auto& file = self.mirror.database().handle();
    CHECK(alerts::load_state(file).series.size() == 1);
    self.run_to(4000);
    CHECK(alerts::load_state(file).series.empty());
}

TEST_CASE("the engine leaves the states of built-in alerts alone") {
    const std::string rule = "rules: [{name: burn, metric: tokens, window: 5m, above: 10}]";
    Watchman watchman{rule};
    SelfAlerts own{{}, {}};
    own.set(SelfAlert::source_stale, "", true, "down");
    watchman.save(own.evaluate(at(1)));
    watchman.restart(2);
    watchman.save(watchman.engine().checkpoint());
    const auto saved = alerts::load_state(watchman.mirror().database().handle());
    REQUIRE(saved.series.size() == 1);
    CHECK(saved.series.front().rule == "source-stale");
}
