#include "alerts/row_meter.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "alerts/baseline.h"
#include "alerts/decide.h"
#include "base/duration.h"

namespace quotafuse::alerts {
namespace {

std::vector<Window*> share_bases(const Rule& rule, WindowSet& windows, const Parts& parts,
                                 int weeks) {
    std::vector<Window*> bases;
    if (rule.compare_to == Comparison::none) return bases;
    if (rule.compare_to != Comparison::usual) {
        bases.push_back(&windows.share(base_window_of(rule), parts));
        return bases;
    }
    for (int week = 1; week <= weeks; ++week) {
        bases.push_back(&windows.share(base_window_of(rule, week), parts));
    }
    return bases;
}

}  // namespace

bool needs_directory(const Rule& rule) {
    const auto of_channel = [](Dimension dimension) {
        return dimension == Dimension::provider || dimension == Dimension::tag;
    };
    const auto by_name = [&](const Condition& condition) {
        return of_channel(condition.dimension) ||
               (condition.dimension == Dimension::channel &&
                std::any_of(condition.terms.begin(), condition.terms.end(),
                            [](const Term& term) { return !term.id; }));
    };
    return rule.metric == Metric::cost || std::any_of(rule.by.begin(), rule.by.end(), of_channel) ||
           std::any_of(rule.where.begin(), rule.where.end(), by_name);
}

LastRows::LastRows(double limit) {
    // A limit of centuries is as good as none.
    const auto whole = std::floor(std::clamp(limit, -1.0, 1e10));
    passes_after_ = std::chrono::seconds{static_cast<std::int64_t>(whole) + 1};
    remembered_ = std::max<std::chrono::seconds>(kRemembered, passes_after_ + kRemembered);
}

void LastRows::see(const SeriesKey& key, base::Second newest) {
    const auto [at, is_new] = entries_.try_emplace(key);
    auto& entry = at->second;
    entry.newest = newest;
    const auto due = newest + passes_after_;
    // A later one waits its turn: most series get their next row long before they are due.
    if (!is_new && due >= entry.due) return;
    if (!is_new) due_.erase({entry.due, key});
    entry.due = due;
    due_.emplace(due, key);
}

std::optional<base::Second> LastRows::find(const SeriesKey& key) const {
    const auto at = entries_.find(key);
    if (at == entries_.end()) return std::nullopt;
    return at->second.newest;
}

void LastRows::overdue(base::Second head, std::vector<SeriesKey>& out) {
    while (!due_.empty() && due_.begin()->first <= head) {
        const auto key = due_.begin()->second;
        due_.erase(due_.begin());
        const auto at = entries_.find(key);
        auto& entry = at->second;
        if (entry.newest + remembered_ <= head) {
            entries_.erase(at);
            continue;
        }
        const auto passes = entry.newest + passes_after_;
        if (passes <= head) out.push_back(key);
        entry.due = passes <= head ? entry.newest + remembered_ : passes;
        due_.emplace(entry.due, key);
    }
}

void LastRows::forget_all() {
    entries_ = decltype(entries_){};
    due_.clear();
}

void LastRows::each(const std::function<void(const SeriesKey&)>& visit) const {
    for (const auto& [key, entry] : entries_) visit(key);
}

/// One call of look(). The visits below capture a pointer to it only, which costs no allocation.
struct RowMeter::Scan {
    RowMeter& meter;
    const Known& known;
    std::vector<Sighting>& out;
    bool all;
};

RowMeter::RowMeter(const Rule& rule, WindowSet& windows, const GaugeBoard& gauges,
                   const Names& names, int weeks)
    : rule_(rule),
      keeps_keys_(keeps_keys(rule)),
      needs_directory_(needs_directory(rule)),
      moves_with_time_(moves_with_time(rule)),
      gauges_(gauges),
      names_(names),
      window_(windows.share(window_of(rule), parts_of(rule.metric))),
      bases_(share_bases(rule, windows, parts_of(rule.metric), weeks)),
      base_states_(bases_.size()) {
    if (rule.metric == Metric::since_last) last_rows_.emplace(rule.below ? 1e10 : rule.limit);
}

/// Whether a value may come to be over the limit while no row enters or leaves: a mean per minute
/// over a period that grows. (since_last, which grows too, has LastRows and is not compared.)
bool RowMeter::moves_with_time(const Rule& rule) {
    const bool per_minute = rule.metric == Metric::rpm || rule.metric == Metric::tpm;
    const bool may_rise = rule.below || rule.compare_to != Comparison::none;
    return per_minute && may_rise && rule.window.kind != Frame::Kind::rolling;
}

double RowMeter::warmed_up() const {
    if (needs_directory_ && !names_.directory().known) return 0;
    if (waits_for_objects()) return 0;
    auto part = window_.warmed_up();
    for (const auto* const base : bases_) part = std::min(part, base->warmed_up());
    return part;
}

std::string RowMeter::error() const {
    const auto overflowed = [](const Window* window) { return window->overflowed(); };
    if (!overflowed(&window_) && std::none_of(bases_.begin(), bases_.end(), overflowed)) return {};
    return "over 100,000 series or 2 million distinct values in its window: narrow `where`, or "
           "group `by` less; tried again every " +
           base::format_duration(retry_after(rule_.window));
}

void RowMeter::look(base::Second t, const Known& known, bool all, std::vector<Sighting>& out) {
    const auto quota_per_unit = names_.directory().quota_per_unit;
    const bool gap = !looked_ || *looked_ + std::chrono::seconds{1} != t;
    const bool units_changed = std::exchange(quota_per_unit_, quota_per_unit) != quota_per_unit;
    looked_ = t;
    Scan scan{*this, known, out, all};
    const auto before = static_cast<std::ptrdiff_t>(out.size());
    const bool on_again = note_switched_on();
    if (bases_began_or_ended() || gap || all || moves_with_time_ || units_changed || on_again) {
        visit_every(scan);
    } else {
        visit_changed(scan);
    }
    if (bases_.empty() && !last_rows_) return;
    // A series that changed in several windows was visited more than once, with one result.
    const auto by_key = [](const Sighting& a, const Sighting& b) { return a.key < b.key; };
    const auto same = [](const Sighting& a, const Sighting& b) { return a.key == b.key; };
    std::sort(out.begin() + before, out.end(), by_key);
    out.erase(std::unique(out.begin() + before, out.end(), same), out.end());
}

const Window* RowMeter::decisive_window() const {
    const bool simple = !keeps_keys_ && bases_.empty() && !rule_.below && !moves_with_time_;
    return simple ? &window_ : nullptr;
}

void RowMeter::show(base::Second /*t*/, std::vector<Sighting>& out) const {
    std::set<SeriesKey> keys;
    const auto add = [&](const SeriesKey& key) { keys.insert(key); };
    const auto add_measured = [&](const SeriesKey& key, const Measure& /*measure*/) { add(key); };
    window_.each(add_measured);
    for (const auto* const base : bases_) base->each(add_measured);
    if (last_rows_) last_rows_->each(add);
    if (rule_.by.empty() && keeps_keys_) add({});
    for (const auto& key : keys) {
        const auto* const measure = window_.find(key);
        if (!last_rows_ || last_row(key, measure)) out.push_back({key, reading_of(key, measure)});
    }
}

std::size_t RowMeter::shown() const {
    auto count = window_.size() + remembered();
    for (const auto* const base : bases_) count += base->size();
    return count;
}

void RowMeter::visit_every(Scan& scan) {
    auto* const visiting = &scan;
    if (last_rows_) {
        window_.each(
            [this](const SeriesKey& key, const Measure& measure) { see_last(key, &measure); });
        overdue_.clear();
        last_rows_->overdue(window_.span().head, overdue_);
        last_rows_->each([visiting](const SeriesKey& key) {
            visiting->meter.visit(key, visiting->meter.window_.find(key), *visiting);
        });
    } else {
        window_.each([visiting](const SeriesKey& key, const Measure& measure) {
            visiting->meter.visit(key, &measure, *visiting);
        });
    }
    for (const auto* const base : bases_) {
        base->each([visiting](const SeriesKey& key, const Measure& /*measure*/) {
            visiting->meter.visit(key, visiting->meter.window_.find(key), *visiting);
        });
    }
    // That there is no row at all is something to say, too.
    const SeriesKey whole;
    if (rule_.by.empty() && keeps_keys_ && window_.find(whole) == nullptr) {
        visit(whole, nullptr, scan);
    }
}

void RowMeter::visit_changed(Scan& scan) {
    // Most rules of a window differ in their limits only, and of most no series is near it.
    const bool quiet = !scan.known && !scan.all && decisive_window() != nullptr;
    if (quiet) {
        const auto highest =
            window_.highest_changed(rule_.metric, names_.directory().quota_per_unit);
        if (!is_breached(highest, rule_)) return;
    }
    auto* const visiting = &scan;
    window_.changed([visiting](const SeriesKey& key, const Measure* measure) {
        auto& meter = visiting->meter;
        if (meter.last_rows_) meter.see_last(key, measure);
        meter.visit(key, measure, *visiting);
    });
    for (const auto* const base : bases_) {
        base->changed([visiting](const SeriesKey& key, const Measure* /*measure*/) {
            visiting->meter.visit(key, visiting->meter.window_.find(key), *visiting);
        });
    }
    if (!last_rows_) return;
    overdue_.clear();
    last_rows_->overdue(window_.span().head, overdue_);
    for (const auto& key : overdue_) visit(key, window_.find(key), scan);
}

/// A series of refunds or channel tests only had no request since it was empty.
void RowMeter::see_last(const SeriesKey& key, const Measure* measure) {
    if (measure == nullptr || measure->newest == 0) return;
    last_rows_->see(key, base::from_unix(measure->newest));
}

void RowMeter::visit(const SeriesKey& key, const Measure* measure, Scan& scan) {
    // Without a single request there is nothing that could be long ago.
    if (last_rows_ && !last_row(key, measure)) return;
    const bool everything = scan.all || keeps_keys_;
    if (!everything && bases_.empty()) {
        const auto value = value_in(window_, key, measure);
        if (!is_breached(value, rule_) && !(scan.known && scan.known(key))) return;
    }
    auto reading = reading_of(key, measure);
    if (!everything && !is_breached(reading.value, rule_) && !(scan.known && scan.known(key)))
        return;
    if (is_switched_on_again(key)) reading.oldest = window_.span().head;
    scan.out.push_back({key, reading});
}

/// A week without any row in the store does not count, nor does a base of which a part is not
/// mirrored: when that changes, which may be by time alone, the value of every series may.
bool RowMeter::bases_began_or_ended() {
    const bool usual = rule_.compare_to == Comparison::usual;
    bool changed = false;
    for (std::size_t i = 0; i < bases_.size(); ++i) {
        const auto& base = *bases_[i];
        const BaseState now{usual && base.size() == 0, base.begins_before_store()};
        changed = changed || base_states_[i] != now;
        base_states_[i] = now;
    }
    return changed;
}

Reading RowMeter::read(const SeriesKey& key, base::Second /*t*/) {
    return reading_of(key, window_.find(key));
}

std::optional<double> RowMeter::value_in(const Window& window, const SeriesKey& key,
                                         const Measure* measure) const {
    if (last_rows_ && &window == &window_) {
        const auto last = last_row(key, measure);
        if (!last) return std::nullopt;
        return static_cast<double>((window.span().head - *last).count());
    }
    return value_of(rule_.metric, measure, window.span(), names_.directory().quota_per_unit);
}

std::optional<base::Second> RowMeter::last_row(const SeriesKey& key, const Measure* measure) const {
    if (measure != nullptr && measure->newest != 0) return base::from_unix(measure->newest);
    return last_rows_->find(key);
}

Reading RowMeter::reading_of(const SeriesKey& key, const Measure* measure) const {
    Reading reading;
    reading.value = value_in(window_, key, measure);
    reading.requests = weight_of(rule_.metric, measure);
    reading.has_rows = measure != nullptr;
    if (measure != nullptr) reading.oldest = base::from_unix(measure->oldest);
    if (last_rows_) {
        reading.last_row = last_row(key, measure);
        reading.has_rows = measure != nullptr && measure->newest != 0;  // refunds are none here
    }
    if (bases_.empty()) return reading;
    reading.now = std::exchange(reading.value, std::nullopt);
    if (rule_.compare_to == Comparison::usual) {
        compare_with_usual(key, reading);
    } else {
        compare(key, reading);
    }
    if (reading.now && reading.base) {
        reading.value = change_in_percent(*reading.now, *reading.base);
    }
    return reading;
}

/// The base's value, where enough requests stand behind it and all of its time is mirrored: a part
/// of it is less than it was. Its rows are history of the series, and
/// of a drop they are what the value stands on.
std::optional<double> RowMeter::base_in(const Window& window, const SeriesKey& key,
                                        Reading& reading) const {
    if (window.begins_before_store()) return std::nullopt;
    const auto* const measure = window.find(key);
    if (measure != nullptr) {
        const auto oldest = base::from_unix(measure->oldest);
        reading.oldest = std::min(reading.oldest.value_or(oldest), oldest);
    }
    const auto weight = weight_of(rule_.metric, measure);
    if (weight < rule_.min_requests) return std::nullopt;
    if (rule_.below) reading.requests = std::max(reading.requests, weight);
    return value_in(window, key, measure);
}

void RowMeter::compare(const SeriesKey& key, Reading& reading) const {
    reading.base = base_in(*bases_.front(), key, reading);
}

void RowMeter::compare_with_usual(const SeriesKey& key, Reading& reading) const {
    weeks_.clear();
    for (const auto* const week : bases_) {
        if (week->size() == 0) continue;
        if (const auto value = base_in(*week, key, reading)) weeks_.push_back(*value);
    }
    const auto usual = usual_of(weeks_);
    if (!usual) return;
    reading.base = usual->median;
    reading.unusual = reading.now && std::abs(*reading.now - usual->median) > usual->spread;
}

bool RowMeter::chooses(const SeriesKey& key) {
    return window_.filter().chooses(key, rule_.by);
}

std::optional<base::Second> RowMeter::period(base::Second t) const {
    if (!rule_.window.is_calendar()) return std::nullopt;
    return window_.spec().at(t).tail + std::chrono::seconds{1};
}

void RowMeter::forget_remembered() {
    if (last_rows_) last_rows_->forget_all();
    looked_.reset();  // those in the window are met again
}

void RowMeter::recall(const SeriesKey& key, base::Second last_row) {
    if (!last_rows_) return;
    const auto known = last_rows_->find(key);
    if (!known || *known < last_row) last_rows_->see(key, last_row);
}

}  // namespace quotafuse::alerts
