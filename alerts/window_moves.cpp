#include <algorithm>
#include <cstdlib>
#include <utility>

#include "alerts/window_record.h"
#include "alerts/window_set_impl.h"
#include "sync/tally.h"

// How windows move: what enters and leaves, what is filled, and what is made ready ahead of time.

namespace quotafuse::alerts {
namespace {

using base::unix_seconds;

constexpr std::size_t kFewRows = 500;

}  // namespace

/// Says where a window is to be. Where little of what is in it stays, it is filled anew.
void WindowSet::Impl::place(Member& member, Span span) {
    auto& window = *member.window;
    if (span == window.span_) return;
    const auto next = std::move(member.next);
    if (window.overflowed_) {
        const auto stood = span.head - window.high_;
        const bool again = stood >= retry_after(window.spec_.frame) || stood < base::Seconds{0};
        if (again) window.reset(span);
        return;
    }
    if (next && next->window->span_ == span && next->window->is_full()) {
        window.swap_rows(*next->window);
        return;
    }
    const bool back = span.head < window.span_.head || span.tail < window.span_.tail;
    const bool apart = span.tail >= window.high_;
    const bool far = span.head - window.high_ > kLongestMove;
    if (window.waits_ || back || apart || far) {
        window.reset(span);
    } else {
        window.span_ = span;
        window.highest_.clear();
    }
}

void WindowSet::Impl::add_to_edge(base::Second after, base::Second until, Member& member) {
    for (std::size_t i = 0; i < edge_count; ++i) {
        if (edges[i].after != after || edges[i].until != until) continue;
        edges[i].members.push_back(&member);
        return;
    }
    if (edge_count == edges.size()) edges.emplace_back();
    auto& edge = edges[edge_count++];
    edge.after = after;
    edge.until = until;
    edge.members.assign(1, &member);
}

/// Lets rows enter at the heads, some seconds of each; true when there is more to do.
bool WindowSet::Impl::move_heads() {
    edge_count = 0;
    bool more = false;
    for (const auto& member : members) {
        const auto& window = *member->window;
        if (window.rests() || window.high_ >= window.span_.head) continue;
        const auto until = std::min(window.span_.head, window.high_ + kStep);
        more = more || until < window.span_.head;
        add_to_edge(window.high_, until, *member);
    }
    for (std::size_t i = 0; i < edge_count; ++i) {
        const auto& edge = edges[i];
        read(edge.after, edge.until, [&](const sync::Row& row) { apply(row, edge.members, 1); });
        for (const auto* const member : edge.members) member->window->high_ = edge.until;
    }
    return more;
}

/// Lets rows leave at the tails.
bool WindowSet::Impl::move_tails() {
    edge_count = 0;
    bool more = false;
    for (const auto& member : members) {
        const auto& window = *member->window;
        if (window.rests() || window.low_ >= window.span_.tail) continue;
        const auto until = std::min(window.span_.tail, window.low_ + kStep);
        more = more || until < window.span_.tail;
        add_to_edge(window.low_, until, *member);
    }
    for (std::size_t i = 0; i < edge_count; ++i) {
        const auto& edge = edges[i];
        read(edge.after, edge.until, [&](const sync::Row& row) { apply(row, edge.members, -1); });
        for (const auto* const member : edge.members) member->window->low_ = edge.until;
    }
    return more;
}

/// Takes one step back in time with the windows that lack rows: those that have come least far,
/// which are the ones that lack the newest. Only such that lack no more than `most`; false when
/// there is none.
bool WindowSet::Impl::fill(std::chrono::seconds most, const Visit* visit) {
    const auto lacks = [&](const Member& member) {
        const auto& window = *member.window;
        return !window.rests() && window.low_ > window.span_.tail &&
               window.low_ - window.span_.tail <= most;
    };
    std::optional<base::Second> until;
    for (const auto& member : members) {
        if (lacks(*member))
            until = std::max(until.value_or(base::Second::min()), member->window->low_);
    }
    if (!until) return false;
    // Not past where another one waits to be taken along, nor past the end of one.
    auto after = *until - reading;
    some.clear();
    for (const auto& member : members) {
        if (!lacks(*member)) continue;
        const bool along = member->window->low_ == *until;
        after = std::max(after, along ? member->window->span_.tail : member->window->low_);
        if (along) some.push_back(member.get());
    }
    read_batch(after, *until);
    for (const auto& row : batch) {
        if (visit != nullptr && row.created_at <= unix_seconds(visited_low)) (*visit)(row);
        apply(row, some, 1);
    }
    for (const auto* const member : some) member->window->low_ = after;
    if (visit != nullptr) visited_low = std::min(visited_low, after);
    reading = std::clamp(batch.size() < kFewRows ? reading * 2 : reading / 2,
                         std::chrono::seconds{1}, 2 * kStep);
    give_up();
    return true;
}

/// Takes one step towards having a window of weeks ago ready for the next hour; false when it is,
/// or there is nothing to prepare. At the hour what is not ready is done at once, so that a value
/// never hangs on how far this came.
bool WindowSet::Impl::prepare(Member& member) {
    const auto ahead = next_span(*member.window);
    if (!ahead) return false;
    const auto span = *ahead;
    if (!member.next || member.next->window->span_ != span) {
        member.next = copy_of(member);
        member.next->window->span_ = span;
        return true;
    }
    auto& next = *member.next->window;
    const bool leads = next.high_ < span.head;
    if (!leads && next.low_ >= span.tail) return false;
    const auto from = leads ? next.high_ : next.low_;
    const auto to = std::min(from + kStep, leads ? span.head : span.tail);
    read_batch(from, to);
    some.assign(1, member.next.get());
    for (const auto& row : batch) apply(row, some, leads ? 1 : -1);
    (leads ? next.high_ : next.low_) = to;
    return true;
}

std::unique_ptr<WindowSet::Impl::Member> WindowSet::Impl::copy_of(const Member& member) {
    const auto& window = *member.window;
    auto copy = std::make_unique<Member>(Member{nullptr, member.choice, member.grouping});
    copy->own = std::make_unique<Window>(window.spec_, window.parts_, member.choice->filter,
                                         member.grouping->keys);
    copy->window = copy->own.get();
    if (!copy->window->decode(window.encode({}))) std::abort();
    copy->window->settle();
    return copy;
}

void WindowSet::Impl::read_batch(base::Second after, base::Second until) {
    batch.clear();
    reader.read(unix_seconds(after), unix_seconds(until),
                [&](const sync::Row& row) { batch.push_back(row); });
}

bool WindowSet::Impl::prepare_next() {
    return std::any_of(members.begin(), members.end(),
                       [&](const auto& member) { return prepare(*member); });
}

/// Of all windows; what is read is whole before any of it is applied, so that a failure leaves each
/// window with the rows that it says it has.
void WindowSet::Impl::read(base::Second after, base::Second until, const RowCache::Visit& visit) {
    cache.each(unix_seconds(after), unix_seconds(until), visit);
}

void WindowSet::Impl::apply(const sync::Row& row, const std::vector<Member*>& to, int sign) {
    const auto tally = sync::tally_of(row, texts);
    if (!tally) return;
    const auto plain = sums_of(*tally);
    ++rows;
    targets.clear();
    for (const auto* const member : to) {
        auto& window = *member->window;
        auto& choice = *member->choice;
        if (choice.row != rows) {
            choice.row = rows;
            choice.counts = plain;
            choice.chosen = choice.filter.count(row, *tally, choice.counts);
        }
        if (!choice.chosen || window.overflowed_) continue;
        auto& grouping = *member->grouping;
        if (grouping.row != rows) {
            grouping.row = rows;
            grouping.slot = slot_of(grouping, row, sign);
        }
        window.prefetch(grouping.slot);
        targets.push_back({&window, &choice.counts, grouping.slot});
    }
    // In a second pass, because what it needs is on its way from memory by then.
    for (const auto& target : targets) {
        if (sign > 0) {
            target.window->enter(row, *target.counts, target.slot);
        } else {
            target.window->leave(row, *target.counts, target.slot);
        }
    }
}

/// Whose rows this one is among, or would be.
void WindowSet::Impl::collect_holders(const sync::Row& row) {
    some.clear();
    for (const auto& member : members) {
        if (member->window->holds(row.created_at)) some.push_back(member.get());
        if (member->next && member->next->window->holds(row.created_at)) {
            some.push_back(member->next.get());
        }
    }
}

/// Remembers by what a channel's rows are grouped.
void WindowSet::Impl::meet(Grouping& grouping, std::int64_t channel) const {
    if (!grouping.by_directory) return;
    const auto known = directory.channels.find(channel);
    grouping.asked.try_emplace(
        channel, known == directory.channels.end() ? sync::Directory::Channel{} : known->second);
}

KeyTable::Slot WindowSet::Impl::slot_of(Grouping& grouping, const sync::Row& row, int sign) {
    meet(grouping, row.channel);
    const auto key = key_of(row, grouping.keys.by(), directory);
    return sign > 0 ? grouping.keys.add(key) : grouping.keys.find(key);
}

void WindowSet::Impl::give_up() {
    for (const auto& member : members) {
        if (member->window->overflowed_) member->window->give_up();
    }
}

/// Whether fill() or prepare() has something to do.
bool WindowSet::Impl::has_more() const {
    return std::any_of(members.begin(), members.end(), [&](const auto& member) {
        const auto& window = *member->window;
        if (window.rests()) return false;
        return !window.is_full() || (member->next && !member->next->window->is_full()) ||
               (!member->next && next_span(window));
    });
}

/// Where a window of weeks ago will be in the next hour; empty for others, and where little of what
/// is in it will stay.
std::optional<Span> WindowSet::Impl::next_span(const Window& window) const {
    const auto& spec = window.spec_;
    if (spec.base != Comparison::usual || !window.is_full() || window.overflowed_) {
        return std::nullopt;
    }
    const auto hour = std::chrono::floor<std::chrono::hours>(time - spec.delay);
    const auto span = spec.at(hour + std::chrono::hours{1} + spec.delay);
    const bool apart =
        span.tail >= window.high_ || span.head < window.high_ || span.tail < window.low_;
    if (apart || span == window.span_) return std::nullopt;
    return span;
}

}  // namespace quotafuse::alerts
