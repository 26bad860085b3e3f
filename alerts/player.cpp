#include "alerts/player.h"

#include <algorithm>
#include <iterator>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include "alerts/baseline.h"
#include "alerts/self_alerts.h"
#include "base/database.h"
#include "base/failure.h"

namespace quotafuse::alerts {
namespace {

constexpr std::chrono::seconds kSecond{1};
constexpr std::chrono::milliseconds kWarmUpSlice{1000};
constexpr std::int64_t kProgressEvery = 3600;
constexpr std::int64_t kPeaksEvery = 60;
constexpr std::int64_t kWarmUpEvery = 60;
constexpr std::chrono::hours kChangesAtOnce{1};

/// Most of what a rule reads again stays within its window; `usual` looks back now and then only.
std::chrono::seconds mostly_read(const Rule& rule) {
    if (is_gauge(rule.metric)) return std::chrono::seconds{0};
    const auto delay = delay_of(rule);
    if (rule.compare_to == Comparison::none || rule.compare_to == Comparison::usual) {
        return rule.window.kind == Frame::Kind::rolling ? rule.window.length + delay : delay;
    }
    return reach_of(rule.window, rule.compare_to, 0, delay);
}

std::chrono::seconds farthest_read(const Rule& rule, const ReplayOptions& options) {
    if (is_gauge(rule.metric)) return std::chrono::seconds{0};
    const auto weeks = weeks_of(rule, options.weeks, options.kept);
    return reach_of(rule.window, rule.compare_to, weeks, delay_of(rule));
}

/// Not of how far the gateway had been read.
bool is_of_object(const std::pair<const sync::GaugeKey, sync::GaugeChange>& gauge) {
    return gauge.second.value && gauge.first.gauge != sync::Gauge::extent;
}

}  // namespace

std::map<std::string, base::Second> first_looks(SQLite::Database& database,
                                                const std::vector<Rule>& rules) {
    std::map<std::string, base::Second> looks;
    SQLite::Statement query{database, "SELECT rule, fingerprint, looked_at FROM rule_state"};
    while (query.executeStep()) {
        const auto name = query.getColumn(0).getString();
        const auto rule = std::find_if(rules.begin(), rules.end(),
                                       [&](const Rule& one) { return one.name == name; });
        const auto as_stored = static_cast<std::uint64_t>(query.getColumn(1).getInt64());
        if (rule == rules.end() || fingerprint(*rule) != as_stored) continue;
        looks[name] = base::from_unix(query.getColumn(2).getInt64());
    }
    return looks;
}

SelfAlertTimes::SelfAlertTimes(SQLite::Database& database, base::Second from, base::Second until) {
    const auto& names = self_alert_names();
    std::map<std::string, std::vector<Span>> all;
    std::map<std::pair<std::string, std::string>, std::size_t> open;
    for (const auto& event : load_history(database, from, until)) {
        if (std::find(names.begin(), names.end(), event.rule) == names.end()) continue;
        auto& spans = all[event.rule];
        if (event.what == "firing") {
            open[{event.rule, event.key}] = spans.size();
            spans.push_back({event.at, until});
        } else if (event.what == "over") {
            const auto at = open.find({event.rule, event.key});
            if (at != open.end()) spans[at->second].over = event.at;
        }
    }
    // Of several series of a name one may fire while another does.
    for (const auto& [name, spans] : all) {
        auto& joined = spans_[name];
        for (const auto& span : spans) {
            if (joined.empty() || joined.back().over < span.fired) {
                joined.push_back(span);
            } else {
                joined.back().over = std::max(joined.back().over, span.over);
            }
        }
    }
}

bool SelfAlertTimes::fires(std::string_view name, base::Second t) const {
    const auto known = spans_.find(name);
    if (known == spans_.end()) return false;
    const auto& spans = known->second;
    const auto next = std::ranges::lower_bound(spans, t, {}, &Span::fired);  // the first after it
    return next != spans.begin() && t <= std::prev(next)->over;
}

Player::Player(const std::vector<Rule>& rules, sync::History& history, const ReplayOptions& options)
    : history_(history), options_(options) {
    base::require_version(history.handle(), history.handle().getFilename(), schema());
    for (const auto& rule : rules) {
        if (rule.enabled) rules_.push_back(rule);
    }
    find_times();
    directory_ = history_.directory();
    result_.quota_per_unit = directory_.quota_per_unit;
    choose_rules();
    silences_ = load_silences(history_.handle(), start_);
    self_alerts_ =
        std::make_unique<SelfAlertTimes>(history_.handle(), start_ - kGoneAfter, options_.until);
    log_ = std::make_unique<EpisodeLog>(rules_, history_.texts());
    for (const auto& change : history_.gauges_at(start_)) {
        gauges_[change.key] = change;
        follow(change);
    }
    changes_until_ = start_;
    note_what_is_missing();
}

/// Nothing is known before the first row, and after the second up to which the daemon came.
void Player::find_times() {
    const auto range = history_.range();
    if (!range) {
        throw base::Failure(base::ExitCode::no_input,
                            "the store has no rows yet: start the daemon, or run `quotafuse sync`");
    }
    const auto saved = load_state(history_.handle());
    const auto last = range->second + kSecond;  // in which the last row counts
    const auto end = std::max(saved.time.value_or(last), last);
    options_.until = std::min(options_.until, end);
    const auto begin = beginning(range->first);
    if (begin > options_.from) {
        result_.notes.push_back(
            fmt::format("the store begins at {}", options_.zone.format(range->first)));
    }
    options_.from = std::min(std::max(options_.from, begin), options_.until);
    start_ = std::min(std::max(options_.from - kLeadIn, begin), options_.until);
    result_.from = options_.from;
    result_.until = options_.until;
}

/// A daemon that began before there was a row had rules that need none.
base::Second Player::beginning(base::Second first_row) const {
    const auto begin = first_row - kSecond;
    if (!options_.as_it_was) return begin;
    const auto events = load_events(history_.handle(), begin - kLeadIn);
    return events.empty() ? begin : std::min(begin, events.front().at);
}

void Player::choose_rules() {
    for (const auto& rule : rules_) looked_[rule.name] = fingerprint(rule);
    if (!options_.as_it_was) return;
    auto earliest = options_.until;
    for (const auto& [rule, at] : first_looks(history_.handle(), rules_)) {
        if (at <= start_ || at > options_.until) continue;
        begins_[at - kSecond].insert(rule);
        looked_.erase(rule);
        earliest = std::min(earliest, at - kSecond);
    }
    // Before its first rule there is nothing to play.
    if (looked_.empty()) start_ = earliest;
    begins_.erase(start_);
    find_gaps();
}

/// Seconds that the daemon skipped, and those that it looked at too late to act.
void Player::find_gaps() {
    using Kind = EngineEvent::Kind;
    std::optional<base::Second> stop;
    std::optional<base::Second> began;
    for (const auto& event : load_events(history_.handle(), start_ - kLeadIn)) {
        const auto other = second_of(event);
        if (event.kind == Kind::late && other) {
            late_.emplace_back(event.at, *other);
        } else if (event.kind == Kind::stopped) {
            stop = event.at;
        } else if (event.kind == Kind::jumped) {
            if (!other || event.at <= std::max(*other, start_)) continue;
            sleeps_[std::max(*other, start_)] = {event.at, true};
            // It had not looked at a second yet: it knows no more than what was stored.
            if (began == other) begins_.try_emplace(*began);
        } else if (event.kind == Kind::started || event.kind == Kind::reloaded) {
            const auto former = other ? other : stop;
            if (former && event.at > std::max(*former, start_)) {
                sleeps_[std::max(*former, start_)] = {event.at, false};
            }
            stop.reset();
            began = event.at;
        }
    }
}

/// Asked of one second after the other.
bool Player::was_late(base::Second t) {
    while (!late_.empty() && late_.front().second < t) late_.pop_front();
    return !late_.empty() && late_.front().first <= t;
}

void Player::note_what_is_missing() {
    const bool wants_gauges = std::any_of(rules_.begin(), rules_.end(),
                                          [](const Rule& rule) { return is_gauge(rule.metric); });
    if (!directory_.known) {
        result_.notes.emplace_back(
            "the gateway's channels, keys and users were never read: rules that need their names "
            "or "
            "gauges say nothing");
    } else if (wants_gauges && std::ranges::none_of(gauges_, is_of_object)) {
        result_.notes.emplace_back(
            "at the beginning no gauges are stored: until they are, rules about balances, keys, "
            "users "
            "and channels that are down say nothing");
    }
}

/// With all that the former one, if any, knew. `stored`: the engine time that it goes on from.
void Player::start_engine(base::Second t, std::optional<base::Second> stored) {
    std::vector<Rule> rules;
    for (const auto& rule : rules_) {
        const bool waits = std::any_of(begins_.begin(), begins_.end(), [&](const auto& one) {
            return one.first > t && one.second.contains(rule.name);
        });
        if (!waits) rules.push_back(rule);
    }
    const auto windows =
        engine_ && stored ? engine_->window_records() : std::vector<WindowRecord>{};
    Engine::Options options;
    options.weeks = options_.weeks;
    options.kept = options_.kept;
    options.explains = false;
    engine_ = std::make_unique<Engine>(std::move(rules), *tape_, options);
    engine_->use(directory_);
    engine_->set_silences(silences_);
    engine_->use_self_alerts(
        [this](std::string_view name, base::Second at) { return self_alerts_->fires(name, at); });
    std::vector<sync::GaugeChange> gauges;
    for (const auto& [key, change] : gauges_) gauges.push_back(change);
    if (!gauges.empty()) engine_->observe(gauges);
    SavedState saved;
    saved.time = stored;
    saved.looked = looked_;
    for (const auto& [key, record] : series_) saved.series.push_back(record);
    for (const auto& [series, digest] : digests_) saved.digests.push_back(digest);
    engine_->restore(saved, t, windows);
    warm_up();
}

void Player::change_engine(base::Second t) {
    take(engine_->checkpoint());
    const bool is_new = asleep_ && asleep_->until == t && wake(t);
    if (!is_new && begins_.contains(t)) start_engine(t, t);
    if (const auto sleep = sleeps_.find(t); sleep != sleeps_.end()) asleep_ = sleep->second;
}

/// Whether it is a new life, with all rules that are there by now.
bool Player::wake(base::Second t) {
    const bool jumped = asleep_->jumped;
    asleep_.reset();
    if (jumped) {
        take(engine_->advance(t + kLongestCatchUp));  // it does what it did then
        warm_up();
    } else {
        start_engine(t, std::nullopt);
    }
    return !jumped;
}

/// What is there, and whether it is switched on, is that of its time; names are those of now.
/// Whether that changed anything.
bool Player::follow(const sync::GaugeChange& change) {
    const auto id = change.key.object;
    const auto follow_in = [&](auto& objects) {
        return change.value ? objects.try_emplace(id).second : objects.erase(id) > 0;
    };
    if (change.key.gauge == sync::Gauge::token_status) return follow_in(directory_.tokens);
    if (change.key.gauge == sync::Gauge::user_status) return follow_in(directory_.users);
    if (change.key.gauge != sync::Gauge::channel_status) return false;
    const bool came_or_went = follow_in(directory_.channels);
    if (!change.value) return came_or_went;
    auto& status = directory_.channels.at(id).status;
    return std::exchange(status, static_cast<int>(*change.value)) != status || came_or_went;
}

/// What a snapshot saw counts for the seconds after it.
void Player::observe() {
    if (playing_ > changes_until_) read_changes();
    std::vector<sync::GaugeChange> now;
    bool others = false;
    while (!changes_.empty() && changes_.front().at < base::unix_seconds(playing_)) {
        gauges_[changes_.front().key] = changes_.front();
        others = follow(changes_.front()) || others;
        now.push_back(changes_.front());
        changes_.pop_front();
    }
    if (now.empty() || stands_still()) return;
    engine_->observe(now);
    if (!others) return;
    engine_->use(directory_);
    warm_up();  // what is there may change which rows a rule chooses
}

/// A month of them would not fit into memory.
void Player::read_changes() {
    const auto until = changes_until_ + kChangesAtOnce;
    history_.read_gauges(changes_until_, until,
                         [&](const sync::GaugeChange& change) { changes_.push_back(change); });
    changes_until_ = until;
}

void Player::warm_up() {
    while (engine_->warm_up(kWarmUpSlice)) {
    }
}

void Player::play_second(base::Second t) {
    std::vector<sync::Row> rows;
    tape_->advance(t, rows);
    playing_ = t;
    observe();
    if (stands_still()) return;
    engine_->feed(rows);
    if (t > options_.from) result_.rows += static_cast<std::int64_t>(rows.size());
    for (const auto& row : rows) log_->add(row);
    if (asleep_) return;  // nobody ever looked at this second
    take(engine_->advance(t, was_late(t) ? t + 2 * kLate : t));
    // A clock that went back may have emptied windows.
    if (base::unix_seconds(t) % kWarmUpEvery == 0) warm_up();
    const bool looks_at_peaks = base::unix_seconds(t) % kPeaksEvery == 0 && log_->has_untold();
    if (looks_at_peaks) take(engine_->checkpoint());
}

void Player::take(const Step& step) {
    if (step.empty()) return;
    for (const auto& record : step.series) {
        if (record.forgotten) {
            series_.erase({record.rule, record.key});
        } else {
            series_[{record.rule, record.key}] = record;
        }
    }
    for (const auto& rule : step.rules) looked_[rule.rule] = rule.fingerprint;
    for (const auto& digest : step.digests) {
        if (digest.episodes == 0) {
            digests_.erase({digest.rule, digest.key});
        } else {
            digests_[{digest.rule, digest.key}] = digest;
        }
    }
    log_->take(step, engine_->names());
    if (step.time < options_.from) return;
    for (const auto& notice : step.notices) ++result_.notices[notice.rule];
    result_.events.insert(result_.events.end(), step.events.begin(), step.events.end());
}

ReplayResult Player::run(RowSource& source, std::size_t reader) {
    HistoryTape::Options options;
    options.until = options_.until;
    for (const auto& rule : rules_) {
        options.reach = std::max(options.reach, mostly_read(rule));
        options.farthest = std::max(options.farthest, farthest_read(rule, options_));
    }
    tape_ = std::make_unique<HistoryTape>(history_, source, reader, options);
    playing_ = start_;
    start_engine(start_, std::nullopt);
    const auto length = static_cast<double>((options_.until - start_).count());
    for (auto t = start_; t < options_.until; t += kSecond) {
        if (begins_.contains(t) || sleeps_.contains(t) || (asleep_ && asleep_->until == t))
            change_engine(t);
        play_second(t + kSecond);
        if (options_.progress && (t - start_).count() % kProgressEvery == 0) {
            options_.progress(static_cast<double>((t - start_).count()) / length);
        }
    }
    take(engine_->checkpoint());
    for (const auto& error : engine_->overview().errors) {
        result_.notes.push_back(fmt::format("rule {}: {}", error.rule, error.text));
    }
    for (const auto& warming : engine_->overview().warming) {
        result_.silent.push_back(warming.rule);
    }
    result_.episodes = log_->episodes(options_.from);
    engine_.reset();
    tape_.reset();  // others may wait for this reader
    return std::move(result_);
}

}  // namespace quotafuse::alerts
