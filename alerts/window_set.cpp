#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>

#include <SQLiteCpp/Exception.h>

#include "alerts/window.h"
#include "alerts/window_record.h"
#include "alerts/window_set_impl.h"

namespace quotafuse::alerts {
namespace {

using base::unix_seconds;

/// What lacks no more than this is filled at once.
constexpr std::chrono::seconds kFilledAtOnce{60};
constexpr std::chrono::seconds kShortestRecorded{900};

bool is_by_directory(const std::vector<Dimension>& by) {
    return std::any_of(by.begin(), by.end(), [](Dimension dimension) {
        return dimension == Dimension::provider || dimension == Dimension::tag;
    });
}

/// CPU time of this thread.
std::chrono::nanoseconds cpu_time() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

}  // namespace

WindowSet::Impl::Choice& WindowSet::Impl::choice_of(const WindowSpec& spec) {
    for (const auto& choice : choices) {
        if (choice->where == spec.where && choice->errors_when == spec.errors_when &&
            choice->of_attempts == spec.of_attempts) {
            return *choice;
        }
    }
    auto& choice = *choices.emplace_back(std::make_unique<Choice>(
        Choice{spec.where, spec.errors_when, spec.of_attempts,
               Filter{spec.where, spec.errors_when, spec.of_attempts, texts}}));
    choice.filter.use(directory);
    return choice;
}

WindowSet::Impl::Grouping& WindowSet::Impl::grouping_of(const WindowSpec& spec) {
    for (const auto& grouping : groupings) {
        if (grouping->keys.by() == spec.by) return *grouping;
    }
    return *groupings.emplace_back(
        std::make_unique<Grouping>(Grouping{KeyTable{spec.by}, is_by_directory(spec.by)}));
}

/// Sets an empty window to the engine time.
void WindowSet::Impl::begin(Member& member) {
    auto& window = *member.window;
    member.next.reset();
    member.hurries = false;
    window.first_row_ = first_row;
    window.waits_ = member.needs_names() && !directory.known;
    window.reset(window.motion_.at(time));
}

/// Up to where rows are visited when the engine time is t.
base::Second WindowSet::Impl::visited_at(base::Second t) const {
    std::optional<std::chrono::seconds> least;
    for (const auto& member : members) {
        const auto& spec = member->window->spec_;
        if (spec.base != Comparison::none) continue;
        least = std::min(least.value_or(spec.delay), spec.delay);
    }
    return t - least.value_or(std::chrono::seconds{0});
}

/// Whether a row would come to be in another series than it is in.
bool WindowSet::Impl::groups_otherwise(const Grouping& grouping) const {
    return std::any_of(grouping.asked.begin(), grouping.asked.end(), [&](const auto& one) {
        const auto known = directory.channels.find(one.first);
        const auto channel =
            known == directory.channels.end() ? sync::Directory::Channel{} : known->second;
        return channel.provider != one.second.provider || channel.tag != one.second.tag;
    });
}

void WindowSet::Impl::take_over(Member& member, const WindowRecord& record) {
    auto& window = *member.window;
    const auto span = window.span_;
    const auto head = window.decode(record.bytes);
    const auto kept_since = reader.kept_since();
    // Rows that were deleted since nobody would ever take out of it again.
    const bool fits =
        head && window.low_ <= span.tail && window.high_ <= span.head && window.high_ > span.tail &&
        span.head - window.high_ <= kLongestMove &&
        (unix_seconds(window.low_) + 1 >= kept_since || head->kept_since == kept_since);
    if (!fits) {
        window.reset(span);
        return;
    }
    window.span_ = span;
    for (const auto channel : head->channels) {
        member.choice->filter.meet(channel);
        meet(*member.grouping, channel);
    }
    some.assign(1, &member);
    reader.read_late(unix_seconds(window.low_), unix_seconds(window.high_),
                     unix_seconds(record.seen), [&](const sync::Row& row) { apply(row, some, 1); });
}

RecordHead WindowSet::Impl::head_of(const Member& member, std::int64_t kept_since) const {
    RecordHead head;
    head.kept_since = kept_since;
    head.channels = member.choice->filter.met();
    for (const auto& [channel, said] : member.grouping->asked) head.channels.push_back(channel);
    std::ranges::sort(head.channels);
    auto& channels = head.channels;
    channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
    return head;
}

/// For RecordHead.
std::int64_t WindowSet::Impl::kept_since() const {
    const auto kept = reader.kept_since();
    bool some_left = false;
    try {
        if (kept > 0) reader.read(kept - 2, kept - 1, [&](const sync::Row&) { some_left = true; });
    } catch (const SQLite::Exception&) {
        some_left = true;  // who knows; records are worth having all the same
    }
    return some_left ? -1 : kept;
}

WindowSet::WindowSet(sync::RowReader& reader, std::size_t rows_kept)
    : impl_(std::make_unique<Impl>(reader, rows_kept)) {}

WindowSet::~WindowSet() = default;

Window& WindowSet::share(const WindowSpec& spec, const Parts& parts) {
    for (const auto& member : impl_->members) {
        auto& window = *member->window;
        if (window.spec_ != spec) continue;
        auto all = window.parts_;
        all |= parts;
        if (all == window.parts_) return window;
        window.parts_ = all;
        if (impl_->started) impl_->begin(*member);
        return window;
    }
    auto& choice = impl_->choice_of(spec);
    auto& grouping = impl_->grouping_of(spec);
    auto& window =
        *windows_.emplace_back(std::make_unique<Window>(spec, parts, choice.filter, grouping.keys));
    auto& member = *impl_->members.emplace_back(
        std::make_unique<Impl::Member>(Impl::Member{&window, &choice, &grouping}));
    if (impl_->started) impl_->begin(member);
    return window;
}

void WindowSet::start(base::Second t, const std::vector<WindowRecord>& records) {
    auto& all = *impl_;
    all.started = true;
    all.time = t;
    all.cache.clear();
    const auto kept = all.reader.kept_since();
    all.note_first_row(kept > 0 ? kept : all.reader.first_row());
    all.visited = all.visited_low = all.visited_at(t);
    for (const auto& member : all.members) {
        all.begin(*member);
        if (records.empty() || member->window->waits_) continue;
        const auto spec = record_hash(*member->window, all.directory);
        const auto fitting =
            std::find_if(records.begin(), records.end(),
                         [&](const WindowRecord& record) { return record.spec == spec; });
        if (fitting != records.end()) all.take_over(*member, *fitting);
    }
    while (all.move_heads()) all.cache.trim();
    while (all.move_tails()) all.cache.trim();
    all.give_up();
}

bool WindowSet::warm_up(std::chrono::milliseconds budget, const Visit& visit) {
    const auto deadline = cpu_time() + budget;
    bool more = true;
    do {
        more = impl_->fill(std::chrono::seconds::max(), &visit) || impl_->prepare_next();
    } while (more && cpu_time() < deadline);
    return more && impl_->has_more();
}

std::vector<WindowRecord> WindowSet::records(base::Second seen) const {
    std::vector<WindowRecord> records;
    const auto kept_since = impl_->kept_since();
    for (const auto& member : impl_->members) {
        const auto& window = *member->window;
        const bool whole = window.is_full() && !window.overflowed_;
        if (!whole || longest(window.spec_.frame) < kShortestRecorded) continue;
        records.push_back({record_hash(window, impl_->directory), window.high_, seen,
                           window.encode(impl_->head_of(*member, kept_since))});
    }
    return records;
}

void WindowSet::feed(const sync::Row& row) {
    auto& all = *impl_;
    all.cache.feed(row);
    if (row.created_at < all.first_row.value_or(row.created_at + 1)) {
        all.note_first_row(row.created_at);
    }
    all.collect_holders(row);
    if (all.some.empty()) return;
    all.apply(row, all.some, 1);
    all.give_up();
}

void WindowSet::forget(const sync::Row& row) {
    auto& all = *impl_;
    all.cache.forget(row);
    const auto kept = all.reader.kept_since();
    if (all.first_row && kept > *all.first_row) all.note_first_row(kept);
    all.collect_holders(row);
    if (!all.some.empty()) all.apply(row, all.some, -1);
}

void WindowSet::advance(base::Second t, const Visit& visit) {
    auto& all = *impl_;
    all.time = t;
    for (const auto& member : all.members) all.place(*member, member->window->motion_.at(t));
    // Rows enter before they leave: of a window that is shorter than the step they do both.
    while (all.move_heads()) all.cache.trim();
    while (all.move_tails()) all.cache.trim();
    while (all.fill(kFilledAtOnce, nullptr)) {
    }
    all.give_up();
    const auto visited = all.visited_at(t);
    if (visited - all.visited <= Impl::kLongestMove) {
        for (auto from = all.visited; from < visited;
             from = std::min(from + Impl::kStep, visited)) {
            all.read(from, std::min(from + Impl::kStep, visited), visit);
        }
    }
    all.visited = visited;
    all.cache.trim();
}

void WindowSet::use(const sync::Directory& directory) {
    auto& all = *impl_;
    if (directory.known == all.directory.known && directory.channels == all.directory.channels) {
        return;
    }
    all.directory.known = directory.known;
    all.directory.channels = directory.channels;
    std::vector<const Filter*> choose_others;
    for (const auto& choice : all.choices) {
        if (choice->filter.use(all.directory)) choose_others.push_back(&choice->filter);
    }
    std::vector<const KeyTable*> group_otherwise;
    for (const auto& grouping : all.groupings) {
        if (!all.groups_otherwise(*grouping)) continue;
        grouping->asked.clear();
        group_otherwise.push_back(&grouping->keys);
    }
    const auto contains = [](const auto& list, const auto* what) {
        return std::find(list.begin(), list.end(), what) != list.end();
    };
    for (const auto& member : all.members) {
        const bool stale = member->window->waits_ != (member->needs_names() && !directory.known) ||
                           contains(choose_others, &member->choice->filter) ||
                           contains(group_otherwise, &member->grouping->keys);
        if (stale && all.started) all.begin(*member);
    }
}

void WindowSet::settle() {
    for (const auto& window : windows_) window->settle();
}

}  // namespace quotafuse::alerts
