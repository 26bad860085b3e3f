#include "alerts/window.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace quotafuse::alerts {
namespace {

constexpr std::chrono::seconds kEven{900};  // every zone's clock changes at a quarter of an hour

bool goes_by_local_time(const Frame& frame, Comparison base) {
    return frame.is_calendar() || base == Comparison::usual;
}

WindowSpec spec_of(const Rule& rule, Comparison base, int week) {
    WindowSpec spec{rule.where,
                    rule.errors_when,
                    counts_attempts(rule.metric),
                    rule.by,
                    rule.window,
                    base,
                    week,
                    {},
                    {}};
    // A window of weeks ago that moves by the hour: what is late by seconds is in it.
    if (base != Comparison::usual || rule.window.is_calendar()) spec.delay = delay_of(rule);
    if (goes_by_local_time(rule.window, base)) spec.zone = rule.zone;
    return spec;
}

}  // namespace

bool WindowSpec::operator==(const WindowSpec& other) const {
    return where == other.where && errors_when == other.errors_when &&
           of_attempts == other.of_attempts && by == other.by && frame == other.frame &&
           base == other.base && week == other.week && delay == other.delay &&
           zone.name() == other.zone.name();
}

Span WindowSpec::at(base::Second t) const {
    switch (base) {
        case Comparison::none:
            return span_of(frame, t - delay, zone);
        case Comparison::previous:
        case Comparison::yesterday:
        case Comparison::last_week:
            return base_span_of(frame, base, t - delay, zone);
        case Comparison::usual: {
            // What has come of a calendar period so far grows by the second.
            const auto end =
                frame.is_calendar() ? t - delay : std::chrono::floor<std::chrono::hours>(t - delay);
            return span_of(frame, weeks_before(end, week, zone), zone);
        }
    }
    std::abort();
}

std::chrono::seconds retry_after(const Frame& frame) {
    return std::min<std::chrono::seconds>(longest(frame), std::chrono::hours{1});
}

WindowSpec window_of(const Rule& rule) {
    return spec_of(rule, Comparison::none, 0);
}

WindowSpec base_window_of(const Rule& rule, int week) {
    return spec_of(rule, rule.compare_to, week);
}

Span Motion::at(base::Second t) {
    if (t < first_ || t >= until_) {
        const auto s = (t - spec_.delay).time_since_epoch();
        first_ =
            base::Second{
                std::chrono::floor<std::chrono::duration<std::int64_t, std::ratio<900>>>(s)} +
            spec_.delay;
        const auto last = first_ + kEven - base::Seconds{1};
        span_ = spec_.at(first_);
        const auto end = spec_.at(last);
        tail_moves_ = end.tail != span_.tail;
        head_moves_ = end.head != span_.head;
        const auto even = [&](base::Second from, base::Second to) {
            return to == from || to - from == last - first_;
        };
        until_ = even(span_.tail, end.tail) && even(span_.head, end.head) ? first_ + kEven : first_;
    }
    if (until_ == first_) return spec_.at(t);
    const auto on = t - first_;
    return {tail_moves_ ? span_.tail + on : span_.tail, head_moves_ ? span_.head + on : span_.head};
}

Window::Window(WindowSpec spec, const Parts& parts, Filter& filter, KeyTable& keys)
    : spec_(std::move(spec)), parts_(parts), filter_(filter), keys_(keys) {}

double Window::warmed_up() const {
    if (waits_) return 0;
    if (is_full()) return 1;
    const auto all = static_cast<double>((span_.head - span_.tail).count());
    const auto there = static_cast<double>((high_ - std::max(low_, span_.tail)).count());
    // Not 1 before it is: a rule must not be judged by all rows but one.
    return std::clamp(there / all, 0.0, 0.999);
}

bool Window::begins_before_store() const {
    return !first_row_ || base::unix_seconds(span_.tail) + 1 < *first_row_;
}

const Measure* Window::find(const SeriesKey& key) const {
    const auto slot = keys_.find(key);
    if (slot >= by_slot_.size() || by_slot_[slot] == kNowhere) return nullptr;
    const auto& measure = series_[by_slot_[slot]].measure;
    return measure.sums.rows == 0 ? nullptr : &measure;
}

void Window::each(const std::function<void(const SeriesKey&, const Measure&)>& visit) const {
    for (const auto& series : series_) {
        if (series.measure.sums.rows != 0) visit(keys_.key(series.slot), series.measure);
    }
}

void Window::changed(const std::function<void(const SeriesKey&, const Measure*)>& visit) const {
    for (const auto place : changed_) {
        const auto& series = series_[place];
        visit(keys_.key(series.slot), series.measure.sums.rows == 0 ? nullptr : &series.measure);
    }
}

std::optional<double> Window::highest_changed(Metric metric, double quota_per_unit) const {
    for (const auto& known : highest_) {
        if (known.metric == metric && known.quota_per_unit == quota_per_unit) return known.value;
    }
    std::optional<double> highest;
    for (const auto place : changed_) {
        const auto& measure = series_[place].measure;
        const auto value =
            value_of(metric, measure.sums.rows == 0 ? nullptr : &measure, span_, quota_per_unit);
        if (value && (!highest || *value > *highest)) highest = value;
    }
    highest_.push_back({metric, quota_per_unit, highest});
    return highest;
}

void Window::touch_all() {
    for (Place place = 0; place < series_.size(); ++place) {
        if (series_[place].slot != KeyTable::kNone) touch(place);
    }
}

void Window::settle() {
    highest_.clear();
    tries_again_ = tries_again_ && !is_full();
    for (const auto place : changed_) {
        series_[place].changed = false;
        if (series_[place].measure.sums.rows == 0) drop(place);
    }
    changed_.clear();
}

void Window::touch(Place place) {
    highest_.clear();
    if (std::exchange(series_[place].changed, true)) return;
    changed_.push_back(place);
}

void Window::drop(Place place) {
    auto& series = series_[place];
    by_slot_[series.slot] = kNowhere;
    keys_.release(series.slot);
    series = Series{};
    free_.push_back(place);
}

/// A new one, without rows, if there is none.
Window::Place Window::place_of(Slot slot) {
    if (slot >= by_slot_.size()) by_slot_.resize(slot + slot / 4 + 8, kNowhere);
    auto& place = by_slot_[slot];
    if (place == kNowhere) {
        if (free_.empty()) {
            place = static_cast<Place>(series_.size());
            series_.emplace_back();
        } else {
            place = free_.back();
            free_.pop_back();
        }
        series_[place].slot = slot;
        keys_.hold(slot);
    }
    return place;
}

void Window::enter(const sync::Row& row, const Sums& counts, Slot slot) {
    const auto place = place_of(slot);
    touch(place);
    auto& measure = series_[place].measure;
    if (measure.sums.rows == 0) ++size_;
    measure.take(row, counts, parts_, 1, values_);
    if (size_ > kMostSeries || values_ > kMostValues) overflowed_ = true;
}

void Window::leave(const sync::Row& row, const Sums& counts, Slot slot) {
    if (slot >= by_slot_.size() || by_slot_[slot] == kNowhere) return;
    const auto place = by_slot_[slot];
    auto& measure = series_[place].measure;
    measure.take(row, counts, parts_, -1, values_);
    touch(place);
    if (measure.sums.rows != 0) return;
    --size_;
    measure = Measure{};
}

void Window::give_up() {
    if (series_.empty()) return;
    for (Place place = 0; place < series_.size(); ++place) {
        if (series_[place].slot != KeyTable::kNone) drop(place);
    }
    std::vector<Series>{}.swap(series_);
    std::vector<Place>{}.swap(free_);
    changed_.clear();
    size_ = 0;
    values_ = 0;
}

void Window::swap_rows(Window& other) {
    // Series that only the former rows had are still to be told as gone.
    touch_all();
    for (const auto place : changed_) {
        other.touch(other.place_of(series_[place].slot));
    }
    std::swap(span_, other.span_);
    std::swap(low_, other.low_);
    std::swap(high_, other.high_);
    std::swap(overflowed_, other.overflowed_);
    std::swap(series_, other.series_);
    std::swap(free_, other.free_);
    std::swap(by_slot_, other.by_slot_);
    std::swap(changed_, other.changed_);
    std::swap(size_, other.size_);
    std::swap(values_, other.values_);
    highest_.clear();
    touch_all();
    other.settle();
}

void Window::reset(Span span) {
    tries_again_ = overflowed();
    touch_all();
    for (auto& series : series_) series.measure = Measure{};
    size_ = 0;
    values_ = 0;
    overflowed_ = false;
    span_ = span;
    highest_.clear();
    low_ = high_ = span.head;
}

}  // namespace quotafuse::alerts
