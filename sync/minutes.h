#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::sync {

/// What one minute of an hour adds up to.
struct Minute {
    int minute = 0;  // 0 … 59
    std::int64_t requests = 0;
    std::int64_t errors = 0;  // without the clients' own
    std::int64_t tokens = 0;  // prompt and completion
    std::int64_t quota = 0;   // charged − given back
    bool operator==(const Minute&) const = default;
};

/// The minutes of an hour that have something, by minute.
class Minutes {
public:
    /// Adds to what the minute has.
    void add(const Minute& minute);
    void merge(const Minutes& other);
    bool empty() const { return minutes_.empty(); }
    const std::vector<Minute>& list() const { return minutes_; }

    /// Six to nine bytes a minute. decode() of anything else than what encode() gave is empty.
    std::string encode() const;
    static std::optional<Minutes> decode(std::string_view bytes);
    bool operator==(const Minutes&) const = default;

private:
    std::vector<Minute> minutes_;
};

}  // namespace quotafuse::sync
