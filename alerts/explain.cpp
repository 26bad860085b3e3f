#include "alerts/explain.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "alerts/breakdown.h"
#include "alerts/window.h"

namespace quotafuse::alerts {
namespace {

/// In eighths of reading a row: what it costs to read one, to let a rule look at it, to count it by
/// ten dimensions, and to ask the store at all.
constexpr std::size_t kReadCost = 8;
constexpr std::size_t kLookCost = 1;
constexpr std::size_t kCountCost = 3;
constexpr std::size_t kAskCost = 80;
constexpr std::size_t kMostCost = kMostRowsExplained * kReadCost;

/// Rows of one span that one rule wants.
struct Stretch {
    Breakdown* rows = nullptr;
    bool before = false;  // of the window that the rule's is compared with
    std::int64_t tail = 0;
    std::int64_t head = 0;
    std::size_t seen = 0;
    bool whole = false;
};

/// Reads what several stretches want, once and backwards, until all have it or it has cost enough.
class Descent {
public:
    Descent(sync::RowReader& reader, std::vector<Stretch>& stretches)
        : reader_(reader), stretches_(stretches) {}

    void run() {
        for (const auto& stretch : stretches_) until_ = std::max(until_, stretch.head);
        for (std::int64_t length = 1; cost_ < kMostCost && find_wanted();) length = read(length);
        for (auto& stretch : stretches_) {
            stretch.whole = stretch.tail >= std::min(stretch.head, until_);
        }
    }

private:
    /// Those that want the rows of until_, which falls over what none of them wants; false at the
    /// end. One set of them wants all rows down to floor_.
    bool find_wanted() {
        wanted_.clear();
        auto next = INT64_MIN;
        auto floor = INT64_MIN;
        for (auto& stretch : stretches_) {
            if (stretch.tail >= std::min(stretch.head, until_)) continue;
            if (stretch.head < until_) {
                next = std::max(next, stretch.head);
            } else {
                wanted_.push_back(&stretch);
                floor = std::max(floor, stretch.tail);
            }
        }
        floor_ = std::max(floor, next);
        if (!wanted_.empty() || next == INT64_MIN) return !wanted_.empty();
        until_ = next;
        return find_wanted();
    }

    /// One slice of at most `length`; the length of the next one.
    std::int64_t read(std::int64_t length) {
        const auto cost_of_row = kReadCost + kLookCost * wanted_.size();
        const auto left = (kMostCost - cost_) / cost_of_row + 1;
        const auto after = std::max(until_ - length, floor_);
        const auto seconds = until_ - after;
        cost_ += kAskCost;
        if (!read(after, seconds > 1 ? std::max(left / 8, kFewRows) : left)) {
            cost_ += seconds > 1 ? rows_.size() * kReadCost : kMostCost;
            return std::max<std::int64_t>(seconds / 8, 1);
        }
        for (auto* const one : wanted_) {
            one->seen += rows_.size();
            for (const auto& row : rows_) {
                if (one->rows->add(row, one->before)) cost_ += kCountCost;
            }
        }
        cost_ += rows_.size() * cost_of_row;
        until_ = after;
        if (rows_.size() > left / 16) return std::max<std::int64_t>(seconds / 2, 1);
        return rows_.size() > left / 32 ? seconds : seconds * 2;
    }

    /// The rows after `after`. False where there are more than `most`: from one slice to the next
    /// rows may begin to lie a thousand times closer, as in the evening before a quiet night.
    bool read(std::int64_t after, std::size_t most) {
        struct TooMany {};
        rows_.clear();
        try {
            reader_.read(after, until_, [&](const sync::Row& row) {
                if (rows_.size() == most) throw TooMany{};
                rows_.push_back(row);
            });
        } catch (const TooMany&) {
            return false;
        }
        return true;
    }

    static constexpr std::size_t kFewRows = 64;

    sync::RowReader& reader_;
    std::vector<Stretch>& stretches_;
    std::int64_t until_ = INT64_MIN;
    std::int64_t floor_ = INT64_MIN;
    std::vector<Stretch*> wanted_;
    std::vector<sync::Row> rows_;
    std::size_t cost_ = 0;
};

/// A notice that is asked about, and the series that it is of.
struct Asked {
    Notice* notice = nullptr;
    const Question* question = nullptr;
};

std::vector<Asked> asked_of(const std::vector<Question>& questions, std::vector<Notice>& notices) {
    std::map<std::string_view, const Question*> by_id;
    for (const auto& question : questions) {
        if (adds_up(question.rule->metric)) by_id.emplace(question.event_id, &question);
    }
    std::vector<Asked> asked;
    for (auto& notice : notices) {
        const auto about = by_id.find(notice.event_id);
        if (about != by_id.end()) asked.push_back({&notice, about->second});
    }
    std::stable_sort(asked.begin(), asked.end(), [](const Asked& a, const Asked& b) {
        return a.notice->severity > b.notice->severity;
    });
    if (asked.size() > kMostExplained) asked.resize(kMostExplained);
    return asked;
}

Stretch stretch_of(Breakdown& rows, bool before, const Span& span) {
    return {&rows, before, base::unix_seconds(span.tail), base::unix_seconds(span.head), 0, false};
}

/// What rose can be told.
bool tells_rise(const Rule& rule) {
    return rule.compare_to != Comparison::none && !rule.below;
}

}  // namespace

void explain(const std::vector<Question>& questions, base::Second t, sync::RowReader& reader,
             const Names& names, std::vector<Notice>& notices) {
    const auto asked = asked_of(questions, notices);
    std::map<const Rule*, std::unique_ptr<Breakdown>> rules;
    std::vector<Stretch> stretches;
    for (const auto& one : asked) {
        const auto& rule = *one.question->rule;
        auto& rows = rules[&rule];
        if (!rows) {
            rows = std::make_unique<Breakdown>(rule, names);
            stretches.push_back(stretch_of(*rows, false, window_of(rule).at(t)));
            // What is usual is a median of weeks: the last of them stands for it.
            const auto former = [&] { return base_window_of(rule, 1).at(t); };
            if (tells_rise(rule)) stretches.push_back(stretch_of(*rows, true, former()));
        }
        rows->ask(one.question->key);
    }
    Descent{reader, stretches}.run();
    for (const auto& one : asked) {
        const auto& rows = *rules.at(one.question->rule);
        bool rises = tells_rise(rows.rule());
        std::optional<std::int64_t> newest;
        for (const auto& stretch : stretches) {
            if (stretch.rows != &rows) continue;
            rises = rises && stretch.whole;
            if (!stretch.before && !stretch.whole) newest = static_cast<std::int64_t>(stretch.seen);
        }
        one.notice->contributions = rows.parts_of(one.question->key, rises);
        for (auto& part : one.notice->contributions) part.newest_rows = newest;
    }
}

}  // namespace quotafuse::alerts
