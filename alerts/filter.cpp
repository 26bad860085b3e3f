#include "alerts/filter.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/text.h"
#include "sync/tally.h"

namespace quotafuse::alerts {
namespace {

/// Whether `matches` (a term → bool) makes the condition hold.
bool satisfies(const Condition& condition, auto matches) {
    bool any_positive = false;
    bool matched = false;
    for (const auto& term : condition.terms) {
        if (term.negated && matches(term)) return false;
        if (term.negated) continue;
        any_positive = true;
        matched = matched || matches(term);
    }
    return matched || !any_positive;
}

bool chooses_errors(Dimension dimension) {
    return dimension == Dimension::status || dimension == Dimension::code;
}

/// Addresses are too many to remember what was said of each.
bool holds_address(const Condition& condition, sync::Address address) {
    const auto text = sync::format_address(address);
    return satisfies(condition, [&](const Term& term) {
        const auto single = sync::parse_address(term.pattern);
        return single != 0 ? single == address : base::glob_match(term.pattern, text);
    });
}

bool uses_names(const Condition& condition) {
    return condition.dimension == Dimension::channel &&
           std::any_of(condition.terms.begin(), condition.terms.end(),
                       [](const Term& term) { return !term.id; });
}

}  // namespace

Filter::Filter(Where where, bool of_attempts, const sync::Texts& texts) : texts_(texts) {
    for (auto& condition : where) {
        needs_names_ = needs_names_ || uses_names(condition);
        auto& side = of_attempts && chooses_errors(condition.dimension) ? errors_ : rows_;
        side.push_back({std::move(condition), {}, {}});
    }
}

std::optional<Sums> Filter::count(const sync::Row& row) {
    const auto chosen = [&](Memo& memo) { return holds(memo, row); };
    if (!std::all_of(rows_.begin(), rows_.end(), chosen)) return std::nullopt;
    const auto tally = sync::tally_of(row, texts_);
    if (!tally) return std::nullopt;
    Sums sums;
    sums.rows = 1;
    sums.attempts = tally->answers + tally->errors;
    sums.requests = sums.attempts + tally->client_errors;
    const bool failed = tally->errors + tally->client_errors > 0;
    if (failed && std::all_of(errors_.begin(), errors_.end(), chosen)) {
        sums.errors = tally->errors;
        sums.client_errors = tally->client_errors;
    }
    sums.prompt_tokens = tally->prompt_tokens;
    sums.completion_tokens = tally->completion_tokens;
    sums.cache_tokens = tally->cache_tokens;
    sums.quota = tally->quota;
    if (tally->latency_ms >= 0) {
        sums.latency_ms = tally->latency_ms;
        sums.latency_rows = 1;
    }
    Sums given_back;
    given_back.quota = tally->refund;
    return sums -= given_back;
}

bool Filter::allows_channel(std::int64_t channel) {
    return std::all_of(rows_.begin(), rows_.end(), [&](Memo& memo) {
        return memo.condition.dimension != Dimension::channel || holds_number(memo, channel);
    });
}

bool Filter::holds(Memo& memo, const sync::Row& row) const {
    const auto by_id = [&](std::int64_t id, sync::TextId name) {
        return satisfies(memo.condition, [&](const Term& term) {
            return term.id ? *term.id == id : base::glob_match(term.pattern, texts_.text(name));
        });
    };
    switch (memo.condition.dimension) {
        case Dimension::channel:
            return holds_number(memo, row.channel);
        case Dimension::status:
            return holds_number(memo, row.status);
        case Dimension::token:
            return by_id(row.token, row.token_name);
        case Dimension::user:
            return by_id(row.user, row.username);
        case Dimension::model:
            return holds_text(memo, row.model);
        case Dimension::group:
            return holds_text(memo, row.group);
        case Dimension::route:
            return holds_text(memo, row.route);
        case Dimension::code:
            return holds_text(memo, row.error_code);
        case Dimension::ip:
            return holds_address(memo.condition, row.ip);
    }
    std::abort();
}

bool Filter::holds_text(Memo& memo, sync::TextId text) const {
    const auto at = static_cast<std::size_t>(text);
    if (at >= memo.by_text.size()) memo.by_text.resize(std::max(at + 1, texts_.size()));
    if (memo.by_text[at] == 0) {
        const bool yes = satisfies(memo.condition, [&](const Term& term) {
            return base::glob_match(term.pattern, texts_.text(text));
        });
        memo.by_text[at] = yes ? 1 : 2;
    }
    return memo.by_text[at] == 1;
}

bool Filter::holds_number(Memo& memo, std::int64_t number) const {
    const auto known = memo.by_number.find(number);
    if (known != memo.by_number.end()) return known->second;
    const auto name = name_of(memo.condition.dimension, number);
    const bool yes = satisfies(memo.condition, [&](const Term& term) {
        return term.id ? *term.id == number : base::glob_match(term.pattern, name);
    });
    memo.by_number.emplace(number, yes);
    return yes;
}

std::string Filter::name_of(Dimension dimension, std::int64_t number) const {
    if (dimension == Dimension::status) return std::to_string(number);
    const auto known = channel_names_.find(number);
    return known == channel_names_.end() ? std::string{} : known->second;
}

bool Filter::use_names(const std::map<std::int64_t, sync::Channel>& channels) {
    if (!needs_names_) return false;
    channel_names_.clear();
    for (const auto& [id, channel] : channels) channel_names_.emplace(id, channel.name);
    bool changed = false;
    for (auto& memo : rows_) {
        if (!uses_names(memo.condition)) continue;
        // Only channels that were asked about can have rows in a sum; the others may still be
        // decided.
        const auto former = std::exchange(memo.by_number, {});
        for (const auto& [id, was] : former) changed = holds_number(memo, id) != was || changed;
    }
    return changed;
}

}  // namespace quotafuse::alerts
