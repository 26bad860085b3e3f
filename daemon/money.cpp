#include "daemon/money.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "notifiers/rendering.h"

namespace quotafuse::daemon {
namespace {

/// What is usual at an hour is the median of the days before; of fewer than the least nothing is.
constexpr int kDaysOfUsual = 14;
constexpr std::size_t kLeastDays = 3;
constexpr std::size_t kMostSymbol = 8;  // bytes

bool is_about_money(const alerts::Notice& notice) {
    const auto unit = alerts::metric_unit(notice.metric);
    return unit == "tokens" || unit == "quota" || unit == "USD";
}

bool fires(const alerts::Notice& notice) {
    return !notice.ended && notice.episodes == 0 && notice.series.empty() && !notice.late;
}

/// An id, or a name without wildcards.
bool names_one(const alerts::Condition& condition) {
    return condition.terms.size() == 1 && !condition.terms.front().negated &&
           (condition.terms.front().id || !base::is_glob(condition.terms.front().pattern));
}

std::optional<double> median_of(std::vector<std::int64_t> values) {
    if (values.size() < kLeastDays) return std::nullopt;
    std::ranges::sort(values);
    const auto middle = values.size() / 2;
    const auto upper = static_cast<double>(values[middle]);
    if (values.size() % 2 == 1) return upper;
    return (static_cast<double>(values[middle - 1]) + upper) / 2;
}

}  // namespace

Currency currency_of(CurrencyChoice choice, const std::optional<sync::Display>& display) {
    if (choice == CurrencyChoice::dollars || !display) return {};
    if (choice == CurrencyChoice::yuan) return {"¥", display->yuan_per_dollar};
    switch (display->kind) {
        case sync::Display::Kind::dollars:
        case sync::Display::Kind::quota:  // whoever writes rules about cost thinks in dollars
            return {};
        case sync::Display::Kind::yuan:
            return {"¥", display->yuan_per_dollar};
        case sync::Display::Kind::custom:
            return {base::cut_bytes(notifiers::one_line(display->symbol), kMostSymbol),
                    display->custom_per_dollar};
    }
    std::abort();
}

double Spending::an_hour() const {
    const auto seconds = std::max<std::int64_t>(1, (until - from).count());
    return dollars * 3600 / static_cast<double>(seconds);
}

/// False for what traffic is not summed by, and for a text that no row has.
bool Purse::add(alerts::Dimension dimension, std::optional<std::int64_t> id,
                const std::string& text, sync::TrafficOf& of) const {
    using alerts::Dimension;
    const auto named = [&]() -> std::optional<sync::TextId> {
        const auto found = texts_.find(text);
        return found < 0 ? std::nullopt : std::optional{found};
    };
    if (dimension == Dimension::channel) return (of.channel = id).has_value();
    if (dimension == Dimension::token) return (of.token = id).has_value();
    if (dimension == Dimension::user) return (of.user = id).has_value();
    if (dimension == Dimension::model) return (of.model = named()).has_value();
    if (dimension == Dimension::group) return (of.group = named()).has_value();
    if (dimension == Dimension::route) return (of.route = named()).has_value();
    return false;
}

std::optional<sync::TrafficOf> Purse::object_of(const alerts::Notice& notice,
                                                const alerts::Where& where) const {
    sync::TrafficOf of;
    for (const auto& part : notice.key) {
        if (!add(part.dimension, part.id, part.text, of)) return std::nullopt;
    }
    // The conditions of a gauge choose objects, and the key is one of them.
    if (alerts::is_gauge(notice.metric)) return of;
    for (const auto& condition : where) {
        const bool in_key =
            std::ranges::count(notice.key, condition.dimension, &alerts::KeyName::dimension) > 0;
        if (in_key) continue;  // the series would not be there if it did not hold
        if (!names_one(condition)) return std::nullopt;
        const auto& one = condition.terms.front();
        if (!add(condition.dimension, one.id, one.pattern, of)) return std::nullopt;
    }
    return of;
}

std::optional<Spending> Purse::spending(const alerts::Notice& notice, const alerts::Where& where,
                                        double quota_per_dollar) const {
    if (!is_about_money(notice) || !fires(notice)) return std::nullopt;
    const auto object = object_of(notice, where);
    const auto spent = object ? reader_.lately(*object, notice.at) : std::nullopt;
    if (!spent || spent->quota <= 0) return std::nullopt;
    Spending spending;
    spending.from = spent->from;
    spending.until = spent->until;
    spending.dollars = static_cast<double>(spent->quota) / quota_per_dollar;
    const auto middle = spent->from + (spent->until - spent->from) / 2;
    const auto median = median_of(reader_.same_hour(*object, middle, kDaysOfUsual));
    if (median) spending.usual = *median / quota_per_dollar;
    if (!object->model) spending.channel = object->channel;
    return spending;
}

}  // namespace quotafuse::daemon
