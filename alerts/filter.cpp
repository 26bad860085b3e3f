#include "alerts/filter.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/text.h"

namespace quotafuse::alerts {
namespace {

// What is remembered of a text: that it was asked about, and whether a pattern matched.
constexpr std::uint8_t kAsked = 1;
constexpr std::uint8_t kMatched = 2;
constexpr std::uint8_t kRefused = 4;

bool is_about_errors(Dimension dimension) {
    return dimension == Dimension::status || dimension == Dimension::code;
}

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

/// Addresses are too many to remember what was said of each.
bool holds_address(const Condition& condition, sync::Address address) {
    const auto text = sync::format_address(address);
    return satisfies(condition, [&](const Term& term) {
        const auto single = sync::parse_address(term.pattern);
        return single != 0 ? single == address : base::glob_match(term.pattern, text);
    });
}

bool uses_names(const Condition& condition) {
    if (condition.dimension == Dimension::provider || condition.dimension == Dimension::tag) {
        return true;
    }
    return condition.dimension == Dimension::channel &&
           std::any_of(condition.terms.begin(), condition.terms.end(),
                       [](const Term& term) { return !term.id; });
}

std::optional<KeyPart> part_in(const SeriesKey& key, const std::vector<Dimension>& by,
                               Dimension dimension) {
    const auto at = std::find(by.begin(), by.end(), dimension);
    if (at == by.end()) return std::nullopt;
    return key.parts[static_cast<std::size_t>(at - by.begin())];
}

}  // namespace

Filter::Memo::Memo(Condition what) : condition(std::move(what)) {
    for (const auto& term : condition.terms) {
        any_positive = any_positive || !term.negated;
        any_pattern = any_pattern || !term.id;
    }
}

Filter::Filter(Where where, std::optional<ErrorsWhen> errors_when, bool of_attempts,
               const sync::Texts& texts)
    : texts_(texts) {
    for (auto& condition : where) {
        needs_names_ = needs_names_ || uses_names(condition);
        auto& side = of_attempts && is_about_errors(condition.dimension) ? errors_ : rows_;
        side.emplace_back(std::move(condition));
    }
    if (!errors_when) return;
    when_.emplace();
    if (errors_when->status) when_->emplace_back(*errors_when->status);
    if (errors_when->code) when_->emplace_back(*errors_when->code);
}

std::optional<Sums> Filter::count(const sync::Row& row) {
    const auto tally = sync::tally_of(row, texts_);
    if (!tally) return std::nullopt;
    auto sums = sums_of(*tally);
    if (!count(row, *tally, sums)) return std::nullopt;
    return sums;
}

bool Filter::count(const sync::Row& row, const sync::Tally& tally, Sums& sums) {
    const auto chosen = [&](Memo& memo) { return holds(memo, row); };
    if (!std::all_of(rows_.begin(), rows_.end(), chosen)) return false;
    const auto failed = tally.errors + tally.client_errors;
    if (failed == 0) return true;
    if (when_) {
        const bool error = std::any_of(when_->begin(), when_->end(), chosen);
        sums.errors = error ? failed : 0;
        sums.client_errors = failed - sums.errors;
        sums.attempts = sums.requests - sums.client_errors;
    }
    if (!std::all_of(errors_.begin(), errors_.end(), chosen)) sums.errors = sums.client_errors = 0;
    return true;
}

bool Filter::holds(Memo& memo, const sync::Row& row) const {
    switch (memo.condition.dimension) {
        case Dimension::channel:
        case Dimension::provider:
        case Dimension::tag:
            return holds_number(memo, row.channel);
        case Dimension::status:
            return holds_number(memo, row.status);
        case Dimension::token:
            return holds_text(memo, row.token, row.token_name);
        case Dimension::user:
            return holds_text(memo, row.user, row.username);
        case Dimension::model:
            return holds_text(memo, 0, row.model);
        case Dimension::group:
            return holds_text(memo, 0, row.group);
        case Dimension::route:
            return holds_text(memo, 0, row.route);
        case Dimension::code:
            return holds_text(memo, 0, row.error_code);
        case Dimension::ip:
            return holds_address(memo.condition, row.ip);
    }
    std::abort();
}

std::uint8_t Filter::ask_text(const Memo& memo, sync::TextId text) const {
    auto said = kAsked;
    for (const auto& term : memo.condition.terms) {
        if (term.id || !base::glob_match(term.pattern, texts_.text(text))) continue;
        said = static_cast<std::uint8_t>(said | (term.negated ? kRefused : kMatched));
    }
    return said;
}

std::uint8_t Filter::look_up_text(Memo& memo, sync::TextId text) const {
    const auto at = static_cast<std::size_t>(text);
    if (at >= kMostTexts) return ask_text(memo, text);
    if (at >= memo.by_text.size())
        memo.by_text.resize(std::min(std::max(at + 1, texts_.size()), kMostTexts));
    auto& said = memo.by_text[at];
    if (said == 0) said = ask_text(memo, text);
    return said;
}

/// Patterns are matched with the text, once for each text; ids are compared with the number.
bool Filter::holds_text(Memo& memo, std::int64_t number, sync::TextId text) const {
    const auto said = look_up_text(memo, text);
    if ((said & kRefused) != 0) return false;
    bool matched = (said & kMatched) != 0 || !memo.any_positive;
    for (const auto& term : memo.condition.terms) {
        if (!term.id || *term.id != number) continue;
        if (term.negated) return false;
        matched = true;
    }
    return matched;
}

bool Filter::holds_number(Memo& memo, std::int64_t number) const {
    const auto known = memo.by_number.find(number);
    if (known != memo.by_number.end()) return known->second;
    const bool yes = decide_number(memo, number);
    memo.by_number.emplace(number, yes);
    return yes;
}

bool Filter::decide_number(Memo& memo, std::int64_t number) const {
    const auto known = channels_.find(number);
    const auto channel = known == channels_.end() ? sync::Directory::Channel{} : known->second;
    const auto dimension = memo.condition.dimension;
    if (dimension == Dimension::provider) return holds_text(memo, 0, channel.provider);
    if (dimension == Dimension::tag) return holds_text(memo, 0, channel.tag);
    const auto name = dimension == Dimension::status ? std::to_string(number) : channel.name;
    return satisfies(memo.condition, [&](const Term& term) {
        return term.id ? *term.id == number : base::glob_match(term.pattern, name);
    });
}

bool Filter::chooses(const SeriesKey& key, const std::vector<Dimension>& by) {
    return std::all_of(rows_.begin(), rows_.end(),
                       [&](Memo& memo) { return holds_in_key(memo, key, by); });
}

bool Filter::holds_in_key(Memo& memo, const SeriesKey& key,
                          const std::vector<Dimension>& by) const {
    const auto dimension = memo.condition.dimension;
    const auto part = part_in(key, by, dimension);
    switch (dimension) {
        case Dimension::channel:
        case Dimension::status:
            return !part || holds_number(memo, part->number);
        case Dimension::provider:
        case Dimension::tag:
            if (part) return holds_text(memo, 0, part->text);
            if (const auto channel = part_in(key, by, Dimension::channel)) {
                return holds_number(memo, channel->number);
            }
            return true;
        case Dimension::token:
        case Dimension::user:
            if (!part || (part->text == 0 && memo.any_pattern)) return true;
            return holds_text(memo, std::max<std::int64_t>(part->number, 0), part->text);
        case Dimension::model:
        case Dimension::group:
        case Dimension::route:
        case Dimension::code:
            return !part || holds_text(memo, 0, part->text);
        case Dimension::ip:
            return !part || holds_address(memo.condition, part->number);
    }
    std::abort();
}

bool Filter::use(const sync::Directory& directory) {
    if (!needs_names_ || (knows_names_ == directory.known && channels_ == directory.channels)) {
        return false;
    }
    bool changed = knows_names_ != directory.known;
    knows_names_ = directory.known;
    channels_ = directory.channels;
    for (auto& memo : rows_) {
        if (!uses_names(memo.condition)) continue;
        // Only channels that were asked about can have rows in a sum; the others may still be
        // decided.
        const auto former = std::exchange(memo.by_number, {});
        for (const auto& [id, was] : former) changed = holds_number(memo, id) != was || changed;
    }
    return changed;
}

std::vector<std::int64_t> Filter::met() const {
    std::vector<std::int64_t> channels;
    for (const auto& memo : rows_) {
        if (!uses_names(memo.condition)) continue;
        for (const auto& [channel, holds] : memo.by_number) channels.push_back(channel);
    }
    return channels;
}

void Filter::meet(std::int64_t channel) {
    for (auto& memo : rows_) {
        if (uses_names(memo.condition)) holds_number(memo, channel);
    }
}

}  // namespace quotafuse::alerts
