#include <algorithm>

#include "alerts/row_meter.h"

// What a meter of rows makes of the gateway's channels, keys and users: series that keep their key
// are watched while the object is there and switched on.

namespace quotafuse::alerts {
namespace {

/// What tells of the objects of a dimension; empty for one that has none.
struct ObjectGauge {
    sync::ObjectKind kind;
    sync::Gauge status;
};
std::optional<ObjectGauge> object_gauge(Dimension dimension) {
    using sync::Gauge;
    using sync::ObjectKind;
    if (dimension == Dimension::channel) return {{ObjectKind::channels, Gauge::channel_status}};
    if (dimension == Dimension::token) return {{ObjectKind::tokens, Gauge::token_status}};
    if (dimension == Dimension::user) return {{ObjectKind::users, Gauge::user_status}};
    return std::nullopt;
}

}  // namespace

/// Keys and users that were deleted long ago, and were silent since, are told from silent ones only
/// when all have been read. Channels are known from the last run, and what may not be read is not
/// waited for.
bool RowMeter::waits_for_objects() const {
    return keeps_keys_ && std::any_of(rule_.by.begin(), rule_.by.end(), [&](Dimension dimension) {
               const auto object = object_gauge(dimension);
               return object && object->kind != sync::ObjectKind::channels &&
                      gauges_.extent(object->kind) == sync::Extent::begun;
           });
}

/// A series that was dropped with its object begins anew when that is switched on again, though no
/// row comes; its history, and its silence, are of before.
bool RowMeter::note_switched_on() {
    on_again_.clear();
    if (!keeps_keys_) return false;
    for (const auto& status : gauges_.switched_on()) {
        for (std::size_t i = 0; i < rule_.by.size(); ++i) {
            const auto object = object_gauge(rule_.by[i]);
            if (object && object->status == status.gauge) on_again_.emplace_back(i, status.object);
        }
    }
    return !on_again_.empty();
}

bool RowMeter::is_switched_on_again(const SeriesKey& key) const {
    return std::any_of(on_again_.begin(), on_again_.end(), [&](const auto& object) {
        return key.parts[object.first].number == object.second;
    });
}

bool RowMeter::deleted(const SeriesKey& key) {
    for (std::size_t i = 0; i < rule_.by.size(); ++i) {
        const auto id = key.parts[i].number;
        if (id <= 0) continue;  // rows without a channel, token or user have 0
        if (is_deleted(rule_.by[i], id)) return true;
        if (keeps_keys_ && is_switched_off(rule_.by[i], id)) return true;
    }
    return false;
}

/// What was not met may be one that is still to be read.
bool RowMeter::is_deleted(Dimension dimension, std::int64_t id) const {
    const auto object = object_gauge(dimension);
    if (!object) return false;
    if (gauges_.is_gone({object->status, id, 0, 0})) return true;
    const auto& directory = names_.directory();
    if (!directory.known || !gauges_.is_complete(object->kind)) return false;
    // What may not be read is empty as a whole.
    const auto misses = [&](const auto& objects) {
        return !objects.empty() && !objects.contains(id);
    };
    if (dimension == Dimension::channel) return misses(directory.channels);
    return dimension == Dimension::token ? misses(directory.tokens) : misses(directory.users);
}

bool RowMeter::is_switched_off(Dimension dimension, std::int64_t id) const {
    const auto object = object_gauge(dimension);
    if (!object) return false;
    const auto status = gauges_.value({object->status, id, 0, 0});
    if (status) return means_off(object->status, *status);
    if (dimension != Dimension::channel) return false;
    const auto& channels = names_.directory().channels;
    const auto channel = channels.find(id);
    return channel != channels.end() && channel->second.status != 1;
}

}  // namespace quotafuse::alerts
