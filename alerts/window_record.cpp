#include "alerts/window_record.h"

#include <algorithm>
#include <optional>
#include <string>

#include "alerts/stable_hash.h"
#include "base/varint.h"

namespace quotafuse::alerts {
namespace {

constexpr std::uint64_t kVersion = 3;  // of what follows

void put(std::string& bytes, std::int64_t number) {
    base::put_varint(bytes, base::zigzag(number));
}

void put(std::string& bytes, std::string_view text) {
    base::put_varint(bytes, text.size());
    bytes += text;
}

void put(std::string& bytes, const Condition& condition) {
    put(bytes, static_cast<std::int64_t>(condition.dimension));
    put(bytes, static_cast<std::int64_t>(condition.terms.size()));
    for (const auto& term : condition.terms) {
        put(bytes, (term.negated ? 2 : 0) + (term.id ? 1 : 0));
        put(bytes, term.id.value_or(0));
        put(bytes, term.pattern);
    }
}

void put(std::string& bytes, const std::optional<Condition>& condition) {
    put(bytes, condition ? 1 : 0);
    if (condition) put(bytes, *condition);
}

bool goes_by_directory(const Window& window) {
    const auto& by = window.spec().by;
    return window.filter().needs_names() ||
           std::find(by.begin(), by.end(), Dimension::provider) != by.end() ||
           std::find(by.begin(), by.end(), Dimension::tag) != by.end();
}

/// Takes numbers off the front, until one is missing.
class Taker {
public:
    explicit Taker(std::string_view bytes) : bytes_(bytes) {}

    bool ok() const { return ok_; }
    bool at_end() const { return ok_ && bytes_.empty(); }
    std::uint64_t number() {
        const auto number = base::take_varint(bytes_);
        ok_ = ok_ && number;
        return number.value_or(0);
    }
    std::int64_t integer() { return base::unzigzag(number()); }
    /// Of things that take at least a byte each.
    std::size_t count() {
        const auto n = number();
        ok_ = ok_ && n <= bytes_.size();
        return ok_ ? static_cast<std::size_t>(n) : 0;
    }
    std::string_view text() {
        const auto size = count();
        const auto text = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return text;
    }

private:
    std::string_view bytes_;
    bool ok_ = true;
};

constexpr std::int64_t Sums::*kSums[] = {
    &Sums::rows,           &Sums::requests,        &Sums::attempts,      &Sums::errors,
    &Sums::client_errors,  &Sums::empty_replies,   &Sums::prompt_tokens, &Sums::completion_tokens,
    &Sums::cache_tokens,   &Sums::quota,           &Sums::latency_ms,    &Sums::latency_rows,
    &Sums::first_token_ms, &Sums::first_token_rows};

void put(std::string& bytes, const Measure::Counts& counts) {
    base::put_varint(bytes, counts.size());
    for (const auto& [value, count] : counts) {
        base::put_varint(bytes, value);
        put(bytes, count);
    }
}

void put(std::string& bytes, const Measure& measure, const Parts& parts) {
    for (const auto member : kSums) put(bytes, measure.sums.*member);
    put(bytes, measure.oldest);
    put(bytes, measure.newest);
    if (!parts.any()) return;
    static const Measure::Extras kNone;
    const auto& extras = measure.extras ? *measure.extras : kNone;
    if (parts.latency) put(bytes, extras.latency.encode());
    if (parts.first_token) put(bytes, extras.first_token.encode());
    if (parts.ips) put(bytes, extras.ips);
    if (parts.tokens) put(bytes, extras.tokens);
    if (parts.users) put(bytes, extras.users);
    if (!parts.requests) return;
    put(bytes, extras.lost);
    base::put_varint(bytes, extras.retried.size());
    for (const auto& [request, attempts] : extras.retried) {
        base::put_varint(bytes, request);
        put(bytes, attempts.failed);
        put(bytes, attempts.answered);
        put(bytes, attempts.passed_over);
    }
}

bool take(Taker& taker, base::Histogram& histogram) {
    auto decoded = base::Histogram::decode(taker.text());
    if (!taker.ok() || !decoded) return false;
    histogram = std::move(*decoded);
    return true;
}

bool take(Taker& taker, Measure::Counts& counts) {
    for (auto n = taker.count(); n > 0 && taker.ok(); --n) {
        const auto value = taker.number();
        counts[value] = static_cast<std::int32_t>(taker.integer());
    }
    return taker.ok();
}

bool take_requests(Taker& taker, Measure::Extras& extras) {
    extras.lost = taker.integer();
    for (auto n = taker.count(); n > 0 && taker.ok(); --n) {
        auto& attempts = extras.retried[taker.number()];
        attempts.failed = static_cast<std::int32_t>(taker.integer());
        attempts.answered = static_cast<std::int32_t>(taker.integer());
        attempts.passed_over = static_cast<std::int32_t>(taker.integer());
        extras.joined += attempts.failed + attempts.answered + attempts.passed_over;
    }
    return taker.ok();
}

bool take(Taker& taker, Measure& measure, const Parts& parts) {
    for (const auto member : kSums) measure.sums.*member = taker.integer();
    measure.oldest = taker.integer();
    measure.newest = taker.integer();
    if (!taker.ok() || measure.sums.rows <= 0) return false;
    if (!parts.any()) return true;
    measure.extras = std::make_unique<Measure::Extras>();
    auto& extras = *measure.extras;
    return (!parts.latency || take(taker, extras.latency)) &&
           (!parts.first_token || take(taker, extras.first_token)) &&
           (!parts.ips || take(taker, extras.ips)) &&
           (!parts.tokens || take(taker, extras.tokens)) &&
           (!parts.users || take(taker, extras.users)) &&
           (!parts.requests || take_requests(taker, extras));
}

RecordHead take_head(Taker& taker) {
    RecordHead head;
    head.kept_since = taker.integer();
    for (auto n = taker.count(); n > 0 && taker.ok(); --n) head.channels.push_back(taker.integer());
    return head;
}

/// What comes after the hash of it at the front; empty where the two do not agree.
std::optional<std::string_view> checked(std::string_view bytes) {
    const auto size = base32(0).size();
    if (bytes.size() < size) return std::nullopt;
    const auto rest = bytes.substr(size);
    if (bytes.substr(0, size) != base32(stable_hash(rest))) return std::nullopt;
    return rest;
}

}  // namespace

std::uint64_t record_hash(const Window& window, const sync::Directory& directory) {
    std::string bytes;
    const auto& spec = window.spec();
    put(bytes, static_cast<std::int64_t>(spec.where.size()));
    for (const auto& condition : spec.where) put(bytes, condition);
    put(bytes, spec.errors_when ? 1 : 0);
    if (spec.errors_when) put(bytes, spec.errors_when->status);
    if (spec.errors_when) put(bytes, spec.errors_when->code);
    put(bytes, spec.of_attempts ? 1 : 0);
    put(bytes, static_cast<std::int64_t>(spec.by.size()));
    for (const auto dimension : spec.by) put(bytes, static_cast<std::int64_t>(dimension));
    put(bytes, static_cast<std::int64_t>(spec.frame.kind));
    put(bytes, spec.frame.length.count());
    put(bytes, base::unix_seconds(spec.frame.from));
    put(bytes, base::unix_seconds(spec.frame.to));
    put(bytes, static_cast<std::int64_t>(spec.base));
    put(bytes, spec.week);
    put(bytes, spec.delay.count());
    put(bytes, spec.zone.name());
    const auto& parts = window.parts();
    for (const bool part :
         {parts.latency, parts.first_token, parts.requests, parts.ips, parts.tokens, parts.users}) {
        put(bytes, part ? 1 : 0);
    }
    if (goes_by_directory(window)) {
        for (const auto& [id, channel] : directory.channels) {
            put(bytes, id);
            put(bytes, channel.name);
            put(bytes, channel.provider);
            put(bytes, channel.tag);
        }
    }
    return stable_hash(bytes);
}

std::string Window::encode(const RecordHead& head) const {
    std::string bytes;
    base::put_varint(bytes, kVersion);
    put(bytes, head.kept_since);
    base::put_varint(bytes, head.channels.size());
    for (const auto channel : head.channels) put(bytes, channel);
    put(bytes, base::unix_seconds(low_));
    put(bytes, base::unix_seconds(high_));
    base::put_varint(bytes, size_);
    each([&](const SeriesKey& key, const Measure& measure) {
        for (std::size_t i = 0; i < spec_.by.size(); ++i) {
            put(bytes, key.parts[i].number);
            put(bytes, key.parts[i].text);
        }
        put(bytes, measure, parts_);
    });
    return base32(stable_hash(bytes)) + bytes;
}

std::optional<RecordHead> Window::decode(std::string_view bytes) {
    const auto whole = checked(bytes);
    if (!whole) return std::nullopt;
    Taker taker{*whole};
    if (taker.number() != kVersion) return std::nullopt;
    auto head = take_head(taker);
    low_ = base::from_unix(taker.integer());
    high_ = base::from_unix(taker.integer());
    for (auto n = taker.count(); n > 0; --n) {
        SeriesKey key;
        for (std::size_t i = 0; i < spec_.by.size(); ++i) {
            key.parts[i].number = taker.integer();
            key.parts[i].text = static_cast<sync::TextId>(taker.integer());
        }
        Measure measure;
        if (!take(taker, measure, parts_)) return std::nullopt;
        const auto place = place_of(keys_.add(key));
        touch(place);
        auto& series = series_[place];
        if (series.measure.sums.rows != 0) return std::nullopt;
        ++size_;
        values_ += measure.values();
        series.measure = std::move(measure);
    }
    if (!taker.at_end()) return std::nullopt;
    return head;
}

}  // namespace quotafuse::alerts
