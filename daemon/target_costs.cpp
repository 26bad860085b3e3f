#include "daemon/target_costs.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <numeric>
#include <set>
#include <unordered_map>

namespace quotafuse::daemon {
namespace {

using circuit_breaker::Target;

/// Walks over the rows by time and keeps the spans at hand that are about the present one.
class Sweep {
public:
    Sweep(const sync::Texts& texts, const std::vector<CostSpan>& spans, std::size_t totals)
        : texts_(texts), spans_(spans), order_(spans.size()), totals_(totals) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::erase_if(order_, [&](std::size_t i) { return spans[i].until <= spans[i].after; });
        std::ranges::sort(order_, {}, [&](std::size_t i) { return spans[i].after; });
    }

    std::vector<std::int64_t> run(sync::History& history) {
        for (std::size_t i = 0; i < order_.size();) {
            const auto after = spans_[order_[i]].after;
            auto until = spans_[order_[i]].until;
            for (++i; i < order_.size() && spans_[order_[i]].after <= until; ++i) {
                until = std::max(until, spans_[order_[i]].until);
            }
            history.read(base::unix_seconds(after), base::unix_seconds(until),
                         [this](const sync::Row& row) { add(row); });
        }
        return totals_;
    }

private:
    using Present = std::unordered_map<std::int64_t, std::vector<std::size_t>>;

    void add(const sync::Row& row) {
        const bool charged = row.kind == sync::Kind::consume;
        if (row.channel_test || (!charged && row.kind != sync::Kind::refund)) return;
        begin_spans(base::from_unix(row.created_at));
        const auto quota = charged ? row.quota : -row.quota;
        touched_.clear();
        touch(row, by_channel_, row.channel);
        touch(row, row.token != 0 ? by_token_ : by_owner_, row.token != 0 ? row.token : row.user);
        for (const auto total : touched_) totals_[total] += quota;
    }

    void begin_spans(base::Second t) {
        for (; next_ < order_.size() && spans_[order_[next_]].after < t; ++next_) {
            const auto i = order_[next_];
            const auto& target = spans_[i].target;
            switch (target.kind) {
                case Target::Kind::channel:
                case Target::Kind::model:
                    by_channel_[target.channel].push_back(i);
                    break;
                case Target::Kind::token:
                    if (target.token != 0) by_token_[target.token].push_back(i);
                    // A gateway without token ids: by the owner, and by its name.
                    if (!target.token_name.empty()) by_owner_[target.user].push_back(i);
                    break;
            }
        }
    }

    void touch(const sync::Row& row, Present& present, std::int64_t key) {
        const auto found = present.find(key);
        if (found == present.end()) return;
        const auto t = base::from_unix(row.created_at);
        std::erase_if(found->second, [&](std::size_t i) { return spans_[i].until < t; });
        for (const auto i : found->second) {
            const auto& span = spans_[i];
            if (concerns(span.target, row)) touched_.insert(span.totals.begin(), span.totals.end());
        }
    }

    /// Its channel, id or owner fits already.
    bool concerns(const Target& target, const sync::Row& row) const {
        switch (target.kind) {
            case Target::Kind::channel:
                return true;
            case Target::Kind::model:
                return texts_.text(row.model) == target.model;
            case Target::Kind::token:
                return row.token != 0 || texts_.text(row.token_name) == target.token_name;
        }
        std::abort();
    }

    const sync::Texts& texts_;
    const std::vector<CostSpan>& spans_;
    std::vector<std::size_t> order_;  // by when they begin
    std::size_t next_ = 0;            // in order_
    Present by_channel_;
    Present by_token_;
    Present by_owner_;
    std::vector<std::int64_t> totals_;
    std::set<std::size_t> touched_;  // by the present row
};

}  // namespace

std::vector<std::int64_t> sum_costs(sync::History& history, const std::vector<CostSpan>& spans,
                                    std::size_t totals) {
    return Sweep{history.texts(), spans, totals}.run(history);
}

}  // namespace quotafuse::daemon
