#pragma once

#include <compare>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "alerts/notice.h"
#include "alerts/rule.h"
#include "base/clock.h"

namespace quotafuse::daemon {

/// What makes up the values of alerts now, as their notices told it when they began (see
/// alerts::explain()). Read of the store on a connection that closes with the reading, and kept for
/// a while. Thread-safe.
class AlertCauses {
public:
    /// So old may be what is told of the same alerts, and of others than before.
    static constexpr base::Milliseconds kGoodFor{20'000};
    static constexpr base::Milliseconds kAtLeast{5'000};

    /// `store`: its file. `rules` and `clock` outlive it.
    AlertCauses(std::string store, const std::vector<alerts::Rule>& rules, const base::Clock& clock)
        : store_(std::move(store)), rules_(rules), clock_(clock) {}

    struct Alert {
        std::string rule;
        std::string series;  // its key as it is stored
        auto operator<=>(const Alert&) const = default;
    };
    struct Told {
        base::Second at{};  // engine time
        /// Of those that were asked for; no parts of what does not add up.
        std::map<Alert, std::vector<alerts::Contribution>> parts{};
        std::string why{};  // a sentence where nothing could be read
    };
    /// Of the first alerts::kMostExplained of them, as of about the engine second t.
    std::shared_ptr<const Told> of(std::vector<Alert> alerts, base::Second t);

private:
    Told read(const std::vector<Alert>& alerts, base::Second t) const;

    const std::string store_;
    const std::vector<alerts::Rule>& rules_;
    const base::Clock& clock_;
    std::mutex mutex_;
    std::shared_ptr<const Told> told_;
    base::MonoTime told_at_{};
};

}  // namespace quotafuse::daemon
