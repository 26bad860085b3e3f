#include "alerts/window.h"

#include <algorithm>

namespace quotafuse::alerts {

WindowSpec window_of(const Rule& rule) {
    return {rule.where, counts_attempts(rule.metric), rule.by, rule.window, delay_of(rule)};
}

Window::Window(WindowSpec spec, const sync::Texts& texts)
    : spec_(std::move(spec)), filter_(spec_.where, spec_.of_attempts, texts) {}

void Window::reset(base::Second head) {
    touch_all();
    series_.clear();
    overflowed_ = false;
    head_ = head;
}

void Window::feed(const sync::Row& row) {
    if (holds(row)) enter(row);
}

void Window::forget(const sync::Row& row) {
    if (holds(row)) leave(row);
}

bool Window::holds(const sync::Row& row) const {
    const auto created = base::from_unix(row.created_at);
    return created > tail() && created <= head_;
}

void Window::enter(const sync::Row& row) {
    const auto counts = filter_.count(row);
    if (!counts || overflowed_) return;
    const auto key = key_of(row, spec_.by);
    auto& series = series_.try_emplace(key, Series{{}, row.created_at}).first->second;
    series.sums += *counts;
    series.oldest = std::min(series.oldest, row.created_at);
    changed_.insert(key);
    if (series_.size() > kMostSeries) give_up();
}

void Window::leave(const sync::Row& row) {
    const auto counts = filter_.count(row);
    if (!counts || overflowed_) return;
    const auto key = key_of(row, spec_.by);
    const auto at = series_.find(key);
    if (at == series_.end()) return;
    at->second.sums -= *counts;
    changed_.insert(key);
    if (at->second.sums.rows == 0) series_.erase(at);
}

void Window::give_up() {
    overflowed_ = true;
    series_.clear();
    changed_.clear();
}

Sums Window::sums(const SeriesKey& key) const {
    const auto* const series = find(key);
    return series == nullptr ? Sums{} : series->sums;
}

const Window::Series* Window::find(const SeriesKey& key) const {
    const auto at = series_.find(key);
    return at == series_.end() ? nullptr : &at->second;
}

void Window::touch_all() {
    for (const auto& [key, series] : series_) changed_.insert(key);
}

Window& WindowSet::share(const WindowSpec& spec) {
    for (const auto& window : windows_) {
        if (window->spec() == spec) return *window;
    }
    return *windows_.emplace_back(std::make_unique<Window>(spec, store_.texts()));
}

void WindowSet::warm_up(base::Second t, const Visit& visit) {
    auto oldest = t;
    for (const auto& window : windows_) {
        window->reset(t - window->spec().delay);
        oldest = std::min(oldest, window->tail());
    }
    store_.read(base::unix_seconds(oldest), base::unix_seconds(t), [&](const sync::Row& row) {
        visit(row);
        feed(row);
    });
}

void WindowSet::feed(const sync::Row& row) {
    for (const auto& window : windows_) window->feed(row);
}

void WindowSet::forget(const sync::Row& row) {
    for (const auto& window : windows_) window->forget(row);
}

void WindowSet::advance(base::Second t, const Visit& visit) {
    // Rows enter before they leave: a step longer than a window takes the same rows through both.
    const auto leading = edges(t, false);
    const auto trailing = edges(t, true);
    for (const auto& edge : leading) {
        store_.read(edge.after, edge.until, [&](const sync::Row& row) {
            visit(row);
            for (auto* const window : edge.windows) window->enter(row);
        });
    }
    for (const auto& edge : trailing) {
        store_.read(edge.after, edge.until, [&](const sync::Row& row) {
            for (auto* const window : edge.windows) window->leave(row);
        });
    }
    for (const auto& window : windows_) window->head_ = t - window->spec().delay;
}

std::vector<WindowSet::Edge> WindowSet::edges(base::Second t, bool trailing) const {
    std::vector<Edge> edges;
    for (const auto& window : windows_) {
        const auto behind = trailing ? window->spec().length : std::chrono::seconds{0};
        const auto after = base::unix_seconds(window->head() - behind);
        const auto until = base::unix_seconds(t - window->spec().delay - behind);
        if (until <= after) continue;
        const auto at = std::find_if(edges.begin(), edges.end(), [&](const Edge& edge) {
            return edge.after == after && edge.until == until;
        });
        auto& edge = at != edges.end() ? *at : edges.emplace_back(Edge{after, until, {}});
        edge.windows.push_back(window.get());
    }
    return edges;
}

void WindowSet::rebuild(Window& window) {
    window.reset(window.head());
    store_.read(base::unix_seconds(window.tail()), base::unix_seconds(window.head()),
                [&](const sync::Row& row) { window.enter(row); });
    window.touch_all();
}

}  // namespace quotafuse::alerts
