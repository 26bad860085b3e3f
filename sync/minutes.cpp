#include "sync/minutes.h"

#include <algorithm>
#include <cstddef>

#include "base/varint.h"

namespace quotafuse::sync {

void Minutes::add(const Minute& minute) {
    const auto at =
        std::lower_bound(minutes_.begin(), minutes_.end(), minute.minute,
                         [](const Minute& known, int sought) { return known.minute < sought; });
    if (at == minutes_.end() || at->minute != minute.minute) {
        minutes_.insert(at, minute);
        return;
    }
    at->requests += minute.requests;
    at->errors += minute.errors;
    at->tokens += minute.tokens;
    at->quota += minute.quota;
}

void Minutes::merge(const Minutes& other) {
    for (const auto& minute : other.minutes_) add(minute);
}

// Minute after minute: 2 · (distance from the one before) + (1 when it had errors), requests,
// errors if any, tokens, quota.
std::string Minutes::encode() const {
    std::string bytes;
    int before = -1;
    for (const auto& minute : minutes_) {
        const bool failed = minute.errors != 0;
        base::put_varint(
            bytes, static_cast<std::uint64_t>(minute.minute - before) * 2 + (failed ? 1U : 0U));
        base::put_varint(bytes, base::zigzag(minute.requests));
        if (failed) base::put_varint(bytes, base::zigzag(minute.errors));
        base::put_varint(bytes, base::zigzag(minute.tokens));
        base::put_varint(bytes, base::zigzag(minute.quota));
        before = minute.minute;
    }
    return bytes;
}

std::optional<Minutes> Minutes::decode(std::string_view bytes) {
    Minutes minutes;
    int before = -1;
    while (!bytes.empty()) {
        const auto head = base::take_varint(bytes);
        if (!head || *head < 2 || *head / 2 > static_cast<std::uint64_t>(59 - before))
            return std::nullopt;
        Minute minute;
        minute.minute = before += static_cast<int>(*head / 2);
        for (auto* const part : {&minute.requests, &minute.errors, &minute.tokens, &minute.quota}) {
            if (part == &minute.errors && *head % 2 == 0) continue;
            const auto number = base::take_varint(bytes);
            if (!number) return std::nullopt;
            *part = base::unzigzag(*number);
        }
        if (*head % 2 == 1 && minute.errors == 0) return std::nullopt;
        minutes.minutes_.push_back(minute);
    }
    return minutes;
}

}  // namespace quotafuse::sync
