#include "alerts/breakdown.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "alerts/sums.h"

namespace quotafuse::alerts {
namespace {

constexpr std::size_t kMostParts = 3;
constexpr double kLeastShare = 0.01;

/// What a row counts for; empty for a metric that does not add up.
std::optional<double> amount_of(Metric metric, const Sums& sums) {
    const auto number = [](std::int64_t count) { return static_cast<double>(count); };
    switch (metric) {
        case Metric::requests:
        case Metric::rpm:
            return number(sums.requests);
        case Metric::attempts:
            return number(sums.attempts);
        case Metric::errors:
        case Metric::error_rate:
        case Metric::final_error_rate:
            return number(sums.errors);
        case Metric::client_errors:
            return number(sums.client_errors);
        case Metric::tokens:
        case Metric::tpm:
            return number(sums.prompt_tokens) + number(sums.completion_tokens);
        case Metric::prompt_tokens:
            return number(sums.prompt_tokens);
        case Metric::completion_tokens:
            return number(sums.completion_tokens);
        case Metric::cache_tokens:
            return number(sums.cache_tokens);
        case Metric::quota:
        case Metric::cost:
            return number(sums.quota);
        case Metric::empty_replies:
            return number(sums.empty_replies);
        case Metric::latency_avg:
        case Metric::latency_p50:
        case Metric::latency_p95:
        case Metric::latency_p99:
        case Metric::ttft_avg:
        case Metric::ttft_p50:
        case Metric::ttft_p95:
        case Metric::ttft_p99:
        case Metric::distinct_ips:
        case Metric::distinct_tokens:
        case Metric::distinct_users:
        case Metric::since_last:
        case Metric::channel_down:
        case Metric::channel_balance:
        case Metric::channel_balance_age:
        case Metric::token_remaining:
        case Metric::token_used_percent:
        case Metric::token_expires_in:
        case Metric::user_remaining:
        case Metric::user_used_percent:
        case Metric::healthy_channels:
        case Metric::dead_keys:
            return std::nullopt;
    }
    std::abort();
}

bool of_failures(Metric metric) {
    return metric == Metric::errors || metric == Metric::client_errors || is_ratio(metric);
}

/// Whether it leaves one value only. Several channels and several tokens may have one name.
bool leaves_one(const Condition& condition) {
    const auto is_positive = [](const Term& term) { return !term.negated; };
    const auto& terms = condition.terms;
    if (std::count_if(terms.begin(), terms.end(), is_positive) != 1) return false;
    const auto& only = *std::find_if(terms.begin(), terms.end(), is_positive);
    if (only.id) return true;
    return condition.dimension != Dimension::channel && condition.dimension != Dimension::token &&
           only.pattern.find_first_of("*?") == std::string::npos;
}

bool is_known(const Rule& rule, Dimension dimension) {
    if (std::find(rule.by.begin(), rule.by.end(), dimension) != rule.by.end()) return true;
    return std::any_of(rule.where.begin(), rule.where.end(), [&](const Condition& condition) {
        return condition.dimension == dimension && leaves_one(condition);
    });
}

bool is_of_channel(Dimension dimension) {
    return dimension == Dimension::provider || dimension == Dimension::tag;
}

/// What says most comes first, what follows from the channel last.
std::vector<Dimension> dimensions_to_explain(const Rule& rule) {
    using enum Dimension;
    std::vector<Dimension> dimensions;
    for (const auto dimension :
         {token, model, channel, user, code, status, ip, route, group, provider, tag}) {
        if (is_known(rule, dimension) || (is_of_channel(dimension) && is_known(rule, channel)) ||
            (dimension == user && is_known(rule, token)) ||
            ((dimension == code || dimension == status) && !of_failures(rule.metric))) {
            continue;
        }
        dimensions.push_back(dimension);
    }
    return dimensions;
}

}  // namespace

bool adds_up(Metric metric) {
    return amount_of(metric, {}).has_value();
}

/// One value of a dimension.
struct Breakdown::Portion {
    KeyPart part;
    double amount = 0;
    double rise = 0;
};

Amounts::Entry& Amounts::at(const KeyPart& part) {
    if (last_ < entries_.size() && entries_[last_].part == part) return entries_[last_];
    // Half of the places stay free.
    if (entries_.size() * 2 >= places_.size()) grow();
    auto& place = places_[place_of(part)];
    if (place == 0) {
        entries_.push_back({part, 0, 0});
        place = static_cast<std::uint32_t>(entries_.size());
    }
    last_ = place - 1;
    return entries_[last_];
}

/// Where it is, or where it would be.
std::size_t Amounts::place_of(const KeyPart& part) const {
    auto hash = static_cast<std::size_t>(part.number) ^ static_cast<std::size_t>(part.text) << 40U;
    hash *= 0x9E3779B97F4A7C15U;  // the golden ratio spreads neighbouring ids
    auto at = (hash ^ hash >> 32U) & (places_.size() - 1);
    while (places_[at] != 0 && entries_[places_[at] - 1].part != part) {
        at = (at + 1) & (places_.size() - 1);
    }
    return at;
}

void Amounts::grow() {
    places_.assign(std::max<std::size_t>(places_.size() * 2, 16), 0);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        places_[place_of(entries_[i].part)] = static_cast<std::uint32_t>(i + 1);
    }
}

Breakdown::Breakdown(const Rule& rule, const Names& names)
    : rule_(rule),
      names_(names),
      dimensions_(dimensions_to_explain(rule)),
      filter_(rule.where, rule.errors_when, counts_attempts(rule.metric), names.texts()) {
    filter_.use(names.directory());
    // They stand last, see dimensions_to_explain().
    counted_ = static_cast<std::size_t>(
        std::ranges::count_if(dimensions_, [](Dimension one) { return !is_of_channel(one); }));
}

void Breakdown::ask(const SeriesKey& key) {
    series_[key].resize(counted_);
}

bool Breakdown::add(const sync::Row& row, bool before) {
    // Most rows are of other series, which costs less to find out than what the row counts for.
    const auto asked = series_.find(key_of(row, rule_.by, names_.directory()));
    if (asked == series_.end()) return false;
    const auto sums = filter_.count(row);
    const auto amount = sums ? amount_of(rule_.metric, *sums) : std::nullopt;
    if (!amount || *amount == 0) return false;
    for (std::size_t i = 0; i < counted_; ++i) {
        auto& sum = asked->second[i].at(part_of(row, dimensions_[i], names_.directory()));
        (before ? sum.before : sum.now) += *amount;
    }
    return true;
}

void Breakdown::fold_channels(std::vector<Amounts>& tables) const {
    const auto channels = std::ranges::find(dimensions_, Dimension::channel) - dimensions_.begin();
    for (auto i = counted_; i < dimensions_.size(); ++i) {
        Amounts folded;
        for (const auto& entry : tables[static_cast<std::size_t>(channels)].entries()) {
            sync::Row row;
            row.channel = entry.part.number;
            auto& sum = folded.at(part_of(row, dimensions_[i], names_.directory()));
            sum.now += entry.now;
            sum.before += entry.before;
        }
        tables.push_back(std::move(folded));
    }
}

std::vector<Contribution> Breakdown::parts_of(const SeriesKey& key, bool rises) const {
    std::vector<Contribution> contributions;
    auto tables = series_.at(key);
    fold_channels(tables);
    for (std::size_t i = 0; i < dimensions_.size(); ++i) {
        // That no row has a value is no news.
        if (std::ranges::all_of(tables[i].entries(),
                                [](const auto& entry) { return entry.part == KeyPart{}; })) {
            continue;
        }
        auto one = contribution_of(dimensions_[i], tables[i], rises);
        if (!one.parts.empty()) contributions.push_back(std::move(one));
    }
    return contributions;
}

Contribution Breakdown::contribution_of(Dimension dimension, const Amounts& table,
                                        bool rises) const {
    std::vector<Portion> portions;
    double total = 0;
    double rise = 0;
    portions.reserve(table.entries().size());
    for (const auto& [part, now, before] : table.entries()) {
        portions.push_back({part, std::max(now, 0.0), std::max(now - before, 0.0)});
        total += portions.back().amount;
        rise += portions.back().rise;
    }
    rises = rises && rise > 0;
    const auto size = [&](const Portion& portion) { return rises ? portion.rise : portion.amount; };
    const auto most =
        portions.begin() + static_cast<std::ptrdiff_t>(std::min(portions.size(), kMostParts));
    std::partial_sort(portions.begin(), most, portions.end(),
                      [&](const Portion& a, const Portion& b) {
                          return size(a) != size(b) ? size(a) > size(b) : a.part < b.part;
                      });
    Contribution contribution;
    contribution.dimension = dimension;
    for (const auto& portion : portions) {
        if (contribution.parts.size() == kMostParts) break;
        if (!(size(portion) >= (rises ? rise : total) * kLeastShare) || size(portion) <= 0) break;
        Contribution::Part part{names_.name(dimension, portion.part), 0, {}};
        if (total > 0) part.share = portion.amount / total * 100;
        if (rises) part.share_of_rise = portion.rise / rise * 100;
        contribution.parts.push_back(std::move(part));
    }
    return contribution;
}

}  // namespace quotafuse::alerts
