#include "daemon/report_facts.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "daemon/failed_trips.h"
#include "daemon/off_spans.h"

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Audit;

constexpr int kMostObjects = 5;
constexpr std::size_t kMostEntries = 5000;  // of the audit
constexpr std::size_t kMostTrips = 100;
/// The pace of before a trip says little about a later time.
constexpr base::Seconds kPaceHolds{7 * 86400};

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

std::string name_of(const circuit_breaker::Target& target, const std::string& known,
                    const alerts::Names& names) {
    using Kind = circuit_breaker::Target::Kind;
    if (target.kind != Kind::token) {
        const auto former =
            known.empty() ? std::string{} : fmt::format("{} ({})", target.channel, known);
        return names.name(alerts::Dimension::channel, {target.channel, 0}, former).display;
    }
    const auto former = known.empty() ? target.token_name : known;
    if (target.token != 0)
        return names.name(alerts::Dimension::token, {target.token, 0}, former).display;
    const auto text = names.texts().find(target.token_name);
    if (text < 0) return former;
    return names.name(alerts::Dimension::token, {-target.user, text}, former).display;
}

/// Whose traffic; empty where rollups do not tell it, as of a key that goes by its name only.
std::optional<sync::TrafficOf> traffic_of(const circuit_breaker::Target& target,
                                          const sync::Texts& texts) {
    using Kind = circuit_breaker::Target::Kind;
    sync::TrafficOf of;
    switch (target.kind) {
        case Kind::channel:
            of.channel = target.channel;
            return of;
        case Kind::model: {
            const auto model = texts.find(target.model);
            if (model < 0) return std::nullopt;
            of.channel = target.channel;
            of.model = model;
            return of;
        }
        case Kind::token:
            if (target.token == 0) return std::nullopt;
            of.token = target.token;
            return of;
    }
    return std::nullopt;
}

/// At the pace before the trip, for as long as it kept its target off in the period.
std::optional<double> saved_by(const Audit::Entry& trip, const std::vector<Audit::Entry>& entries,
                               const ReportSources& sources, const DueReport& due) {
    const auto of = traffic_of(trip.target, sources.names.texts());
    if (!of) return std::nullopt;
    const auto spent = sync::RollupReader{sources.database}.lately(*of, trip.at);
    if (!spent || spent->quota <= 0) return std::nullopt;
    const auto off = off_time(off_spans(entries, trip), due.period.from, due.period.until);
    return dollars_of(spent->quota, sources.names) * static_cast<double>(off.count()) /
           static_cast<double>((spent->until - spent->from).count());
}

ReportFacts::Trip trip_of(const Audit::Entry& entry, const std::vector<Audit::Entry>& entries,
                          const ReportSources& sources, const DueReport& due) {
    ReportFacts::Trip trip;
    trip.at = entry.at;
    trip.target = entry.target;
    trip.name = name_of(entry.target, entry.name, sources.names);
    trip.live = entry.step == "tripped";
    trip.earlier = entry.at < due.period.from;
    if (!trip.live) {
        if (entry.target.kind != circuit_breaker::Target::Kind::channel) return trip;
        const auto after = entry.at + base::Seconds{3600};
        const auto quota = sync::RollupReader{sources.database}.of_channel(entry.target.channel,
                                                                           after, due.period.until);
        if (quota > 0) trip.dollars = dollars_of(quota, sources.names);
        return trip;
    }
    const auto enabled = enabled_by_somebody(entries, entry);
    trip.taken_back = enabled && enabled->at - entry.at <= kSoon;
    if (!trip.taken_back) trip.dollars = saved_by(entry, entries, sources, due);
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
    const auto failed = failed_trips(entries, due.period.until);
    facts.failed = static_cast<std::int64_t>(failed.size());
    std::set<std::string> would_have;  // in shadow mode a target trips again and again
    for (const auto& entry : entries) {
        if (entry.at >= due.period.until) break;
        facts.refused += entry.step == "refused" ? 1 : 0;
        const bool first = entry.step == "would_trip" &&
                           would_have.insert(circuit_breaker::stored_key(entry.target)).second;
        if (entry.step == "tripped" || first) add(entry);
    }
    for (const auto& trip : sources.audit.off_at(from, from - kPaceHolds, kMostTrips)) {
        // A false trip was told with its own day, if it was known to be one by then.
        const auto enabled = enabled_by_somebody(entries, trip);
        const auto told_at = from + (due.at - due.period.until);
        if (!enabled || enabled->at - trip.at > kSoon || enabled->at > told_at) add(trip);
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
