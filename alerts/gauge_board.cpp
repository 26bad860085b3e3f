#include "alerts/gauge_board.h"

#include <limits>

namespace quotafuse::alerts {
namespace {

using sync::Extent;
using sync::Gauge;
using sync::GaugeKey;
using sync::ObjectKind;

constexpr double kEnabled = 1;
constexpr double kDisabledKey = 2;

GaugeKey key_of(ObjectKind kind) {
    return {Gauge::extent, static_cast<std::int64_t>(kind), 0, 0};
}

}  // namespace

bool means_off(Gauge status, double value) {
    return status == Gauge::token_status ? value == kDisabledKey : value != kEnabled;
}

void GaugeBoard::set(const sync::GaugeChange& change) {
    known_ = true;
    const auto& key = change.key;
    if (sync::is_status(key.gauge)) note_status(change);
    if (key == key_of(ObjectKind::channels) && extent(ObjectKind::channels) != Extent::begun)
        knew_all_channels_ = extent(ObjectKind::channels) == Extent::all;
    if (change.value) {
        values_.insert_or_assign(key, *change.value);
    } else {
        values_.erase(key);
    }
    changed_.push_back(key);
}

void GaugeBoard::note_status(const sync::GaugeChange& change) {
    const auto& key = change.key;
    if (!change.value) {
        gone_.insert(key);
        return;
    }
    const bool was_gone = gone_.erase(key) > 0;
    const auto former = value(key);
    const bool was_off = former && means_off(key.gauge, *former);
    if ((was_gone || was_off) && !means_off(key.gauge, *change.value)) switched_on_.push_back(key);
}

std::optional<double> GaugeBoard::value(const GaugeKey& key) const {
    const auto at = values_.find(key);
    if (at == values_.end()) return std::nullopt;
    return at->second;
}

void GaugeBoard::each(Gauge gauge,
                      const std::function<void(const GaugeKey&, double)>& visit) const {
    const GaugeKey first{gauge, std::numeric_limits<std::int64_t>::min(), 0, 0};
    for (auto at = values_.lower_bound(first); at != values_.end() && at->first.gauge == gauge;
         ++at) {
        visit(at->first, at->second);
    }
}

void GaugeBoard::settle() {
    changed_.clear();
    switched_on_.clear();
}

std::optional<Extent> GaugeBoard::extent(ObjectKind kind) const {
    const auto extent = value(key_of(kind));
    if (!extent) return std::nullopt;
    return static_cast<Extent>(static_cast<int>(*extent));
}

bool GaugeBoard::may_judge(ObjectKind kind) const {
    const auto read = extent(kind);
    return read ? *read == Extent::most || *read == Extent::all : known_;
}

bool GaugeBoard::is_complete(ObjectKind kind) const {
    const auto read = extent(kind);
    if (kind == ObjectKind::channels && read == Extent::begun) return knew_all_channels_;
    return !read || *read == Extent::all;
}

}  // namespace quotafuse::alerts
