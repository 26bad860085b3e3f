#pragma once

#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "alerts/engine.h"
#include "alerts/rule_loader.h"
#include "alerts/state_store.h"
#include "base/database.h"
#include "support/temp_dir.h"
#include "sync/store.h"

namespace quotafuse::tests {

/// 2026-01-05 00:00:00 UTC, a Monday.
inline constexpr std::int64_t kMonday = 1'767'571'200;

inline base::Second at(std::int64_t seconds_after_monday) {
    return base::from_unix(kMonday + seconds_after_monday);
}

/// One answered request of 100 tokens on channel 3.
inline sync::LogEntry request(std::int64_t seconds_after_monday) {
    sync::LogEntry entry;
    entry.created_at = kMonday + seconds_after_monday;
    entry.kind = sync::Kind::consume;
    entry.user = 7;
    entry.token = 12;
    entry.channel = 3;
    entry.username = "alice";
    entry.token_name = "k1";
    entry.model = "gpt-4o";
    entry.group = "default";
    entry.quota = 500;
    entry.prompt_tokens = 60;
    entry.completion_tokens = 40;
    entry.latency_ms = 1000;
    return entry;
}

inline sync::LogEntry failure(std::int64_t seconds_after_monday, int status = 500) {
    auto entry = request(seconds_after_monday);
    entry.kind = sync::Kind::error;
    entry.quota = entry.prompt_tokens = entry.completion_tokens = 0;
    entry.status = status;
    return entry;
}

/// One request a second, of so many tokens each.
inline std::vector<sync::LogEntry> requests(std::int64_t from, int count, std::int64_t tokens,
                                            std::int64_t channel = 3) {
    std::vector<sync::LogEntry> entries;
    for (int i = 0; i < count; ++i) {
        auto entry = request(from + i);
        entry.channel = channel;
        entry.prompt_tokens = tokens;
        entry.completion_tokens = 0;
        entries.push_back(entry);
    }
    return entries;
}

inline std::vector<alerts::Reason> reasons(const std::vector<alerts::Notice>& notices) {
    std::vector<alerts::Reason> all;
    for (const auto& notice : notices) all.push_back(notice.reason);
    return all;
}

/// What a rule with `disable_channel: {mode: live}` asks for.
inline alerts::Action disabling(std::int64_t channel, bool even_if_last = false) {
    alerts::Action action;
    action.channel = channel;
    action.mode = alerts::ActionMode::live;
    action.even_if_last = even_if_last;
    return action;
}

inline std::vector<alerts::Rule> rules_from(const std::string& text) {
    alerts::LoadContext context;
    context.ceiling = alerts::ActionMode::live;
    base::yaml::Diagnostics diagnostics;
    auto set = alerts::parse_rules("test.yaml", text, context, diagnostics);
    if (diagnostics.ok()) return set.rules;
    throw std::runtime_error(diagnostics.lines().front());
}

/// A store on a file of its own, to which rows are appended with ascending ids.
class Mirror {
public:
    explicit Mirror(sync::Keep keep = {}) : keep_(keep) { open(); }

    /// `seen` is the engine second in which they come.
    std::vector<sync::Row> append(std::vector<sync::LogEntry> entries, base::Second seen) {
        for (auto& entry : entries) entry.id = ++last_id_;
        sync::Position position;
        position.cursor = last_id_;
        return store_->append({std::move(entries), position}, seen, seen);
    }
    /// As after a restart: everything anew but the file.
    void open() {
        store_.reset();
        database_.reset();
        database_ = std::make_unique<base::Database>(
            folder_.file("store.db"),
            std::vector<base::Schema>{sync::Store::schema(), alerts::schema()});
        database_->set_durable(false);  // no test here cuts the power
        store_ = std::make_unique<sync::Store>(*database_, keep_);
    }
    sync::Store& store() { return *store_; }
    base::Database& database() { return *database_; }

private:
    TempDir folder_;
    sync::Keep keep_;
    std::int64_t last_id_ = 0;
    std::unique_ptr<base::Database> database_;
    std::unique_ptr<sync::Store> store_;
};

/// The pipeline's part in small: rows in, steps saved, notices kept.
class Watchman {
public:
    explicit Watchman(std::string rules, std::int64_t start = 0) : rules_(std::move(rules)) {
        directory_.known = true;
        directory_.channels[3] = {"azure-eu", 1, 0, 0};
        directory_.channels[4] = {"azure-us", 1, 0, 0};
        directory_.channels[5] = {"openai", 1, 0, 0};
        boot(start);
    }

    void add(std::vector<sync::LogEntry> entries) {
        engine_->feed(mirror_.append(std::move(entries), engine_->time()));
    }
    /// Evaluates up to a second, slice by slice, and saves; returns the notices of it.
    std::vector<alerts::Notice> run_to(std::int64_t second) {
        std::vector<alerts::Notice> notices;
        alerts::Step step;
        do {
            warm_up();
            step = engine_->advance(at(second));
            if (!step.empty()) save(step);
            std::move(step.notices.begin(), step.notices.end(), std::back_inserter(notices));
        } while (step.time < at(second));
        return notices;
    }
    void warm_up() {
        while (engine_->warm_up(std::chrono::milliseconds{50})) {
        }
    }
    void save(const alerts::Step& step) {
        base::WriteTransaction transaction{mirror_.database()};
        alerts::save_state(mirror_.database(), step);
        transaction.commit();
    }
    void save_windows() {
        base::WriteTransaction transaction{mirror_.database()};
        alerts::save_windows(mirror_.database(), engine_->window_records());
        transaction.commit();
    }
    void restart(std::int64_t start) {
        engine_.reset();
        mirror_.open();
        boot(start);
    }
    void change_rules(std::string rules) { rules_ = std::move(rules); }

    /// What the gateway says of its objects; to be made known by tell().
    sync::Directory& directory() { return directory_; }
    void tell() { engine_->use(directory_); }
    void observe(std::vector<sync::GaugeChange> changes) {
        engine_->observe(changes);
        std::move(changes.begin(), changes.end(), std::back_inserter(gauges_));
    }
    /// Silences and ends of silences hold from the next second on, and over restarts.
    std::int64_t silence(const alerts::Silence& silence) {
        base::WriteTransaction transaction{mirror_.database()};
        const auto id = alerts::add_silence(mirror_.database(), silence);
        transaction.commit();
        set_silences();
        return id;
    }
    bool end_silence(std::int64_t id) {
        base::WriteTransaction transaction{mirror_.database()};
        const bool ended = alerts::end_silence(mirror_.database(), id, engine_->time());
        transaction.commit();
        set_silences();
        return ended;
    }

    alerts::Engine& engine() { return *engine_; }
    Mirror& mirror() { return mirror_; }

private:
    void boot(std::int64_t start) {
        auto& file = mirror_.database().handle();
        engine_ = std::make_unique<alerts::Engine>(rules_from(rules_), mirror_.store());
        engine_->use(directory_);
        engine_->restore(alerts::load_state(file), at(start), alerts::load_windows(file));
        engine_->observe(gauges_);
        set_silences();
        warm_up();
    }
    void set_silences() {
        engine_->set_silences(alerts::load_silences(mirror_.database().handle(), engine_->time()));
    }

    std::string rules_;
    sync::Directory directory_;
    std::vector<sync::GaugeChange> gauges_;
    Mirror mirror_;
    std::unique_ptr<alerts::Engine> engine_;
};

/// Why and when alerts were over, in the order of the history: "new period 57600", in seconds after
/// Monday.
inline std::vector<std::string> endings(Watchman& watchman) {
    std::vector<std::string> all;
    for (const auto& event : alerts::load_history(watchman.mirror().database().handle(), at(0),
                                                  at(400 * std::int64_t{86'400}))) {
        if (event.what != "over") continue;
        all.push_back(event.reason + " " + std::to_string(base::unix_seconds(event.at) - kMonday));
    }
    return all;
}

}  // namespace quotafuse::tests
