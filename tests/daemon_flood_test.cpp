// Many alerts at once at services that enforce their limits: courier, outbox, pacing, senders and
// messages as in the daemon, on a clock that only the test moves.
#include <algorithm>
#include <chrono>
#include <optional>
#include <regex>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/guarded.h"
#include "daemon/bundle_text.h"
#include "daemon/courier.h"
#include "daemon/messages.h"
#include "support/chat_pair.h"
#include "support/program.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using namespace std::chrono_literals;
using notifiers::Dispatcher;

namespace {

constexpr int kAlerts = 200;

/// All of one rule, a key each; or each of a rule of its own.
enum class Flood { of_keys, of_rules };

/// "a017", which no text contains by chance.
std::string mark_of(int number) {
    return fmt::format("a{:03}", number);
}

alerts::Notice notice(Flood flood, int number, base::Second at) {
    alerts::Notice n;
    n.event_id = fmt::format("e{:03}", number);
    n.rule = flood == Flood::of_keys ? "token-burn" : mark_of(number);
    n.severity = base::Severity::warning;
    n.metric = alerts::Metric::tokens;
    const auto key = flood == Flood::of_keys ? mark_of(number) : "gpt-4o";
    n.key = {{alerts::Dimension::model, {}, key, key}};
    n.value = 2'500'000;
    n.threshold = 2'000'000;
    n.window = alerts::Frame::rolling(1h);
    n.since = at;
    n.at = at;
    return n;
}

/// One service with its limits, and what stands between it and the alerts.
class Line {
public:
    explicit Line(Chat chat) : pair_(chat, {}, "", Limits::enforced) {
        config_.language = Language::english;
        start();
    }
    /// Also anew, as after an end of the program.
    void start() {
        pacing_.emplace(clock(), 1);
        pacing_->add("ops", pair_.settings.recipe->pace());
        std::vector<Dispatcher::Entry> entries;
        entries.push_back({"ops", pair_.settings.recipe->make({clock(), {std::cout, false}})});
        dispatcher_.emplace(std::move(entries), [this](Dispatcher::Result result) {
            results_.with([&](auto& all) { all.push_back(std::move(result)); });
        });
        courier_.emplace(outbox_, *dispatcher_, *pacing_, std::vector<std::string>{"ops"}, clock(),
                         log_);
        courier_->start();
    }

    FakeClock& clock() { return pair_.clock; }
    const ChatService& service() const { return pair_.service; }
    notifiers::Outbox& outbox() { return outbox_; }

    void raise(Flood flood, int number) {
        const auto n = notice(flood, number, clock().now());
        notifiers::Letter letter{n.event_id, n.event_id, {}, messages_.alert(n), false};
        letter.batch = fmt::format("{} {}", n.rule, base::unix_seconds(n.at));
        base::WriteTransaction transaction{database_};
        outbox_.put(letter, "ops", clock().now(), clock().now());
        transaction.commit();
    }
    /// As the pipeline turns: time goes on only while no send is under way.
    void deliver_all() {
        const auto deadline = clock().mono() + 1h;
        while (outbox_.pending() > 0) {
            REQUIRE(clock().mono() < deadline);
            courier_->pump();
            const auto next = courier_->next_look() - clock().mono();
            if (!courier_->busy())
                clock().advance(std::max(std::chrono::ceil<base::Milliseconds>(next), 1ms));
            take_results();
        }
    }
    void pump() { courier_->pump(); }
    /// Another program with the same robot sends as much as the service takes in a minute.
    void use_up_limit() {
        const auto other = pair_.settings.recipe->make({clock(), {std::cout, false}});
        for (int i = 0; i < 20; ++i)
            REQUIRE(other->send({"x", sample(), 0}).kind == notifiers::Outcome::Kind::ok);
    }

private:
    void take_results() {
        if (!courier_->busy()) return;
        REQUIRE(eventually([&] { return !results_.copy().empty(); }));
        for (const auto& result : results_.with([](auto& all) { return std::exchange(all, {}); }))
            courier_->take(result);
    }

    ChatPair pair_;
    TempDir folder_;
    Config config_;
    Messages messages_{config_};
    base::Log log_{base::Level::error};
    base::Database database_{folder_.file("s.db"), {notifiers::Outbox::schema()}};
    notifiers::Outbox outbox_{database_, BundleText{config_}};
    std::optional<notifiers::Pacing> pacing_;
    base::Guarded<std::vector<Dispatcher::Result>> results_;
    std::optional<Dispatcher> dispatcher_;
    std::optional<Courier> courier_;
};

/// How often each alert stands in what readers saw.
std::map<std::string, int> told(const std::vector<std::string>& shown) {
    static const std::regex kMark{"a[0-9]{3}"};
    std::map<std::string, int> counts;
    for (const auto& text : shown) {
        std::set<std::string> in_text;
        for (std::sregex_iterator at{text.begin(), text.end(), kMark}, end; at != end; ++at)
            in_text.insert(at->str());
        for (const auto& mark : in_text) ++counts[mark];
    }
    return counts;
}

void check_all_told(const std::vector<std::string>& shown) {
    const auto counts = told(shown);
    CHECK(counts.size() == kAlerts);
    for (const auto& [mark, times] : counts) {
        INFO(mark);
        CHECK(times == 1);
    }
    for (const auto& text : shown) {
        INFO(text);
        CHECK(text.find("… +") == std::string::npos);  // nothing had to be cut
    }
}

}  // namespace

TEST_CASE("200 alerts of one second reach every service, within its limits, as readable lists") {
    for (const auto chat : kChats) {
        for (const auto flood : {Flood::of_keys, Flood::of_rules}) {
            CAPTURE(static_cast<int>(chat));
            CAPTURE(static_cast<int>(flood));
            Line line{chat};
            const auto began = line.clock().mono();
            line.raise(flood, 0);
            line.pump();  // the first one goes out before the others are known
            for (int i = 1; i < kAlerts; ++i) line.raise(flood, i);
            line.deliver_all();
            check_all_told(line.service().shown());
            // One alone and lists of 20 lines; none was refused and sent again.
            CHECK(line.service().shown().size() == 11);
            CHECK(line.service().calls().size() == 11);
            // A window of which half counts as used holds up the rest for its minute.
            CHECK(line.clock().mono() - began <= 62s);
            CHECK(line.outbox().failed() == 0);
        }
    }
}

TEST_CASE("where somebody else has used up the robot's limit one message is refused, none after") {
    for (const auto chat : {W, D}) {
        CAPTURE(static_cast<int>(chat));
        Line line{chat};
        line.use_up_limit();
        for (int i = 0; i < kAlerts; ++i) line.raise(Flood::of_keys, i);
        const auto began = line.clock().mono();
        line.deliver_all();
        check_all_told(line.service().shown());
        CHECK(line.service().calls().size() == line.service().shown().size() + 1);
        CHECK(line.clock().mono() - began <= (chat == W ? 122s : 662s));
        CHECK(line.outbox().failed() == 0);
    }
}

TEST_CASE("no restart makes a robot say more in a minute than its service takes") {
    for (const auto chat : {W, D}) {
        CAPTURE(static_cast<int>(chat));
        Line line{chat};
        int raised = 0;
        const auto say = [&](int count) {
            for (const int end = raised + count; raised < end; ++raised) {
                line.raise(Flood::of_rules, raised);
                line.deliver_all();
            }
        };
        for (int run = 0; run < 3; ++run) {
            line.clock().advance(61s);
            say(18);
            line.start();
            say(9);
            line.start();
        }
        // None was refused.
        CHECK(line.service().shown().size() == static_cast<std::size_t>(raised));
        CHECK(line.service().calls().size() == static_cast<std::size_t>(raised));
    }
}
