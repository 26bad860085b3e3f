#include "alerts/rule_test.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "alerts/engine.h"
#include "alerts/filter.h"
#include "alerts/meter.h"
#include "alerts/state_store.h"
#include "alerts/test_gauges.h"
#include "base/database.h"
#include "sync/store.h"

namespace quotafuse::alerts {
namespace {

constexpr std::chrono::seconds kSecond{1};
constexpr std::chrono::milliseconds kWarmUpSlice{1000};

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

    /// `seen` is left out for rows of the past.
    std::vector<sync::Row> append(std::vector<sync::LogEntry> entries, base::Second now,
                                  std::optional<base::Second> seen) {
        for (auto& entry : entries) entry.id = ++position_.cursor;
        return store_->append({std::move(entries), position_}, now, seen);
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
    TestOutcome run();

private:
    /// What is given and expected in one second.
    struct Second {
        std::vector<sync::LogEntry> entries;
        std::vector<const RuleTest::Gauge*> gauges;
        std::vector<const RuleTest::Expectation*> expect;
    };

    static std::vector<Rule> rules_for(const RuleTest& test, const std::vector<Rule>& rules);
    void plan();
    void remember(base::Second before);
    void note(const sync::Row& row);
    void note(const sync::GaugeKey& key);
    void start();
    void go_to(base::Second t);
    void give(const Second& second, base::Second t);
    void check(const RuleTest::Expectation& expectation, base::Second t);
    SeriesKey key_of(const RuleTest::Expectation& expectation);
    KeyPart part_of(Dimension dimension, const std::string& text);
    std::optional<Evaluation> evaluation_of(const std::vector<KeyName>& key, const Reading& reading,
                                            Phase phase) const;

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
    Filter filter_;
    bool concerns_ = false;  // something given is the rule's business
    std::map<base::Second, Second> seconds_;
    std::map<std::vector<KeyName>, int,
             bool (*)(const std::vector<KeyName>&, const std::vector<KeyName>&)>
        notices_;
    std::vector<TestDifference> differences_;
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
      directory_(directory_of(test, scratch_.store())),
      engine_(rules_, scratch_.store(), Engine::Options{.weeks = kMostWeeks, .explains = false}),
      names_(scratch_.store().texts()),
      windows_(scratch_.store()),
      meter_(make_meter(rules_.front(), windows_, board_, names_, kMostWeeks)),
      filter_(rules_.front().where, rules_.front().errors_when,
              counts_attempts(rules_.front().metric), scratch_.store().texts()),
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

/// Rows from before the test began: what the engine finds in the mirror when it starts.
void TestRun::remember(base::Second before) {
    std::vector<sync::LogEntry> past;
    while (!seconds_.empty() && seconds_.begin()->first <= before) {
        auto& entries = seconds_.begin()->second.entries;
        std::move(entries.begin(), entries.end(), std::back_inserter(past));
        seconds_.erase(seconds_.begin());
    }
    if (past.empty()) return;
    for (const auto& row : scratch_.append(std::move(past), before, std::nullopt)) note(row);
}

void TestRun::note(const sync::Row& row) {
    names_.learn(row);
    concerns_ = concerns_ || (!is_gauge(rules_.front().metric) && filter_.count(row));
}

void TestRun::note(const sync::GaugeKey& key) {
    const auto& rule = rules_.front();
    if (!is_gauge(rule.metric)) return;
    SeriesKey series;
    for (std::size_t i = 0; i < rule.by.size(); ++i) {
        const auto dimension = rule.by[i];
        if (dimension == Dimension::group) {
            series.parts[i].text = key.group;
        } else if (dimension == Dimension::model) {
            series.parts[i].text = key.model;
        } else {
            series.parts[i].number = key.object;
        }
    }
    concerns_ = concerns_ || (meter_->read(series, test_.starts).value && meter_->chooses(series));
}

/// One second before the first. The rules count as looked at before, so that what a test shows them
/// at once is no first look.
void TestRun::start() {
    const auto before = test_.starts - kSecond;
    filter_.use(directory_);
    remember(before);
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
        const auto rows = scratch_.append(second.entries, t - kSecond, t - kSecond);
        engine_.feed(rows);
        for (const auto& row : rows) {
            note(row);
            windows_.feed(row);
        }
    }
    for (const auto* const gauge : second.gauges) {
        const auto changes = test_gauges_.changes(*gauge, t);
        engine_.observe(changes);
        for (const auto& change : changes) {
            board_.set(change);
            note(change.key);
        }
    }
}

KeyPart TestRun::part_of(Dimension dimension, const std::string& text) {
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
    // A text that no row has (yet) is no series, but can be asked for.
    return {0, scratch_.store().intern(text)};
}

SeriesKey TestRun::key_of(const RuleTest::Expectation& expectation) {
    SeriesKey key;
    const auto& by = rules_.front().by;
    for (std::size_t i = 0; i < by.size(); ++i) {
        for (const auto& [dimension, text] : expectation.key) {
            if (dimension == by[i]) key.parts[i] = part_of(dimension, text);
        }
    }
    return key;
}

/// Percentiles are exact to 2 % only, and sums of dollars to the digits that a double has.
bool is_equal(const Rule& rule, double expected, double got) {
    const double tolerance = is_percentile(rule.metric) ? 0.02 : 1e-6;
    return std::abs(expected - got) <= tolerance * std::max(std::abs(expected), 1e-3);
}

/// Of a series that is not the one that the rule's report is about: what its value says alone.
std::optional<Evaluation> TestRun::evaluation_of(const std::vector<KeyName>& key,
                                                 const Reading& reading, Phase phase) const {
    const auto& rule = rules_.front();
    Evaluation evaluation;
    const auto report = engine_.report(rule.name);
    if (report && !report->evaluations.empty() && report->evaluations.front().key == key) {
        evaluation = report->evaluations.front();
    } else if (phase != Phase::inactive || is_breached(reading.value, rule)) {
        return std::nullopt;
    }
    evaluation.value = reading.value;
    const bool quiet = evaluation.reason == Reason::inactive;
    if (quiet && !reading.value) evaluation.reason = Reason::no_value;
    return evaluation;
}

void TestRun::check(const RuleTest::Expectation& expectation, base::Second t) {
    using What = TestDifference::What;
    const auto& rule = rules_.front();
    const auto key = key_of(expectation);
    const auto names = engine_.names().name(key, rule.by);
    const auto reading = meter_->read(key, t);
    const auto told = notices_.find(names);
    TestDifference got;
    got.expected = expectation;
    got.phase = engine_.phase_of(rule.name, key);
    got.value = reading.value;
    got.notices = told == notices_.end() ? 0 : told->second;
    got.evaluation = evaluation_of(names, reading, got.phase);
    const auto differs = [&](What what) {
        got.what = what;
        differences_.push_back(got);
    };
    if (expectation.state && *expectation.state != got.phase) differs(What::state);
    if (expectation.value && (!got.value || !is_equal(rule, *expectation.value, *got.value))) {
        differs(What::value);
    }
    if (expectation.notices && *expectation.notices != got.notices) differs(What::notices);
}

bool expects_silence(const RuleTest& test) {
    return std::all_of(test.expect.begin(), test.expect.end(), [](const auto& one) {
        return one.state.value_or(Phase::inactive) == Phase::inactive &&
               one.value.value_or(0) == 0 && one.notices.value_or(0) == 0;
    });
}

TestOutcome TestRun::run() {
    plan();
    start();
    for (const auto& [t, second] : seconds_) {
        go_to(t - kSecond);
        give(second, t);
        go_to(t);
        for (const auto* const one : second.expect) check(*one, t);
    }
    return {std::move(differences_), !concerns_ && expects_silence(test_)};
}

}  // namespace

TestOutcome run_test(const RuleTest& test, const std::vector<Rule>& rules,
                     const std::string& folder) {
    return TestRun{test, rules, folder}.run();
}

}  // namespace quotafuse::alerts
