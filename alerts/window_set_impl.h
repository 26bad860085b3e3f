#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "alerts/row_cache.h"
#include "alerts/window.h"
#include "sync/directory.h"
#include "sync/row_reader.h"

namespace quotafuse::alerts {

/// Rows are tallied once for all windows; what a filter says of a row, and its key by a grouping,
/// are found once for all windows that have the same.
struct WindowSet::Impl {
    /// So much is read and applied at once, and through the cache.
    static constexpr std::chrono::seconds kStep{60};
    /// A window that has to be moved further is filled anew. The clock that goes forward moves a
    /// window of weeks ago by two hours.
    static constexpr std::chrono::hours kLongestMove{3};

    struct Choice {
        Where where;
        std::optional<ErrorsWhen> errors_when;
        bool of_attempts;
        Filter filter;
        std::uint64_t row = 0;  // of which the following holds
        bool chosen = false;
        Sums counts{};
    };
    struct Grouping {
        KeyTable keys;
        bool by_directory;
        /// Providers and tags by which rows were grouped.
        std::unordered_map<std::int64_t, sync::Directory::Channel> asked{};
        std::uint64_t row = 0;  // of which the following holds
        KeyTable::Slot slot = KeyTable::kNone;
    };
    struct Member {
        Window* window;
        Choice* choice;
        Grouping* grouping;
        /// Of a window of weeks ago, which moves once an hour: the same an hour later, made ready
        /// while that hour lasts. Null until it is begun.
        std::unique_ptr<Member> next{};
        /// It was full until the hour: what it lacks is filled at once, or its values would hang
        /// on how far `next` had come.
        bool hurries = false;
        std::unique_ptr<Window> own{};  // of a `next`
        bool needs_names() const { return choice->filter.needs_names() || grouping->by_directory; }
    };
    /// A series that a row enters or leaves.
    struct Target {
        Window* window;
        const Sums* counts;
        KeyTable::Slot slot;
    };
    /// Rows that enter or leave some windows: those with after < created_at ≤ until.
    struct Edge {
        base::Second after;
        base::Second until;
        std::vector<Member*> members;
    };

    Impl(sync::RowReader& from, std::size_t rows_kept)
        : reader(from), texts(from.texts()), cache(from, rows_kept) {}

    Choice& choice_of(const WindowSpec& spec);
    Grouping& grouping_of(const WindowSpec& spec);
    void begin(Member& member);
    void place(Member& member, Span span);
    bool prepare(Member& member);
    bool prepare_next();
    static std::unique_ptr<Member> copy_of(const Member& member);
    static std::unique_ptr<Member> empty_like(const Member& member);
    void note_first_row(std::optional<std::int64_t> created);
    void read_batch(base::Second after, base::Second until);
    void apply_between(base::Second after, base::Second until, int sign);
    void collect_holders(const sync::Row& row);
    bool move_heads();
    bool move_tails();
    bool fill(std::chrono::seconds most, const Visit* visit);
    bool groups_otherwise(const Grouping& grouping) const;
    void take_over(Member& member, const WindowRecord& record);
    RecordHead head_of(const Member& member, std::int64_t kept_since) const;
    std::int64_t kept_since() const;
    void meet(Grouping& grouping, std::int64_t channel) const;
    void add_to_edge(base::Second after, base::Second until, Member& member);
    void apply(const sync::Row& row, const std::vector<Member*>& members, int sign);
    KeyTable::Slot slot_of(Grouping& grouping, const sync::Row& row, int sign);
    void read(base::Second after, base::Second until, const RowCache::Visit& visit);
    void give_up();
    bool has_more() const;
    std::optional<Span> next_span(const Window& window) const;
    base::Second visited_at(base::Second t) const;

    sync::RowReader& reader;
    const sync::Texts& texts;
    sync::Directory directory;  // of channels only
    RowCache cache;
    std::vector<std::unique_ptr<Choice>> choices;
    std::vector<std::unique_ptr<Grouping>> groupings;
    std::vector<std::unique_ptr<Member>> members;
    bool started = false;
    base::Second time{};
    base::Second visited{};                 // rows up to there were visited when they entered …
    base::Second visited_low{};             // … and those after it while windows were filled
    std::chrono::seconds reading{kStep};    // so much is read at once to fill windows
    std::uint64_t rows = 0;                 // applied
    std::optional<std::int64_t> first_row;  // every row since then is stored

    std::vector<Edge> edges;  // scratch; the first edge_count count
    std::size_t edge_count = 0;
    std::vector<Member*> some;     // scratch
    std::vector<sync::Row> batch;  // scratch
    std::vector<Target> targets;   // scratch
};

}  // namespace quotafuse::alerts
