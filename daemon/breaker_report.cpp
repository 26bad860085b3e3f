#include "daemon/breaker_report.h"

#include <algorithm>
#include <set>

#include "daemon/alert_spans.h"
#include "daemon/failed_trips.h"
#include "daemon/notice_trip.h"
#include "daemon/off_spans.h"
#include "daemon/target_costs.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Audit;
using circuit_breaker::Target;
using Kind = BreakerReport::Trip::Kind;
using Trip = BreakerReport::Trip;

/// An alert that asks may have fired so long before: silences and active hours hold actions.
constexpr base::Seconds kBefore{86'400};
constexpr base::Seconds kPaceOf{3600};
/// An order is answered so soon.
constexpr base::Seconds kAnswer{60};

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

/// A target that is off takes this one with it.
bool covers(const Target& off, const Target& target) {
    return off == target || (target.kind == Target::Kind::model &&
                             off.kind == Target::Kind::channel && off.channel == target.channel);
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
        entries_ =
            audit.between(plan_.from, plan_.until + kSoon + kAnswer, BreakerReport::kMostEntries);
        report_.all_read = entries_.size() < BreakerReport::kMostEntries;
        for (const auto* const entry : failed_trips(entries_, plan_.until))
            ++sums_[entry->rule].failed;
        read_earlier(audit);
        read_alerts();
        for (const auto& entry : entries_) {
            if (entry.at < plan_.until) take(entry);
        }
        note_shadows();
        drop_ended();
        choose();
        sum_rows();
        sum_rules();
        return std::move(report_);
    }

private:
    struct Taken {
        Trip trip;
        std::optional<base::Second> until;  // off so long; empty: to the end of the period
        std::vector<CostSpan> repeats;      // shadow: what their episodes add to its own
    };
    struct Shadow {
        Target target;
        OffSpan off;
    };

    /// What may still have been off at the beginning of the period, by trips from before it.
    void read_earlier(Audit& audit) {
        auto earlier = audit.between(plan_.from - BreakerReport::kEarlier, plan_.from,
                                     BreakerReport::kMostEntries);
        std::erase_if(earlier, [](const Audit::Entry& entry) { return entry.step == "refused"; });
        const auto first = std::ranges::find(earlier, "would_trip", &Audit::Entry::step);
        entries_.insert(entries_.begin(), first, earlier.end());
    }

    bool is_earlier(const Audit::Entry& entry) const { return entry.at < plan_.from; }

    void read_alerts() {
        std::set<AlertSpans::Series> wanted;
        base::Seconds longest{0};
        for (const auto& entry : entries_) {
            if (!entry.rule.empty() && kind_of(entry)) wanted.insert({entry.rule, entry.series});
        }
        for (const auto& rule : config_.rules) longest = std::max(longest, rule.keep_firing);
        const auto first =
            entries_.empty() ? plan_.from : std::min(entries_.front().at, plan_.from);
        spans_.emplace(history_.handle(), wanted, first - kBefore,
                       plan_.until + BreakerReport::kSoonClear + longest);
    }

    void take(const Audit::Entry& entry) {
        const auto kind = kind_of(entry);
        if (!kind) return;
        // Without its episode nobody knows whether it went on in the period.
        const bool open_end = *kind == Kind::shadow && is_earlier(entry) &&
                              !spans_->is_firing({entry.rule, entry.series}, entry.at);
        if (open_end) return;
        if (is_ours_already(entry)) {
            ++sums_[entry.rule].repeats;
            return;
        }
        // What is carried out is no repeat: somebody had given it back.
        auto* const earlier = *kind == Kind::live ? nullptr : off_by(entry, *kind);
        if (earlier != nullptr) return repeat(*earlier, entry);
        auto trip = trip_of(entry, *kind);
        const auto until = off_until(trip);
        if (*kind == Kind::shadow && until)
            trip.counted_until = std::min(trip.counted_until, *until);
        newest_[lane_of(entry.target, *kind, entry.cause)] = taken_.size();
        taken_.push_back({std::move(trip), until, {}});
    }

    /// Refusals by guard, the others in one.
    static std::string lane_of(const Target& target, Kind kind, const std::string& cause) {
        return circuit_breaker::stored_key(target) +
               (kind == Kind::refused ? "|refused|" + cause : std::string{});
    }

    /// The trip by which it was, or would have been, off at that moment already; or the refusal by
    /// the same guard that still held.
    Taken* off_by(const Audit::Entry& entry, Kind kind) {
        std::vector<std::string> lanes{lane_of(entry.target, Kind::shadow, {})};
        if (kind == Kind::refused) {
            // A channel takes its models with it; what a rule for a model is worth, it tells all
            // the same.
            if (entry.target.kind == Target::Kind::model)
                lanes.push_back(
                    lane_of(Target::of_channel(entry.target.channel), Kind::shadow, {}));
            lanes.push_back(lane_of(entry.target, kind, entry.cause));
        }
        for (const auto& lane : lanes) {
            const auto newest = newest_.find(lane);
            if (newest == newest_.end()) continue;
            auto& taken = taken_[newest->second];
            // Where it was off indeed, the guards said so themselves.
            const bool fits = kind != Kind::refused || taken.trip.kind != Kind::live;
            if (fits && (!taken.until || entry.at <= *taken.until)) return &taken;
        }
        return nullptr;
    }

    /// Its episode is saved, too, as far as the target would be off; then it comes back as the
    /// first trip has it, whoever asked meanwhile.
    void repeat(Taken& first, const Audit::Entry& entry) {
        if (!is_earlier(entry)) {
            ++first.trip.repeats;
            ++sums_[entry.rule].repeats;
        }
        if (first.trip.kind != Kind::shadow) return;
        const auto end = spans_->end_after({entry.rule, entry.series}, entry.at);
        auto until = end ? std::min(end->at, plan_.until) : plan_.until;
        if (first.until) until = std::min(until, *first.until);
        const auto after = std::max({entry.at, first.trip.entry.at + plan_.lag, plan_.from});
        if (until <= after) return;
        first.repeats.push_back({entry.target, after, until});
        first.trip.counted_until = std::max(first.trip.counted_until, until);
    }

    Trip trip_of(const Audit::Entry& entry, Kind kind) const {
        Trip trip;
        trip.kind = kind;
        trip.entry = entry;
        trip.earlier = is_earlier(entry);
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
            const auto* const rule = find_rule(entry.rule, config_);
            const auto cleared = *trip.over - (rule ? rule->keep_firing : base::Seconds{0});
            trip.undone = cleared - entry.at <= BreakerReport::kSoonClear;
        }
        return trip;
    }

    std::optional<base::Second> off_until(const Trip& trip) const {
        if (trip.kind == Kind::live) return off_spans(entries_, trip.entry).back().until;
        // As the rule is now; what a person has to give back, until its alert is over.
        const auto* const rule = find_rule(trip.entry.rule, config_);
        if (trip.kind == Kind::refused || rule == nullptr || !rule->action) return trip.over;
        const auto back = back_at(rule->action->recover, rule->zone, trip.entry.at);
        const bool by_time = back != base::Second{};
        if (by_time && !alerts::ends_without_traffic(*rule)) return back;
        if (!by_time || !trip.over) return trip.over;
        // Where its alert fires again meanwhile, that is waited for, too.
        return spans_->quiet_from({trip.entry.rule, trip.entry.series}, std::max(*trip.over, back));
    }

    void note_shadows() {
        for (const auto& [trip, until, repeats] : taken_) {
            if (trip.kind == Kind::shadow)
                shadows_.push_back({trip.entry.target, {trip.entry.at + plan_.lag, until}});
        }
    }

    /// Of what is from before the period only the shadow trips that go on in it matter.
    void drop_ended() {
        std::erase_if(taken_, [&](const Taken& taken) {
            if (!taken.trip.earlier) return false;
            if (taken.trip.kind != Kind::shadow) return true;
            return taken.trip.repeats == 0 &&
                   std::ranges::none_of(spans_of(taken), [](const CostSpan& span) {
                       return span.after < span.until;
                   });
        });
    }

    /// What the report is about: one rule, or all; the newest of too many.
    void choose() {
        std::erase_if(taken_, [&](const Taken& taken) {
            return !plan_.rule.empty() && taken.trip.entry.rule != plan_.rule;
        });
        if (taken_.size() <= BreakerReport::kMostTrips) return;
        const auto more = taken_.size() - BreakerReport::kMostTrips;
        report_.more_trips = static_cast<std::int64_t>(more);
        taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(more));
    }

    /// The times of which the rows are what a trip is worth.
    std::vector<CostSpan> spans_of(const Taken& taken) const {
        const auto& [trip, until, repeats] = taken;
        const auto& target = trip.entry.target;
        const auto at = trip.entry.at;
        if (trip.kind == Kind::live) return {{target, at - kPaceOf, at}};
        auto end = trip.over ? std::min(plan_.until, *trip.over) : plan_.until;
        if (until) end = std::min(end, *until);
        if (trip.kind == Kind::shadow) {
            auto spans = repeats;
            spans.push_back({target, std::max(at + plan_.lag, plan_.from), end});
            return spans;
        }
        // No guard let through what a trip would have held up.
        std::vector<OffSpan> off;
        for (const auto& shadow : shadows_) {
            if (covers(shadow.target, target)) off.push_back(shadow.off);
        }
        std::vector<CostSpan> spans;
        if (end <= at + plan_.lag) return spans;
        for (const auto& left : without({at + plan_.lag, end}, std::move(off)))
            spans.push_back({target, left.from, *left.until});
        return spans;
    }

    void sum_rows() {
        // Sum 0 is of all shadow trips, those after the trips' own are of a rule's refusals.
        std::map<std::string, std::size_t> refusals;
        std::vector<CostSpan> spans;
        for (std::size_t i = 0; i < taken_.size(); ++i) {
            const auto& trip = taken_[i].trip;
            std::vector<std::size_t> totals{1 + i};
            if (trip.kind == Kind::shadow) totals.push_back(0);
            if (trip.kind == Kind::refused) {
                const auto next = 1 + taken_.size() + refusals.size();
                totals.push_back(refusals.emplace(trip.entry.rule, next).first->second);
            }
            for (auto& span : spans_of(taken_[i])) {
                span.totals = totals;
                spans.push_back(std::move(span));
            }
        }
        const auto totals = sum_costs(history_, spans, 1 + taken_.size() + refusals.size());
        report_.shadow_quota = totals[0];
        for (const auto& [rule, total] : refusals) sums_[rule].refused_quota = totals[total];
        for (std::size_t i = 0; i < taken_.size(); ++i) {
            taken_[i].trip.quota = totals[1 + i];
            report_.trips.push_back(std::move(taken_[i].trip));
        }
    }

    void sum_rules() {
        for (const auto& rule : config_.rules) {
            if (rule.enabled && rule.action) sums_[rule.name];
        }
        for (const auto& trip : report_.trips) add(trip, sums_[trip.entry.rule]);
        for (auto& [name, sum] : sums_) {
            if (!plan_.rule.empty() && name != plan_.rule) continue;
            sum.rule = name;
            sum.now = find_rule(name, config_);
            report_.rules.push_back(std::move(sum));
        }
    }

    static void add(const Trip& trip, BreakerReport::RuleSum& sum) {
        switch (trip.kind) {
            case Kind::shadow:
                sum.shadow_quota += trip.quota;
                sum.earlier += trip.earlier ? 1 : 0;
                if (trip.earlier) return;
                ++sum.shadow;
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
    std::vector<Taken> taken_;
    std::map<std::string, std::size_t> newest_;  // by lane, in taken_
    std::vector<Shadow> shadows_;                // of all rules
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
