#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "alerts/state_store.h"
#include "daemon/bundle_text.h"
#include "daemon/periodic_report.h"
#include "daemon/schemas.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace quotafuse::tests {

using namespace quotafuse::daemon;
using Lines = std::vector<std::string>;

inline constexpr std::int64_t kHour = 3600;
inline constexpr std::int64_t kDay = 86'400;
inline constexpr std::int64_t kMonday =
    1'767'542'400;                               // 2026-01-05 00:00 in Shanghai: 16:00 UTC before
inline constexpr std::int64_t kQuota = 500'000;  // a dollar

inline base::TimeZone zone(const char* name) {
    return *base::TimeZone::find(name);
}

/// A real store, engine and outbox; the test is the reader of the gateway.
class Press {
public:
    Press() {
        config.site = "prod";
        config.language = Language::english;
        config.timezone = zone("Asia/Shanghai");
        notifiers::Settings settings;
        settings.name = "ops";
        settings.report = notifiers::ReportPlan{false, std::chrono::Monday, std::chrono::hours{9}};
        config.notifiers.push_back(settings);
        open();
    }

    /// As after a restart on the same file.
    void open(bool options_are_known = true) {
        parts_.reset();
        parts_ = std::make_unique<Parts>(*this);
        parts_->engine.restore({}, clock.now());
        if (options_are_known) parts_->reports.observe({});
    }
    /// A request in the log.
    void row(std::int64_t at, std::int64_t channel, std::int64_t quota, bool failed = false) {
        sync::LogEntry entry;
        entry.id = ++last_id_;
        entry.created_at = at;
        entry.kind = failed ? sync::Kind::error : sync::Kind::consume;
        entry.status = failed ? 500 : 200;
        entry.channel = channel;
        entry.model = "gpt-4o";
        entry.group = "default";
        entry.token = 7;
        entry.token_name = "k1";
        entry.quota = quota;
        entry.prompt_tokens = 100;
        rows_.push_back(entry);
    }
    /// The gateway is read up to now.
    void read(sync::Gateway gateway = sync::Gateway::new_api) {
        sync::Poll poll;
        poll.gateway = gateway;
        poll.batch.position = parts_->store.position();
        poll.batch.position.cursor = last_id_;
        poll.batch.entries = std::exchange(rows_, {});
        poll.sent = clock.now();
        poll.drained = true;
        parts_->intake.take(poll);
    }
    void at(std::int64_t t) { clock.advance(base::from_unix(t) - clock.now()); }
    /// What is put from now on.
    std::size_t put() {
        parts_->reports.put_due();
        return filed(100).size();
    }
    void trip(const std::string& id, circuit_breaker::TripResult::Kind kind, std::int64_t t,
              const circuit_breaker::Target& target = circuit_breaker::Target::of_channel(3)) {
        circuit_breaker::TripResult result;
        result.kind = kind;
        result.request.trip_id = id;
        result.request.target = target;
        result.name = target.kind == circuit_breaker::Target::Kind::token ? "ci" : "azure";
        base::WriteTransaction transaction{parts_->database};
        parts_->audit.record(result, base::from_unix(t));
        transaction.commit();
    }
    void enabled_by_somebody(std::int64_t t) { seen(circuit_breaker::Change::enabled, t); }
    void deleted(std::int64_t t) { seen(circuit_breaker::Change::deleted, t); }
    /// Of all that is off.
    void seen(circuit_breaker::Change change, std::int64_t t) {
        std::vector<circuit_breaker::Sighting> sightings;
        for (const auto& circuit : parts_->audit.circuits().all())
            sightings.push_back({circuit.trip_id, change});
        base::WriteTransaction transaction{parts_->database};
        parts_->audit.observe(sightings, base::from_unix(t), base::from_unix(t));
        transaction.commit();
    }
    void given_back(const std::string& id, std::int64_t t, circuit_breaker::Way way) {
        circuit_breaker::ReturnResult result;
        result.kind = circuit_breaker::ReturnResult::Kind::done;
        result.request.circuit = *parts_->audit.circuits().of_trip(id);
        result.request.way = way;
        base::WriteTransaction transaction{parts_->database};
        parts_->audit.intend_return(result.request, base::from_unix(t));
        parts_->audit.record(result, base::from_unix(t));
        transaction.commit();
    }
    void fired(const std::string& rule, std::int64_t t) {
        alerts::Step step;
        step.changes_state = true;
        step.events = {
            {fmt::format("{}-{}", rule, t), rule, "[]", base::from_unix(t), "firing", "", {}}};
        base::WriteTransaction transaction{parts_->database};
        alerts::save_state(parts_->database, step);
        transaction.commit();
    }
    /// The newest message.
    notifiers::Message message() {
        const auto delivery = parts_->outbox.next("ops", clock.now());
        REQUIRE(delivery);
        return delivery->mail.message;
    }
    Lines section(const std::string& heading) {
        for (const auto& section : message().sections)
            if (section.heading == heading) return section.lines;
        return {};
    }
    std::vector<notifiers::Filed> filed(std::size_t most) {
        return notifiers::filed(parts_->database.handle(), {std::nullopt, most});
    }

    Config config;
    FakeClock clock{kMonday - 3 * kDay};

private:
    struct Parts {
        explicit Parts(Press& press)
            : database(press.folder_.file("s.db"), all_schemas()),
              store(database, {}, press.config.timezone),
              engine({}, store),
              outbox(database, BundleText{press.config}),
              audit(database),
              intake(database, store, engine, "a test", press.clock, press.log_),
              reports({{database, audit, engine.names()}, outbox, intake}, press.config,
                      press.clock, press.log_) {}
        base::Database database;
        sync::Store store;
        alerts::Engine engine;
        notifiers::Outbox outbox;
        circuit_breaker::Audit audit;
        Intake intake;
        PeriodicReports reports;
    };
    TempDir folder_;
    base::Log log_{base::Level::error};
    std::vector<sync::LogEntry> rows_;
    std::int64_t last_id_ = 0;
    std::unique_ptr<Parts> parts_;
};

}  // namespace quotafuse::tests
