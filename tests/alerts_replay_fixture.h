#pragma once
// A daemon by a clock that is told, and what replay makes of its store.

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/engine.h"
#include "alerts/history_tape.h"
#include "alerts/player.h"
#include "alerts/replay.h"
#include "alerts/rule_loader.h"
#include "alerts/self_alerts.h"
#include "alerts/state_store.h"
#include "base/database.h"
#include "base/failure.h"
#include "support/temp_dir.h"
#include "sync/gauges.h"
#include "sync/history.h"
#include "sync/store.h"
namespace quotafuse::tests {

/// 2026-01-05 00:00:00 UTC, a Monday.
inline constexpr std::int64_t kMonday = 1'767'571'200;

inline base::Second at(std::int64_t second) {
    return base::from_unix(kMonday + second);
}

inline std::vector<alerts::Rule> rules_from(const std::string& text) {
    alerts::LoadContext context;
    context.ceiling = alerts::ActionMode::live;
    base::yaml::Diagnostics diagnostics;
    auto set = alerts::parse_rules("t.yaml", text, context, diagnostics);
    if (!diagnostics.ok()) throw std::runtime_error(diagnostics.lines().front());
    return std::move(set.rules);
}

inline sync::LogEntry request(std::int64_t second, std::int64_t channel = 3) {
    sync::LogEntry entry;
    entry.created_at = kMonday + second;
    entry.kind = sync::Kind::consume;
    entry.user = 7;
    entry.token = 12;
    entry.token_name = "k1";
    entry.channel = channel;
    entry.model = "gpt-4o";
    entry.group = "default";
    entry.quota = 1000;
    entry.prompt_tokens = 60;
    entry.completion_tokens = 40;
    entry.latency_ms = 1000;
    return entry;
}

/// What a daemon does, on a file of its own and by a clock that is told.
class Live {
public:
    explicit Live(std::string rules) : rules_(std::move(rules)) { open(); }

    std::string path() const { return folder_.file("store.db"); }
    sync::Store& store() { return *store_; }
    alerts::Engine& engine() { return *engine_; }
    base::Database& database() { return *database_; }
    /// Of the life that start() began.
    alerts::SelfAlerts& self_alerts() { return *self_alerts_; }

    void start(std::int64_t second) {
        engine_ = std::make_unique<alerts::Engine>(rules_from(rules_), *store_);
        engine_->use(gauges_->directory());
        if (const auto known = gauges_->current(); !known.empty()) engine_->observe(known);
        engine_->set_silences(alerts::load_silences(database_->handle(), at(second)));
        const auto saved = alerts::load_state(database_->handle());
        self_alerts_ =
            std::make_unique<alerts::SelfAlerts>(std::vector<std::string>{}, base::TimeZone{});
        self_alerts_->restore(saved);
        engine_->restore(saved, at(second), alerts::load_windows(database_->handle()));
        const alerts::SelfAlertTimes former{database_->handle(),
                                            engine_->time() - alerts::kGoneAfter, at(second)};
        engine_->use_self_alerts([this, former](std::string_view name, base::Second t) {
            return self_alerts_->fired(name, t) || former.fires(name, t);
        });
        engine_->observe(gauges_->begin({.tokens = true}, engine_->time()));
        while (engine_->warm_up(std::chrono::milliseconds{100})) {
        }
        note(alerts::EngineEvent::Kind::started);
    }
    void stop() {
        save(engine_->checkpoint());
        base::WriteTransaction transaction{*database_};
        alerts::save_windows(*database_, engine_->window_records());
        transaction.commit();
        note(alerts::EngineEvent::Kind::stopped);
        engine_.reset();
        gauges_.reset();
        store_.reset();
        database_.reset();
        open();
    }
    void append(std::vector<sync::LogEntry> entries, std::int64_t wall) {
        for (auto& entry : entries) entry.id = ++position_.cursor;
        engine_->feed(store_->append({std::move(entries), position_}, at(wall), engine_->time()));
    }
    void backfill(std::vector<sync::LogEntry> entries, std::int64_t wall) {
        for (auto& entry : entries) entry.id = ++position_.cursor;
        store_->append({std::move(entries), position_}, at(wall));
    }
    void see(const sync::GatewayInfo& info) {
        engine_->observe(gauges_->record(info, engine_->time()));
        engine_->use(gauges_->directory());
    }
    std::int64_t silence(const alerts::Silence& silence) {
        base::WriteTransaction transaction{*database_};
        const auto id = alerts::add_silence(*database_, silence);
        transaction.commit();
        engine_->set_silences(alerts::load_silences(database_->handle(), engine_->time()));
        return id;
    }
    void unsilence(std::int64_t id, std::int64_t wall) {
        base::WriteTransaction transaction{*database_};
        alerts::end_silence(*database_, id, at(wall));
        transaction.commit();
        engine_->set_silences(alerts::load_silences(database_->handle(), engine_->time()));
    }
    void run_to(std::int64_t second) {
        alerts::Step step;
        do {
            while (engine_->warm_up(std::chrono::milliseconds{100})) {
            }
            step = engine_->advance(at(second), at(second));
            if (!step.empty()) save(step);
        } while (step.time < at(second));
    }
    /// The built-in alerts, by the wall clock.
    void look_at_itself(std::int64_t wall) {
        const auto step = self_alerts_->evaluate(at(wall));
        if (!step.empty()) save(step);
    }

private:
    void open() {
        database_ = std::make_unique<base::Database>(
            path(), std::vector<base::Schema>{sync::Store::schema(), alerts::schema()});
        database_->set_durable(false);
        store_ = std::make_unique<sync::Store>(*database_);
        gauges_ = std::make_unique<sync::Gauges>(*database_, *store_);
    }
    void save(const alerts::Step& step) {
        base::WriteTransaction transaction{*database_};
        alerts::save_state(*database_, step);
        transaction.commit();
    }
    void note(alerts::EngineEvent::Kind kind) {
        base::WriteTransaction transaction{*database_};
        alerts::save_event(*database_, {kind, engine_->time(), {}});
        transaction.commit();
    }

    std::string rules_;
    TempDir folder_;
    sync::Position position_;
    std::unique_ptr<base::Database> database_;
    std::unique_ptr<sync::Store> store_;
    std::unique_ptr<sync::Gauges> gauges_;
    std::unique_ptr<alerts::SelfAlerts> self_alerts_;
    std::unique_ptr<alerts::Engine> engine_;
};

inline std::vector<std::string> lines(std::vector<alerts::Event> events) {
    std::vector<std::string> all;
    for (const auto& event : events) {
        all.push_back(fmt::format("{:5} {} {} {} {} {} {}", base::unix_seconds(event.at) - kMonday,
                                  event.rule, event.key, event.what, event.reason,
                                  event.value ? fmt::format("{}", *event.value) : "-", event.id));
    }
    std::sort(all.begin(), all.end());
    return all;
}

inline alerts::ReplayOptions span(std::int64_t from, std::int64_t until) {
    alerts::ReplayOptions options;
    options.from = at(from);
    options.until = at(until);
    return options;
}

}  // namespace quotafuse::tests
