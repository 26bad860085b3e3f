#include "daemon/report_facts.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Audit;

constexpr int kMostObjects = 5;
constexpr std::size_t kMostEntries = 5000;  // of the audit
constexpr std::size_t kMostTrips = 100;
/// The pace of before a trip says little about a later time.
constexpr base::Seconds kPaceHolds{7 * 86400};
/// Whoever enables a channel so soon after says that it should not have been disabled.
constexpr base::Seconds kSoon{3600};

alerts::KeyPart part_of(const sync::ObjectTraffic& object) {
    if (object.id != 0) return {object.id, 0};
    return {-object.owner, object.text};
}

double dollars_of(std::int64_t quota, const alerts::Names& names) {
    return static_cast<double>(quota) / names.directory().quota_per_unit;
}

std::vector<ReportFacts::Object> largest(const sync::RollupReader& reader,
                                         const alerts::Names& names, const DueReport& due,
                                         bool has_before, sync::RollupBy by,
                                         alerts::Dimension dimension) {
    std::vector<ReportFacts::Object> objects;
    for (const auto& object : reader.largest(by, due.period, kMostObjects)) {
        // Names by rows: those of keys and users that the gateway does not name (any more).
        const auto& text = names.texts().text(object.text);
        auto name = names.name(dimension, part_of(object), text).display;
        std::optional<sync::Traffic> before;
        if (has_before) before = reader.traffic_of(by, object, due.before);
        objects.push_back(
            {std::move(name), dollars_of(object.traffic.quota, names), object.traffic, before});
    }
    return objects;
}

/// When the channel was on again. What somebody else switched off or deleted stays off.
std::optional<base::Second> enabled_at(const std::vector<Audit::Entry>& entries,
                                       const Audit::Entry& trip) {
    const auto found = std::ranges::find_if(entries, [&](const Audit::Entry& entry) {
        return entry.trip_id == trip.trip_id && entry.cause == Audit::Cause::enabled;
    });
    return found == entries.end() ? std::nullopt : std::optional{found->at};
}

/// At the pace before the trip, for as long as it kept the channel off in the period.
std::optional<double> saved_by(const Audit::Entry& trip, std::optional<base::Second> enabled,
                               const ReportSources& sources, const DueReport& due) {
    sync::TrafficOf of;
    of.channel = trip.channel;
    const auto spent = sync::RollupReader{sources.database}.lately(of, trip.at);
    if (!spent || spent->quota <= 0) return std::nullopt;
    const auto off = std::min(enabled.value_or(due.period.until), due.period.until) -
                     std::max(trip.at, due.period.from);
    return dollars_of(spent->quota, sources.names) * static_cast<double>(off.count()) /
           static_cast<double>((spent->until - spent->from).count());
}

ReportFacts::Trip trip_of(const Audit::Entry& entry, const std::vector<Audit::Entry>& entries,
                          const ReportSources& sources, const DueReport& due) {
    ReportFacts::Trip trip;
    trip.at = entry.at;
    trip.live = entry.step == "tripped";
    trip.earlier = entry.at < due.period.from;
    const auto former = entry.channel_name.empty()
                            ? std::string{}
                            : fmt::format("{} ({})", entry.channel, entry.channel_name);
    trip.channel =
        sources.names.name(alerts::Dimension::channel, {entry.channel, 0}, former).display;
    if (!trip.live) {
        const auto after = entry.at + base::Seconds{3600};
        const auto quota =
            sync::RollupReader{sources.database}.of_channel(entry.channel, after, due.period.until);
        if (quota > 0) trip.dollars = dollars_of(quota, sources.names);
        return trip;
    }
    const auto enabled = enabled_at(entries, entry);
    trip.taken_back = enabled && *enabled - entry.at <= kSoon;
    if (!trip.taken_back) trip.dollars = saved_by(entry, enabled, sources, due);
    return trip;
}

void read_trips(const ReportSources& sources, const DueReport& due, ReportFacts& facts) {
    const auto from = due.period.from;
    const auto entries = sources.audit.between(from, due.period.until + kSoon, kMostEntries);
    facts.counted_all = entries.size() < kMostEntries;
    const auto add = [&](const Audit::Entry& trip) {
        if (facts.trips.size() < kMostTrips) {
            facts.trips.push_back(trip_of(trip, entries, sources, due));
        } else {
            ++facts.more_trips;
        }
    };
    std::set<std::int64_t> would_have;  // a channel in shadow mode trips again and again
    for (const auto& entry : entries) {
        if (entry.at >= due.period.until) break;
        facts.refused += entry.step == "refused" ? 1 : 0;
        facts.failed += entry.step == "failed" || entry.step == "unknown" ? 1 : 0;
        const bool first = entry.step == "would_trip" && would_have.insert(entry.channel).second;
        if (entry.step == "tripped" || first) add(entry);
    }
    for (const auto& trip : sources.audit.off_at(from, from - kPaceHolds, kMostTrips)) {
        // A false trip was told with its own day, if it was known to be one by then.
        const auto enabled = enabled_at(entries, trip);
        const auto told_at = from + (due.at - due.period.until);
        if (!enabled || *enabled - trip.at > kSoon || *enabled > told_at) add(trip);
    }
}

}  // namespace

ReportFacts read_report_facts(const ReportSources& sources, const DueReport& due) {
    const sync::RollupReader reader{sources.database};
    ReportFacts facts;
    facts.now = reader.total(due.period);
    facts.dollars = dollars_of(facts.now.quota, sources.names);
    facts.errors_known = sources.gateway != sync::Gateway::one_api;
    const auto first = reader.first_day();
    const bool has_before = first && *first <= due.before.first;
    if (has_before) facts.before = reader.total(due.before);
    const auto top = [&](sync::RollupBy by, alerts::Dimension dimension) {
        return largest(reader, sources.names, due, has_before, by, dimension);
    };
    facts.channels = top(sync::RollupBy::channel, alerts::Dimension::channel);
    facts.models = top(sync::RollupBy::model, alerts::Dimension::model);
    facts.keys = top(sync::RollupBy::token, alerts::Dimension::token);
    facts.alerts =
        alerts::count_episodes(sources.database.handle(), due.period.from, due.period.until);
    read_trips(sources, due, facts);
    return facts;
}

}  // namespace quotafuse::daemon
