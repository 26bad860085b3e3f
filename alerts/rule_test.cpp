#include "alerts/rule_test.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "alerts/engine.h"
#include "alerts/meter.h"
#include "alerts/state_store.h"
#include "alerts/test_gauges.h"
#include "base/database.h"
#include "base/duration.h"
#include "sync/store.h"

namespace quotafuse::alerts {
namespace {

constexpr std::chrono::seconds kSecond{1};
constexpr std::chrono::milliseconds kWarmUpSlice{1000};

/// "1,234,567.5", with as many digits behind the point as say something.
std::string readable(double value) {
    auto text = fmt::format("{:.6f}", value);
    while (text.ends_with('0')) text.pop_back();
    if (text.ends_with('.')) text.pop_back();
    auto point = std::min(text.find('.'), text.size());
    const std::size_t start = text.starts_with('-') ? 1 : 0;
    while (point > start + 3) text.insert(point -= 3, ",");
    return text;
}

/// The store of one test, gone with it.
class Scratch {
public:
    explicit Scratch(const std::string& folder) : path_(folder + "/rule-test.db") {
        remove();
        database_ = std::make_unique<base::Database>(
            path_, std::vector<base::Schema>{sync::Store::schema(), schema()});
        database_->set_durable(false);
        store_ = std::make_unique<sync::Store>(*database_);
    }
    ~Scratch() {
        store_.reset();
        database_.reset();
        remove();
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    sync::Store& store() { return *store_; }

    std::vector<sync::Row> append(std::vector<sync::LogEntry> entries, base::Second now) {
        for (auto& entry : entries) entry.id = ++position_.cursor;
        return store_->append({std::move(entries), position_}, now, now);
    }

private:
    void remove() {
        for (const auto* end : {"", "-wal", "-shm"}) std::remove((path_ + end).c_str());
    }
    std::string path_;
    sync::Position position_;
    std::unique_ptr<base::Database> database_;
    std::unique_ptr<sync::Store> store_;
};

/// One test at work: the rule in an engine, and beside it the rule's meter alone, which also tells
/// the value of a series of which the engine has nothing to say.
class TestRun {
public:
    TestRun(const RuleTest& test, const std::vector<Rule>& rules, const std::string& folder);
    std::vector<std::string> run();

private:
    /// What is given and expected in one second.
    struct Second {
        std::vector<sync::LogEntry> entries;
        std::vector<const RuleTest::Gauge*> gauges;
        std::vector<const RuleTest::Expectation*> expect;
    };

    static std::vector<Rule> rules_for(const RuleTest& test, const std::vector<Rule>& rules);
    void plan();
    void name_objects();
    void start();
    void go_to(base::Second t);
    void give(const Second& second, base::Second t);
    void check(const RuleTest::Expectation& expectation, base::Second t);
    SeriesKey key_of(const RuleTest::Expectation& expectation) const;
    KeyPart part_of(Dimension dimension, const std::string& text) const;
    void differs(const RuleTest::Expectation& expectation, const std::string& expected,
                 const std::string& got);
    std::string value_text(std::optional<double> value) const;

    const RuleTest& test_;
    const std::vector<Rule> rules_;  // the rule first
    Scratch scratch_;
    TestGauges test_gauges_;
    sync::Directory directory_;
    Engine engine_;
    Names names_;
    GaugeBoard board_;
    WindowSet windows_;
    std::unique_ptr<Meter> meter_;
    std::map<base::Second, Second> seconds_;
    std::map<std::vector<KeyName>, int,
             bool (*)(const std::vector<KeyName>&, const std::vector<KeyName>&)>
        notices_;
    std::vector<std::string> differences_;
};

bool by_display(const std::vector<KeyName>& a, const std::vector<KeyName>& b) {
    return std::lexicographical_compare(
        a.begin(), a.end(), b.begin(), b.end(),
        [](const KeyName& x, const KeyName& y) { return x.display < y.display; });
}

TestRun::TestRun(const RuleTest& test, const std::vector<Rule>& rules, const std::string& folder)
    : test_(test),
      rules_(rules_for(test, rules)),
      scratch_(folder),
      test_gauges_(scratch_.store()),
      engine_(rules_, scratch_.store(), Engine::Options{.weeks = kLeastWeeks, .explains = false}),
      names_(scratch_.store().texts()),
      windows_(scratch_.store()),
      meter_(make_meter(rules_.front(), windows_, board_, names_, kLeastWeeks)),
      notices_(by_display) {}

/// The rule and all that may inhibit it, switched on or not: a test is about what it says.
std::vector<Rule> TestRun::rules_for(const RuleTest& test, const std::vector<Rule>& rules) {
    std::vector<Rule> chosen;
    std::set<std::string> met{test.rule};
    std::vector<std::string> open{test.rule};
    while (!open.empty()) {
        const auto name = open.back();
        open.pop_back();
        const auto rule = std::find_if(rules.begin(), rules.end(),
                                       [&](const Rule& one) { return one.name == name; });
        if (rule == rules.end()) continue;  // a built-in alert
        chosen.push_back(*rule);
        chosen.back().enabled = true;
        for (const auto& other : rule->inhibited_by) {
            if (met.insert(other).second) open.push_back(other);
        }
    }
    return chosen;
}

void TestRun::plan() {
    for (const auto& rows : test_.rows) {
        auto entry = rows.entry;
        for (int i = 0; i < rows.repeat; ++i) {
            const auto t = test_.starts + rows.at + rows.every * i;
            entry.created_at = base::unix_seconds(t);
            seconds_[t].entries.push_back(entry);
        }
    }
    for (const auto& gauge : test_.gauges) {
        seconds_[test_.starts + gauge.at].gauges.push_back(&gauge);
    }
    for (const auto& one : test_.expect) seconds_[test_.starts + one.at].expect.push_back(&one);
}

/// All that a test mentions is there and switched on.
void TestRun::name_objects() {
    directory_.known = true;
    const auto add = [&](std::int64_t channel, std::int64_t token, std::int64_t user) {
        if (channel > 0) directory_.channels[channel].status = 1;
        if (token > 0) directory_.tokens[token];
        if (user > 0) directory_.users[user];
    };
    for (const auto& rows : test_.rows) {
        const auto& entry = rows.entry;
        add(entry.channel, entry.token, entry.user);
        if (entry.token > 0) directory_.tokens[entry.token] = {entry.token_name, entry.user};
        if (entry.user > 0) directory_.users[entry.user].name = entry.username;
    }
    for (const auto& gauge : test_.gauges) {
        const auto id = as_id(gauge.object).value_or(0);
        const auto is = [&](std::string_view kind) { return gauge.name.starts_with(kind); };
        add(is("channel") || is("dead") ? id : 0, is("token") ? id : 0, is("user") ? id : 0);
    }
}

/// One second before the first. The rules count as looked at before, so that what a test shows them
/// at once is no first look.
void TestRun::start() {
    const auto before = test_.starts - kSecond;
    name_objects();
    engine_.use(directory_);
    names_.use(directory_);
    windows_.use(directory_);
    if (!test_.gauges.empty()) {
        engine_.observe({});
        board_.note_known();
    }
    SavedState saved;
    for (const auto& rule : rules_) saved.looked[rule.name] = fingerprint(rule);
    engine_.restore(saved, before);
    windows_.start(before, {});
    while (engine_.warm_up(kWarmUpSlice)) {
    }
    while (windows_.warm_up(kWarmUpSlice, [](const sync::Row&) {})) {
    }
}

void TestRun::go_to(base::Second t) {
    // The meter remembers last rows only if it meets them.
    const auto most = rules_.front().metric == Metric::since_last ? kSecond : kMostSecondsOfStep;
    while (engine_.time() < t) {
        const auto step = engine_.advance(std::min(t, engine_.time() + most));
        for (const auto& notice : step.notices) {
            if (notice.rule == test_.rule) ++notices_[notice.key];
        }
        windows_.advance(engine_.time(), [](const sync::Row&) {});
        std::vector<Meter::Sighting> ignored;
        meter_->look(
            engine_.time(), [](const SeriesKey&) { return false; }, false, ignored);
        windows_.settle();
        board_.settle();
    }
}

void TestRun::give(const Second& second, base::Second t) {
    if (!second.entries.empty()) {
        const auto rows = scratch_.append(second.entries, t - kSecond);
        engine_.feed(rows);
        for (const auto& row : rows) {
            names_.learn(row);
            windows_.feed(row);
        }
    }
    for (const auto* const gauge : second.gauges) {
        const auto changes = test_gauges_.changes(*gauge, t);
        engine_.observe(changes);
        for (const auto& change : changes) board_.set(change);
    }
}

KeyPart TestRun::part_of(Dimension dimension, const std::string& text) const {
    const auto by_name = [&](const auto& objects) {
        const auto at = std::find_if(objects.begin(), objects.end(),
                                     [&](const auto& one) { return one.second.name == text; });
        return KeyPart{at == objects.end() ? as_id(text).value_or(-1) : at->first, 0};
    };
    if (dimension == Dimension::channel) return by_name(directory_.channels);
    if (dimension == Dimension::token) return by_name(directory_.tokens);
    if (dimension == Dimension::user) return by_name(directory_.users);
    if (dimension == Dimension::status) return {as_id(text).value_or(-1), 0};
    if (dimension == Dimension::ip) return {sync::parse_address(text), 0};
    return {0, names_.texts().find(text)};
}

SeriesKey TestRun::key_of(const RuleTest::Expectation& expectation) const {
    SeriesKey key;
    const auto& by = rules_.front().by;
    for (std::size_t i = 0; i < by.size(); ++i) {
        for (const auto& [dimension, text] : expectation.key) {
            if (dimension == by[i]) key.parts[i] = part_of(dimension, text);
        }
    }
    return key;
}

std::string TestRun::value_text(std::optional<double> value) const {
    if (!value) return "no value";
    const auto& rule = rules_.front();
    const auto unit = rule.compare_to == Comparison::none ? metric_unit(rule.metric) : "percent";
    return fmt::format("{}{}{}", readable(*value), unit.empty() ? "" : " ", unit);
}

void TestRun::differs(const RuleTest::Expectation& expectation, const std::string& expected,
                      const std::string& got) {
    std::string series;
    for (const auto& [dimension, text] : expectation.key) {
        series +=
            fmt::format("{} {} {}", series.empty() ? "" : ",", dimension_name(dimension), text);
    }
    differences_.push_back(fmt::format(
        "{}:{}:{}: at {}{}: expected {}, got {}", test_.file, expectation.place.line,
        expectation.place.column, base::format_duration(expectation.at), series, expected, got));
}

/// Percentiles are exact to 2 % only, and sums of dollars to the digits that a double has.
bool is_equal(const Rule& rule, double expected, double got) {
    const double tolerance = is_percentile(rule.metric) ? 0.02 : 1e-6;
    return std::abs(expected - got) <= tolerance * std::max(std::abs(expected), 1e-3);
}

void TestRun::check(const RuleTest::Expectation& expectation, base::Second t) {
    const auto& rule = rules_.front();
    const auto key = key_of(expectation);
    const auto names = engine_.names().name(key, rule.by);
    const auto is_it = [&](const auto& one) { return one.rule == rule.name && one.key == names; };
    const auto view = engine_.overview();
    const auto alert = std::find_if(view.alerts.begin(), view.alerts.end(), is_it);
    const auto phase = alert == view.alerts.end() ? Phase::inactive : alert->phase;
    const auto reading = meter_->read(key, t);
    std::string reason;
    const auto report = engine_.report(rule.name);
    if (report && !report->evaluations.empty() && report->evaluations.front().key == names) {
        reason = fmt::format(", reason {}", reason_name(report->evaluations.front().reason));
    }
    if (expectation.state && *expectation.state != phase) {
        differs(
            expectation, std::string{phase_name(*expectation.state)},
            fmt::format("{} (value {}{})", phase_name(phase), value_text(reading.value), reason));
    }
    if (expectation.value &&
        (!reading.value || !is_equal(rule, *expectation.value, *reading.value))) {
        differs(expectation, "value " + value_text(expectation.value), value_text(reading.value));
    }
    if (!expectation.notices) return;
    const auto told = notices_.find(names);
    const auto notices = told == notices_.end() ? 0 : told->second;
    if (notices != *expectation.notices) {
        differs(
            expectation,
            fmt::format("{} notice{}", *expectation.notices, *expectation.notices == 1 ? "" : "s"),
            fmt::format("{} ({}{})", notices, phase_name(phase), reason));
    }
}

std::vector<std::string> TestRun::run() {
    plan();
    start();
    for (const auto& [t, second] : seconds_) {
        go_to(t - kSecond);
        give(second, t);
        go_to(t);
        for (const auto* const one : second.expect) check(*one, t);
    }
    return std::move(differences_);
}

}  // namespace

TestOutcome run_test(const RuleTest& test, const std::vector<Rule>& rules,
                     const std::string& folder) {
    const bool known = std::any_of(rules.begin(), rules.end(),
                                   [&](const Rule& rule) { return rule.name == test.rule; });
    if (!known) return {test.rule, test.name, {fmt::format("there is no rule {}", test.rule)}};
    return {test.rule, test.name, TestRun{test, rules, folder}.run()};
}

}  // namespace quotafuse::alerts
