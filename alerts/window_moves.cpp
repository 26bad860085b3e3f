#include <algorithm>
#include <utility>

#include "alerts/window_record.h"
#include "alerts/window_set_impl.h"
#include "sync/tally.h"

// How windows move: what enters and leaves, what is filled, and what is made ready ahead of time.

namespace quotafuse::alerts {
namespace {

using base::unix_seconds;

constexpr std::size_t kFewRows = 500;
constexpr std::chrono::hours kHour{1};

bool moves_by_hour(const WindowSpec& spec) {
    return spec.base == Comparison::usual && !spec.frame.is_calendar();
}

}  // namespace

/// Says where a window is to be. Where little of what is in it stays, it is filled anew.
void WindowSet::Impl::place(Member& member, Span span) {
    auto& window = *member.window;
    if (span == window.span_) return;
    const auto next = std::move(member.next);
    const auto moved = span.head - window.span_.head;
    member.hurries = moves_by_hour(window.spec_) && window.is_full() && !window.overflowed_ &&
                     moved > base::Seconds{0} && moved <= kHour;
    if (window.overflowed_) {
        const auto stood = span.head - window.high_;
        const bool again = stood >= retry_after(window.spec_.frame) || stood < base::Seconds{0};
        if (again) window.reset(span);
        return;
    }
    if (next && next->window->span_ == span) {
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
               (member.hurries || window.low_ - window.span_.tail <= most);
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
/// or there is nothing to prepare.
bool WindowSet::Impl::prepare(Member& member) {
    const auto ahead = next_span(*member.window);
    if (!ahead) return false;
    const auto span = *ahead;
    const auto& now = *member.window;
    if (!member.next || member.next->window->span_ != span) {
        const bool apart = span.tail >= now.high_ || span.head < now.high_ || span.tail < now.low_;
        member.next = apart ? nullptr : copy_of(member);
        const bool copied = member.next != nullptr;
        if (!copied) member.next = empty_like(member);
        auto& next = *member.next->window;
        next.span_ = span;
        if (!copied) next.low_ = next.high_ = span.head;
        return true;
    }
    auto& next = *member.next->window;
    if (next.overflowed_) return false;
    some.assign(1, member.next.get());
    if (next.high_ < span.head) {
        const auto to = std::min(next.high_ + kStep, span.head);
        apply_between(next.high_, to, 1);
        next.high_ = to;
    } else if (next.low_ < span.tail) {
        const auto to = std::min(next.low_ + kStep, span.tail);
        apply_between(next.low_, to, -1);
        next.low_ = to;
    } else if (next.low_ > span.tail) {
        const auto from = std::max(next.low_ - kStep, span.tail);
        apply_between(from, next.low_, 1);
        next.low_ = from;
    } else {
        return false;
    }
    return true;
}

/// To `some`; nothing when reading fails.
void WindowSet::Impl::apply_between(base::Second after, base::Second until, int sign) {
    read_batch(after, until);
    for (const auto& row : batch) apply(row, some, sign);
}

std::unique_ptr<WindowSet::Impl::Member> WindowSet::Impl::empty_like(const Member& member) {
    const auto& window = *member.window;
    auto like = std::make_unique<Member>(Member{nullptr, member.choice, member.grouping});
    like->own = std::make_unique<Window>(window.spec_, window.parts_, member.choice->filter,
                                         member.grouping->keys);
    like->window = like->own.get();
    return like;
}

/// Null where what is in it does not add up: it is read anew then.
std::unique_ptr<WindowSet::Impl::Member> WindowSet::Impl::copy_of(const Member& member) {
    const auto& window = *member.window;
    auto copy = empty_like(member);
    if (!copy->window->decode(window.encode({}))) return nullptr;
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

void WindowSet::Impl::note_first_row(std::optional<std::int64_t> created) {
    first_row = created;
    for (const auto& member : members) member->window->first_row_ = created;
}

/// Where a window of weeks ago will be in the next hour; empty for others.
std::optional<Span> WindowSet::Impl::next_span(const Window& window) const {
    const auto& spec = window.spec_;
    if (!moves_by_hour(spec) || !window.is_full() || window.overflowed_) return std::nullopt;
    const auto hour = std::chrono::floor<std::chrono::hours>(time - spec.delay);
    const auto span = spec.at(hour + kHour + spec.delay);
    return span == window.span_ ? std::nullopt : std::optional{span};
}

}  // namespace quotafuse::alerts
