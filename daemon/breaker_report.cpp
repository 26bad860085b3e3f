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
constexpr auto kMostEntries = BreakerReport::kMostEntries;

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
        entries_ = audit.between(plan_.from, plan_.until + kSoon + kAnswer, kMostEntries);
        report_.all_read = entries_.size() < kMostEntries;
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
        auto earlier =
            audit.between(plan_.from - BreakerReport::kEarlier, plan_.from, kMostEntries);
        report_.all_read = report_.all_read && earlier.size() < kMostEntries;
        const auto first = std::ranges::find_if(
            earlier, [](const auto& entry) { return kind_of(entry).has_value(); });
        entries_.insert(entries_.begin(), first, earlier.end());
        // By a trip that is older still.
        const auto before =
            entries_.empty() ? plan_.from : std::min(entries_.front().at, plan_.from);
        std::vector<Audit::Entry> old;
        for (const auto& trip : audit.off_at(plan_.from, {}, kMostEntries)) {
            for (auto& entry : audit.of_trip(trip.trip_id)) {
                if (entry.at < before) old.push_back(std::move(entry));
            }
        }
        std::ranges::sort(old, {}, &Audit::Entry::id);
        entries_.insert(entries_.begin(), old.begin(), old.end());
    }

    bool is_earlier(const Audit::Entry& entry) const { return entry.at < plan_.from; }

    void read_alerts() {
        std::set<AlertSpans::Series> wanted;
        base::Seconds longest{0};
        for (const auto& entry : entries_) {
            if (!entry.rule.empty() && kind_of(entry)) wanted.insert({entry.rule, entry.series});
        }
        for (const auto& rule : config_.rules) longest = std::max(longest, rule.keep_firing);
        auto first = entries_.empty() ? plan_.from : std::min(entries_.front().at, plan_.from);
        first = std::max(first, plan_.from - BreakerReport::kEarlier);
        spans_.emplace(history_.handle(), wanted, first - kBefore,
                       plan_.until + BreakerReport::kSoonClear + longest);
    }

    void take(const Audit::Entry& entry) {
        const auto kind = kind_of(entry);
        if (!kind) return;
        // Without its episode nobody knows whether it went on in the period.
        const bool open_end = *kind != Kind::live && is_earlier(entry) &&
                              !spans_->is_firing({entry.rule, entry.series}, entry.at);
        if (open_end) return;
        if (is_ours_already(entry)) {
            if (!is_earlier(entry)) ++sums_[entry.rule].repeats;
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
        const auto after = std::max(entry.at, counted_from(first.trip.entry.at));
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
        // Of one that is older its episode is not read.
        const bool old = entry.at < plan_.from - BreakerReport::kEarlier;
        if (const auto end = spans_->end_after({entry.rule, entry.series}, entry.at); end && !old) {
            trip.over = end->at;
            trip.ending = end->ending;
            trip.counted_until = std::min(plan_.until, end->at);
        }
        if (kind == Kind::live) judge_live(trip);
        if (kind == Kind::shadow) judge_shadow(trip);
        return trip;
    }

    void judge_live(Trip& trip) const {
        const auto& entry = trip.entry;
        const auto enabled = enabled_by_somebody(entries_, entry);
        trip.undone = enabled && enabled->at - entry.at <= kSoon;
        trip.by_order = trip.undone && enabled->by_order;
        trip.undecided = !trip.undone && plan_.now - entry.at <= kSoon;
        const auto spans = off_spans(entries_, entry);
        trip.off = off_time(spans, plan_.from, plan_.until);
        trip.still_off = std::ranges::any_of(spans, [&](const OffSpan& span) {
            return span.from < plan_.until && (!span.until || *span.until > plan_.until);
        });
    }

    void judge_shadow(Trip& trip) const {
        const auto* const rule = find_rule(trip.entry.rule, config_);
        const auto held = rule ? rule->keep_firing : base::Seconds{0};
        const auto soon = trip.entry.at + BreakerReport::kSoonClear + held;
        trip.undone = trip.over && trip.ending == "recovered" && *trip.over <= soon;
        trip.undecided = !trip.over && !trip.entry.rule.empty() && plan_.now <= soon;
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

    /// Of what is from before the period only that matters which goes on in it.
    void drop_ended() {
        std::erase_if(taken_, [&](const Taken& taken) {
            const auto& trip = taken.trip;
            if (!trip.earlier) return false;
            if (trip.kind == Kind::live) return trip.off == base::Seconds{0} && trip.repeats == 0;
            return trip.repeats == 0 && trip.counted_until <= counted_from(trip.entry.at);
        });
    }

    /// The gateway's cache holds a trip up.
    base::Second counted_from(base::Second at) const {
        return std::max(at + plan_.lag, plan_.from);
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
            spans.push_back({target, counted_from(at), end});
            return spans;
        }
        // No guard let through what a trip would have held up.
        std::vector<OffSpan> off;
        for (const auto& shadow : shadows_) {
            if (covers(shadow.target, target)) off.push_back(shadow.off);
        }
        std::vector<CostSpan> spans;
        if (end <= counted_from(at)) return spans;
        for (const auto& left : without({counted_from(at), end}, std::move(off)))
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
        const std::int64_t earlier = trip.earlier ? 1 : 0;
        const std::int64_t one = 1 - earlier;
        switch (trip.kind) {
            case Kind::shadow:
                sum.shadow_quota += trip.quota;
                sum.earlier += earlier;
                sum.shadow += one;
                sum.undone += trip.undone ? one : 0;
                sum.undecided += trip.undecided ? one : 0;
                return;
            case Kind::live:
                sum.live_quota += trip.saved_quota();
                sum.earlier_live += earlier;
                sum.live += one;
                sum.taken_back += trip.undone ? one : 0;
                sum.live_undecided += trip.undecided ? one : 0;
                return;
            case Kind::refused:
                sum.earlier_refused += earlier;
                sum.refused += one;
                if (!trip.earlier) ++sum.refused_by[trip.entry.cause];
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
    return undone ? 0 : pace_quota();
}

double BreakerReport::Trip::pace_quota() const {
    if (kind != Kind::live || quota <= 0) return 0;
    return static_cast<double>(quota) * static_cast<double>(off.count()) /
           static_cast<double>(kPaceOf.count());
}

BreakerReport read_breaker_report(sync::History& history, const BreakerReportPlan& plan) {
    return Reporter{history, plan}.read();
}

}  // namespace quotafuse::daemon
