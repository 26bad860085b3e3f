#include "daemon/breaker_report.h"

#include <algorithm>
#include <set>

#include "daemon/alert_spans.h"
#include "daemon/off_spans.h"
#include "daemon/target_costs.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Audit;
using Kind = BreakerReport::Trip::Kind;
using Trip = BreakerReport::Trip;

/// An alert that asks may have fired so long before: silences and active hours hold actions.
constexpr base::Seconds kBefore{86'400};
constexpr base::Seconds kPaceOf{3600};

const alerts::Rule* rule_of(const Config& config, const std::string& name) {
    const auto found = std::ranges::find(config.rules, name, &alerts::Rule::name);
    return found == config.rules.end() ? nullptr : &*found;
}

std::optional<Kind> kind_of(const Audit::Entry& entry) {
    if (entry.step == "would_trip") return Kind::shadow;
    if (entry.step == "tripped") return Kind::live;
    if (entry.step == "refused") return Kind::refused;
    return {};
}

/// No guard held it: the target was off, or on trial, by an earlier trip.
bool is_ours_already(const Audit::Entry& entry) {
    return entry.step == "refused" && (entry.cause == "held" || entry.cause == "on_trial");
}

base::Second next_month(base::Second t, const base::TimeZone& zone) {
    for (int days = 1;; ++days) {
        const auto begin = zone.at(t, days, base::Seconds{0});
        if (zone.local(begin).day == 1) return begin;
    }
}

/// When what `rule` tripped at t comes back at the earliest, as the rule is now.
base::Second back_at(const alerts::Rule* rule, base::Second t) {
    using Way = base::Recovery::Kind;
    if (rule == nullptr || !rule->action) return t;
    const auto& recover = rule->action->recover;
    switch (recover.kind) {
        case Way::manual:
            return t;
        case Way::after:
        case Way::half_open:
            return t + recover.wait;
        case Way::tomorrow:
            return rule->zone.at(t, 1, base::Seconds{0});
        case Way::next_month:
            return next_month(t, rule->zone);
    }
    return t;
}

/// Puts the report together: what is on record, then the alerts, then the rows.
class Reporter {
public:
    Reporter(sync::History& history, const BreakerReportPlan& plan)
        : history_(history), plan_(plan), config_(*plan.config) {
        report_.from = plan.from;
        report_.until = plan.until;
        report_.lag = plan.lag;
        report_.quota_per_dollar = history.directory().quota_per_unit;
    }

    BreakerReport read() && {
        Audit audit{history_.handle()};
        // A person's answer to a trip may have come soon after the period.
        entries_ = audit.between(plan_.from, plan_.until + kSoon, BreakerReport::kMostEntries);
        report_.all_read = entries_.size() < BreakerReport::kMostEntries;
        read_alerts();
        for (const auto& entry : entries_) {
            if (entry.at < plan_.until) take(entry);
        }
        count_failed();
        choose();
        sum_rows();
        sum_rules();
        return std::move(report_);
    }

private:
    /// Of one target and kind (of refusals: and guard), the newest trip.
    struct Lane {
        std::size_t trip = 0;
        std::optional<base::Second> until;  // off so long; empty: to the end of the period
    };

    void read_alerts() {
        std::set<AlertSpans::Series> wanted;
        base::Seconds longest{0};
        for (const auto& entry : entries_) {
            if (!entry.rule.empty() && kind_of(entry)) wanted.insert({entry.rule, entry.series});
        }
        for (const auto& rule : config_.rules) longest = std::max(longest, rule.keep_firing);
        spans_.emplace(history_.handle(), wanted, plan_.from - kBefore,
                       plan_.until + BreakerReport::kSoonClear + longest);
    }

    void take(const Audit::Entry& entry) {
        const auto kind = kind_of(entry);
        if (!kind) return;
        if (is_ours_already(entry)) {
            ++sums_[entry.rule].repeats;
            return;
        }
        auto trip = trip_of(entry, *kind);
        const auto key = circuit_breaker::stored_key(entry.target) + '|' +
                         (*kind == Kind::refused ? entry.cause : std::string{});
        auto& lane = lanes_[{*kind == Kind::refused, key}];
        const bool first = !lane;
        // What is carried out is no repeat: somebody had given it back.
        if (!first && *kind != Kind::live && (!lane->until || entry.at <= *lane->until)) {
            ++trips_[lane->trip].repeats;
            ++sums_[entry.rule].repeats;
            return;
        }
        lane = Lane{trips_.size(), off_until(trip)};
        trips_.push_back(std::move(trip));
    }

    Trip trip_of(const Audit::Entry& entry, Kind kind) const {
        Trip trip;
        trip.kind = kind;
        trip.entry = entry;
        trip.counted_until = plan_.until;
        if (const auto end = spans_->end_after({entry.rule, entry.series}, entry.at)) {
            trip.over = end->at;
            trip.ending = end->ending;
            trip.counted_until = std::min(plan_.until, end->at);
        }
        if (kind == Kind::live) {
            const auto enabled = enabled_by_somebody(entries_, entry);
            trip.undone = enabled && *enabled - entry.at <= kSoon;
            trip.off = off_time(off_spans(entries_, entry), plan_.from, plan_.until);
        } else if (kind == Kind::shadow && trip.over && trip.ending == "recovered") {
            const auto* const rule = rule_of(config_, entry.rule);
            const auto cleared = *trip.over - (rule ? rule->keep_firing : base::Seconds{0});
            trip.undone = cleared - entry.at <= BreakerReport::kSoonClear;
        }
        return trip;
    }

    std::optional<base::Second> off_until(const Trip& trip) const {
        if (trip.kind == Kind::live) return off_spans(entries_, trip.entry).back().until;
        if (!trip.over) return {};
        const bool refused = trip.kind == Kind::refused;
        if (refused) return trip.over;
        return std::max(*trip.over, back_at(rule_of(config_, trip.entry.rule), trip.entry.at));
    }

    void count_failed() {
        std::set<std::string> done;
        for (const auto& entry : entries_) {
            if (entry.step == "tripped") done.insert(entry.trip_id);
        }
        for (const auto& entry : entries_) {
            const bool failed = entry.step == "failed" || entry.step == "unknown";
            if (!failed || entry.at >= plan_.until) continue;
            if (done.insert(entry.trip_id).second) ++sums_[entry.rule].failed;
        }
    }

    /// What the report is about: one rule, or all; the newest of too many.
    void choose() {
        std::erase_if(trips_, [&](const Trip& trip) {
            return !plan_.rule.empty() && trip.entry.rule != plan_.rule;
        });
        if (trips_.size() > BreakerReport::kMostTrips) {
            const auto more = trips_.size() - BreakerReport::kMostTrips;
            report_.more_trips = static_cast<std::int64_t>(more);
            trips_.erase(trips_.begin(), trips_.begin() + static_cast<std::ptrdiff_t>(more));
        }
        report_.trips = std::move(trips_);
    }

    void sum_rows() {
        // Sum 0 is of all shadow trips, the others of a rule's refusals.
        std::map<std::string, std::size_t> refusals;
        std::vector<CostSpan> spans;
        for (const auto& trip : report_.trips) {
            const auto at = trip.entry.at;
            CostSpan span{trip.entry.target, at + plan_.lag, trip.counted_until};
            if (trip.kind == Kind::shadow) span.total = 0;
            if (trip.kind == Kind::refused)
                span.total = refusals.emplace(trip.entry.rule, refusals.size() + 1).first->second;
            if (trip.kind == Kind::live) {
                span.after = at - kPaceOf;
                span.until = at;
            }
            spans.push_back(std::move(span));
        }
        const auto totals = sum_costs(history_, spans, refusals.size() + 1);
        report_.shadow_quota = totals[0];
        for (const auto& [rule, total] : refusals) sums_[rule].refused_quota = totals[total];
        for (std::size_t i = 0; i < spans.size(); ++i) report_.trips[i].quota = spans[i].quota;
    }

    void sum_rules() {
        for (const auto& rule : config_.rules) {
            if (rule.enabled && rule.action) sums_[rule.name];
        }
        for (const auto& trip : report_.trips) add(trip, sums_[trip.entry.rule]);
        for (auto& [name, sum] : sums_) {
            if (!plan_.rule.empty() && name != plan_.rule) continue;
            sum.rule = name;
            sum.now = rule_of(config_, name);
            report_.rules.push_back(std::move(sum));
        }
    }

    static void add(const Trip& trip, BreakerReport::RuleSum& sum) {
        switch (trip.kind) {
            case Kind::shadow:
                ++sum.shadow;
                sum.shadow_quota += trip.quota;
                sum.undone += trip.undone ? 1 : 0;
                return;
            case Kind::live:
                ++sum.live;
                sum.live_quota += trip.saved_quota();
                sum.taken_back += trip.undone ? 1 : 0;
                return;
            case Kind::refused:
                ++sum.refused;
                ++sum.refused_by[trip.entry.cause];
                return;
        }
    }

    sync::History& history_;
    const BreakerReportPlan& plan_;
    const Config& config_;
    std::vector<Audit::Entry> entries_;
    std::optional<AlertSpans> spans_;
    std::vector<Trip> trips_;
    std::map<std::pair<bool, std::string>, std::optional<Lane>> lanes_;
    std::map<std::string, BreakerReport::RuleSum> sums_;
    BreakerReport report_;
};

}  // namespace

double BreakerReport::Trip::saved_quota() const {
    if (kind != Kind::live || undone || quota <= 0) return 0;
    return static_cast<double>(quota) * static_cast<double>(off.count()) /
           static_cast<double>(kPaceOf.count());
}

BreakerReport read_breaker_report(sync::History& history, const BreakerReportPlan& plan) {
    return Reporter{history, plan}.read();
}

}  // namespace quotafuse::daemon
