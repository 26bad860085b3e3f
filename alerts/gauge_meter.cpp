#include "alerts/gauge_meter.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "alerts/decide.h"
#include "base/text.h"

namespace quotafuse::alerts {
namespace {

using sync::Gauge;

/// So long after its end an expired key is news.
constexpr std::chrono::hours kExpiredIsNews{7 * 24};

/// A rename takes effect within so many seconds, which is how often snapshots come.
constexpr std::int64_t kNamesEvery = 30;

GaugeMeter::Parts parts_of_gauge(Metric metric) {
    if (metric == Metric::channel_down) return {Gauge::channel_status, {}, {}};
    if (metric == Metric::channel_balance) {
        return {Gauge::channel_balance, {}, Gauge::channel_status};
    }
    if (metric == Metric::channel_balance_age) {
        return {Gauge::channel_balance_at, {}, Gauge::channel_status};
    }
    if (metric == Metric::token_remaining) return {Gauge::token_remaining, {}, Gauge::token_status};
    if (metric == Metric::token_used_percent) {
        return {Gauge::token_remaining, Gauge::token_used, Gauge::token_status};
    }
    if (metric == Metric::token_expires_in) {
        return {Gauge::token_expires_at, {}, Gauge::token_status};
    }
    if (metric == Metric::user_remaining) return {Gauge::user_remaining, {}, Gauge::user_status};
    if (metric == Metric::user_used_percent) {
        return {Gauge::user_remaining, Gauge::user_used, Gauge::user_status};
    }
    if (metric == Metric::healthy_channels) return {Gauge::healthy_channels, {}, {}};
    if (metric == Metric::dead_keys) return {Gauge::dead_keys, {}, Gauge::channel_status};
    std::abort();  // a metric of rows
}

/// Whose values a metric is made of.
sync::ObjectKind kind_of(Metric metric) {
    const auto dimension = object_of(metric).front();
    if (dimension == Dimension::token) return sync::ObjectKind::tokens;
    if (dimension == Dimension::user) return sync::ObjectKind::users;
    if (dimension == Dimension::group) return sync::ObjectKind::abilities;
    return sync::ObjectKind::channels;
}

bool is_money(Metric metric) {
    return metric == Metric::token_remaining || metric == Metric::user_remaining;
}

/// Seconds that a broken clock or a gateway's table gave, within what can be reckoned with.
std::int64_t whole(double seconds) {
    return static_cast<std::int64_t>(std::clamp(seconds, -1e15, 1e15));
}

std::optional<double> used_percent(double remaining, double used) {
    const auto total = remaining + used;
    if (total > 0) return used / total * 100;
    if (used > 0) return 100;  // overdrawn by more than was ever used
    return std::nullopt;
}

}  // namespace

bool needs_owners(const Rule& rule) {
    if (!is_gauge(rule.metric) || kind_of(rule.metric) != sync::ObjectKind::tokens) return false;
    return std::any_of(rule.where.begin(), rule.where.end(), [](const Condition& condition) {
        const bool by_name = std::any_of(condition.terms.begin(), condition.terms.end(),
                                         [](const Term& term) { return !term.id; });
        return condition.dimension == Dimension::group ||
               (condition.dimension == Dimension::user && by_name);
    });
}

GaugeMeter::GaugeMeter(const Rule& rule, const GaugeBoard& gauges, const Names& names)
    : rule_(rule),
      parts_(parts_of_gauge(rule.metric)),
      needs_directory_(!rule.where.empty() || is_money(rule.metric)),
      needs_owners_(needs_owners(rule)),
      gauges_(gauges),
      names_(names) {}

double GaugeMeter::warmed_up() const {
    // How many are still to come is not known before they are there.
    const bool read = gauges_.may_judge(kind_of(rule_.metric)) &&
                      (!needs_owners_ || gauges_.may_judge(sync::ObjectKind::users));
    return read && (!needs_directory_ || names_.directory().known) ? 1 : 0;
}

void GaugeMeter::look(base::Second t, const Known& known, bool all, std::vector<Sighting>& out) {
    const bool gap = !looked_ || *looked_ + std::chrono::seconds{1} != t;
    looked_ = t;
    // Names come with snapshots, and nothing tells which of them changed.
    const bool renamed = !rule_.where.empty() && base::unix_seconds(t) % kNamesEvery == 0;
    if (gap) {
        for (const auto& object : every()) await(object);
    }
    auto objects = moved(t);
    if (gap || all || renamed) objects = every();
    for (const auto& object : objects) {
        if (!is_chosen(object)) continue;
        const auto key = key_of(object);
        const auto reading = reading_at(object, t);
        const bool is_known = known && known(key);
        if (!all && !is_known && !is_breached(reading.value, rule_)) continue;
        out.push_back({key, reading});
    }
}

void GaugeMeter::show(base::Second t, std::vector<Sighting>& out) const {
    for (const auto& object : every()) {
        if (is_chosen(object)) out.push_back({key_of(object), reading_at(object, t)});
    }
}

/// Objects whose gauges changed, and those whose value is due to pass the limit; each once.
std::vector<GaugeMeter::Object> GaugeMeter::moved(base::Second t) {
    std::vector<Object> objects;
    for (auto key : gauges_.changed()) {
        const auto is = [&](std::optional<Gauge> part) { return part && *part == key.gauge; };
        if (!is(parts_.value) && !is(parts_.used) && !is(parts_.status)) continue;
        key.gauge = parts_.value;
        await(key);
        objects.push_back(key);
    }
    while (!due_.empty() && due_.begin()->first <= t) {
        objects.push_back(due_.begin()->second);
        due_of_.erase(due_.begin()->second);
        due_.erase(due_.begin());
    }
    std::sort(objects.begin(), objects.end());
    objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
    return objects;
}

/// Notes when a value that moves by itself will have passed the limit.
void GaugeMeter::await(const Object& object) {
    const bool grows = rule_.metric == Metric::channel_balance_age && !rule_.below;
    const bool falls = rule_.metric == Metric::token_expires_in && rule_.below;
    if (!grows && !falls) return;
    if (const auto former = due_of_.find(object); former != due_of_.end()) {
        due_.erase({former->second, object});
        due_of_.erase(former);
    }
    const auto from = gauge(object, parts_.value);
    if (!from) return;
    // The first whole second at which t − from > limit, or from − t < limit.
    const auto due = grows ? whole(*from) + whole(std::floor(rule_.limit)) + 1
                           : whole(*from) - whole(std::ceil(rule_.limit)) + 1;
    const auto at = base::from_unix(due);
    due_of_.emplace(object, at);
    due_.emplace(at, object);
}

std::vector<GaugeMeter::Object> GaugeMeter::every() const {
    std::vector<Object> objects;
    const auto add = [&](sync::GaugeKey key, double /*value*/) {
        key.gauge = parts_.value;
        objects.push_back(key);
    };
    gauges_.each(parts_.value, add);
    return objects;
}

Reading GaugeMeter::read(const SeriesKey& key, base::Second t) {
    return reading_at(object_of(key), t);
}

Reading GaugeMeter::reading_at(const Object& object, base::Second t) const {
    Reading reading;
    reading.has_rows = exists(object);
    if (!is_off(object)) reading.value = value_at(object, t);
    return reading;
}

std::optional<double> GaugeMeter::value_at(const Object& object, base::Second t) const {
    const auto value = gauge(object, parts_.value);
    if (!value) return std::nullopt;
    const auto now = base::unix_seconds(t);
    if (rule_.metric == Metric::channel_down) return *value == 1 ? 0 : 1;
    if (rule_.metric == Metric::channel_balance_age) {
        return static_cast<double>(std::max<std::int64_t>(now - whole(*value), 0));
    }
    if (rule_.metric == Metric::token_expires_in) {
        const auto left = whole(*value) - now;
        if (left <= -std::chrono::seconds{kExpiredIsNews}.count()) return std::nullopt;
        return static_cast<double>(std::max<std::int64_t>(left, 0));
    }
    if (parts_.used) {
        const auto used = gauge(object, *parts_.used);
        return used ? used_percent(*value, *used) : std::nullopt;
    }
    return is_money(rule_.metric) ? *value / names_.directory().quota_per_unit : *value;
}

std::optional<double> GaugeMeter::gauge(const Object& object, Gauge which) const {
    auto key = object;
    key.gauge = which;
    return gauges_.value(key);
}

bool GaugeMeter::exists(const Object& object) const {
    return gauge(object, parts_.value) || (parts_.status && gauge(object, *parts_.status));
}

bool GaugeMeter::is_off(const Object& object) const {
    const auto status = parts_.status ? gauge(object, *parts_.status) : std::nullopt;
    return status && means_off(*parts_.status, *status);
}

bool GaugeMeter::chooses(const SeriesKey& key) {
    return is_chosen(object_of(key));
}

bool GaugeMeter::deleted(const SeriesKey& key) {
    const auto object = object_of(key);
    return gauges_.known() && (!exists(object) || is_off(object));
}

bool GaugeMeter::is_chosen(const Object& object) const {
    return std::all_of(rule_.where.begin(), rule_.where.end(),
                       [&](const Condition& condition) { return holds(condition, object); });
}

bool GaugeMeter::holds(const Condition& condition, const Object& object) const {
    const auto value = value_of(condition.dimension, object);
    bool any_positive = false;
    bool matched = false;
    for (const auto& term : condition.terms) {
        const bool matches =
            term.id ? value.id == *term.id : base::glob_match(term.pattern, value.text);
        if (term.negated && matches) return false;
        any_positive = any_positive || !term.negated;
        matched = matched || (matches && !term.negated);
    }
    return matched || !any_positive;
}

/// What the gateway has for one of dimensions_of() the metric; empty for an object that it does not
/// list.
GaugeMeter::Value GaugeMeter::value_of(Dimension dimension, const Object& object) const {
    const auto& directory = names_.directory();
    const auto& texts = names_.texts();
    const auto kind = alerts::object_of(rule_.metric).front();
    if (dimension == Dimension::model) return {0, texts.text(object.model)};
    if (kind == Dimension::group) return {0, texts.text(object.group)};
    if (kind == Dimension::channel) {
        const auto channel = directory.channels.find(object.object);
        if (channel == directory.channels.end()) return {object.object, {}};
        if (dimension == Dimension::provider) return {0, texts.text(channel->second.provider)};
        if (dimension == Dimension::tag) return {0, texts.text(channel->second.tag)};
        return {object.object, channel->second.name};
    }
    auto user = object.object;
    if (kind == Dimension::token) {
        const auto token = directory.tokens.find(object.object);
        const bool listed = token != directory.tokens.end();
        if (dimension == Dimension::token) {
            return {object.object, listed ? token->second.name : std::string{}};
        }
        if (!listed) return {};
        user = token->second.user;
    }
    const auto known = directory.users.find(user);
    if (known == directory.users.end()) return {user, {}};
    if (dimension == Dimension::group) return {0, texts.text(known->second.group)};
    return {user, known->second.name};
}

SeriesKey GaugeMeter::key_of(const Object& object) const {
    SeriesKey key;
    for (std::size_t i = 0; i < rule_.by.size(); ++i) {
        auto& part = key.parts[i];
        if (rule_.by[i] == Dimension::group) {
            part.text = object.group;
        } else if (rule_.by[i] == Dimension::model) {
            part.text = object.model;
        } else {
            part.number = object.object;
        }
    }
    return key;
}

GaugeMeter::Object GaugeMeter::object_of(const SeriesKey& key) const {
    Object object;
    object.gauge = parts_.value;
    for (std::size_t i = 0; i < rule_.by.size(); ++i) {
        const auto& part = key.parts[i];
        if (rule_.by[i] == Dimension::group) {
            object.group = part.text;
        } else if (rule_.by[i] == Dimension::model) {
            object.model = part.text;
        } else {
            object.object = part.number;
        }
    }
    return object;
}

}  // namespace quotafuse::alerts
