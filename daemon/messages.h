#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"
#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "daemon/config.h"
#include "daemon/wording.h"
#include "notifiers/message.h"

namespace quotafuse::daemon {

/// Writes what people read, in the language and zone of the configuration. Carries a value of one
/// room to another: alerts and breaker results come in, messages for the notifiers go out.
class Messages {
public:
    explicit Messages(const Config& config);

    /// An alert, with what the breaker did about it where that is known.
    notifiers::Message alert(const alerts::Notice& notice,
                             const circuit_breaker::TripResult* trip = nullptr) const;
    /// What the breaker did, when its alert has gone out already.
    notifiers::Message breaker(const circuit_breaker::TripResult& trip, base::Second at) const;
    /// Notices that are late, because the gateway could not be read: one message, a line for each.
    notifiers::Message late(const std::vector<alerts::Notice>& notices, base::Second now) const;
    notifiers::Message test(const std::string& text, base::Second now) const;

private:
    std::string title(const alerts::Notice& notice) const;
    std::string what(const alerts::Notice& notice) const;
    void add_numbers(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_worst(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_comparison(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_times(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_remarks(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_series(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_trip(const circuit_breaker::TripResult& trip, notifiers::Message& message) const;
    std::string trip_line(const circuit_breaker::TripResult& trip) const;
    std::string footer(std::string_view id, const base::TimeZone& zone, base::Second at) const;

    std::string site_;
    Wording words_;
    base::TimeZone zone_;
};

}  // namespace quotafuse::daemon
