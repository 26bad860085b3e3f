#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"
#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "daemon/config.h"
#include "daemon/message_frame.h"
#include "daemon/money.h"
#include "daemon/number_format.h"
#include "daemon/wording.h"
#include "notifiers/message.h"

namespace quotafuse::daemon {

/// Writes what people read, in the language and zone of the configuration. Carries a value of one
/// room to another: alerts and breaker results come in, messages for the notifiers go out.
class Messages {
public:
    explicit Messages(const Config& config);

    /// From now on amounts are shown in this; dollars until then.
    void show_in(const Currency& currency) { currency_ = currency; }

    /// An alert, with what the breaker did about it and what its object spends, where that is
    /// known. Its sections, in the order
    /// in which a short message keeps them: the rule's own text, the breaker, remarks, the series
    /// of a first look, what makes up the value.
    notifiers::Message alert(const alerts::Notice& notice,
                             const circuit_breaker::TripResult* trip = nullptr,
                             const Spending* spending = nullptr) const;
    /// What the breaker did, when its alert has gone out already. `asked`: that alert, where it is
    /// known.
    notifiers::Message breaker(const circuit_breaker::TripResult& trip, base::Second at,
                               const alerts::Notice* asked = nullptr) const;
    /// Notices that are late, because the gateway could not be read: one message that lists or
    /// counts them (see list_or_count()). `notices` is not empty.
    notifiers::Message late(const std::vector<alerts::Notice>& notices, base::Second now) const;
    notifiers::Message test(const std::string& text, base::Second now,
                            std::string_view event_id) const;

private:
    std::string title(const alerts::Notice& notice) const;
    std::string brief(const alerts::Notice& notice, const circuit_breaker::TripResult* trip) const;
    std::string what(const alerts::Notice& notice) const;
    void add_numbers(const alerts::Notice& notice, notifiers::Message& message) const;
    std::string_view worst(const alerts::Notice& notice) const;
    void add_worst(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_comparison(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_times(const alerts::Notice& notice, notifiers::Message& message) const;
    std::string_view summary_of(const alerts::Notice& notice) const;
    void add_summary(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_remarks(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_series(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_contributors(const alerts::Notice& notice, notifiers::Message& message) const;
    void add_trip(const circuit_breaker::TripResult& trip, notifiers::Message& message) const;
    void add_spending(const Spending& spending, const base::TimeZone& zone,
                      notifiers::Message& message) const;
    void add_saving(const circuit_breaker::TripResult& trip, const Spending& spending,
                    notifiers::Message& message) const;

    std::string site_;
    MessageFrame frame_;
    Wording words_;
    base::TimeZone zone_;
    Currency currency_;
};

}  // namespace quotafuse::daemon
