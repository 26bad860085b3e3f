#include "daemon/periodic_report.h"

#include <fmt/format.h>

#include "alerts/stable_hash.h"
#include "daemon/money.h"

namespace quotafuse::daemon {
namespace {

constexpr base::Seconds kLeastOffset{60};
constexpr std::uint64_t kOffsets = 241;  // seconds: 60 to 300 in all

}  // namespace

PeriodicReports::PeriodicReports(Rooms rooms, const Config& config, const base::Clock& clock,
                                 const base::Log& log)
    : rooms_(rooms),
      config_(config),
      clock_(clock),
      log_(log),
      text_(config),
      waits_until_(clock.mono() + kPatience) {}

void PeriodicReports::observe(const sync::GatewayInfo& info) {
    currency_ = currency_of(config_.currency, info.display);
    waits_until_ = clock_.mono();
}

base::Seconds PeriodicReports::offset_of(std::string_view notifier) {
    return kLeastOffset + base::Seconds{alerts::stable_hash(notifier) % kOffsets};
}

void PeriodicReports::put_due() {
    const auto horizon = rooms_.intake.horizon();
    if (!horizon || clock_.mono() < waits_until_) return;
    for (const auto& notifier : config_.notifiers) {
        if (!notifier.report) continue;
        const auto offset = offset_of(notifier.name);
        const auto due = last_due(*notifier.report, config_.timezone, clock_.now() - offset);
        // What happened until then is only known once the log has been read so far.
        if (settled_[notifier.name] == due.at || *horizon < due.at + offset) continue;
        put(notifier, due);
        settled_[notifier.name] = due.at;
    }
}

void PeriodicReports::put(const notifiers::Settings& notifier, const DueReport& due) {
    const auto event_id = fmt::format("report-{}-{}", notifier.name, due.date);
    auto sources = rooms_.sources;
    sources.gateway = rooms_.intake.state().gateway;
    const auto facts = read_report_facts(sources, due);
    notifiers::Letter letter;
    letter.event_id = event_id;
    letter.message = text_(facts, *notifier.report, due, event_id, currency_);
    letter.keeps = true;  // late is better than a line of a digest
    base::WriteTransaction transaction{rooms_.sources.database};
    const auto now = clock_.now();
    const bool is_new = rooms_.outbox.put(letter, notifier.name, now, now);
    transaction.commit();
    if (is_new) log_.info(fmt::format("notifier {}: report of {}", notifier.name, due.date));
}

}  // namespace quotafuse::daemon
