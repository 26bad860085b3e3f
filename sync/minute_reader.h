#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>

#include "base/clock.h"
#include "sync/row.h"

namespace quotafuse::sync {

enum class MinutesBy { all, channel, model };

/// What is asked of MinuteReader.
struct MinuteQuestion {
    MinutesBy by = MinutesBy::all;
    std::optional<std::vector<std::int64_t>> channels{};  // of these only
    std::optional<TextId> model{};
    base::Second from{};
    base::Second until{};
    std::int64_t step = 1;  // minutes; a divisor of 60, or a number of hours
};

struct MinuteCell {
    std::int64_t time = 0;  // unix second in which the step begins
    std::int64_t channel = 0;
    TextId model = 0;
    std::int64_t requests = 0;
    std::int64_t errors = 0;  // without the clients' own
    std::int64_t tokens = 0;
    std::int64_t quota = 0;  // charged − given back
    bool operator==(const MinuteCell&) const = default;
};

/// Sums of minutes by channel and model, as far back as they are kept. Throws SQLite::Exception,
/// and std::runtime_error for a store that is damaged.
class MinuteReader {
public:
    explicit MinuteReader(SQLite::Database& database) : database_(database) {}

    /// Whole steps: of the one in which `from` falls to the one in which the last second before
    /// `until` does. In no order, without those that have nothing.
    std::vector<MinuteCell> answer(const MinuteQuestion& question) const;
    /// Unix second from which on there are minutes.
    std::int64_t kept_since() const;
    /// Whether everything that is known from then on is there by minutes, too.
    bool has_all_since(base::Second from) const;

private:
    SQLite::Database& database_;
};

}  // namespace quotafuse::sync
