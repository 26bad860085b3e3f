#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notice.h"
#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/circuit.h"
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

    using Trips = std::vector<circuit_breaker::TripResult>;
    /// An alert, with what the breaker did about it (several where the rule names several channels)
    /// and what its object spends, where that is known. Its sections, in the order in which a short
    /// message keeps them: the rule's own text, the breaker, remarks, the series of a first look,
    /// what makes up the value.
    notifiers::Message alert(const alerts::Notice& notice, const Trips& trips = {},
                             const Spending* spending = nullptr) const;
    /// What the breaker did, when its alert has gone out already. `asked`: that alert, where it is
    /// known.
    notifiers::Message breaker(const circuit_breaker::TripResult& trip, base::Second at,
                               const alerts::Notice* asked = nullptr) const;
    /// What became of a return. `result.request.circuit` is as it stands after it: of a failed
    /// trial with the time of the next one. `detail`: what its trial saw ("errors 3 of 5"), or why
    /// it ended; in the language of messages, may be empty.
    notifiers::Message returned(const circuit_breaker::ReturnResult& result, base::Second at,
                                std::string_view detail = {}) const;
    /// A person (or the gateway) changed what quotafuse had switched off: it answers for it no
    /// longer. Critical where a key is on again.
    notifiers::Message released(const circuit_breaker::Circuit& circuit,
                                circuit_breaker::Change change, base::Second at) const;
    /// Notices that are late, because the gateway could not be read: one message that lists or
    /// counts them (see list_or_count()). `notices` is not empty.
    notifiers::Message late(const std::vector<alerts::Notice>& notices, base::Second now) const;
    notifiers::Message test(const std::string& text, base::Second now,
                            std::string_view event_id) const;

private:
    std::string title(const alerts::Notice& notice) const;
    std::string brief(const alerts::Notice& notice, const Trips& trips) const;
    std::string outcomes(const Trips& trips) const;
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
    struct About {
        const alerts::Notice* notice = nullptr;
        const Spending* spending = nullptr;
    };
    void add_trips(const Trips& trips, const About& about, const base::TimeZone& zone,
                   notifiers::Message& message) const;
    std::vector<std::string> trip_lines(const circuit_breaker::TripResult& trip,
                                        const alerts::Notice* notice,
                                        const base::TimeZone& zone) const;
    std::string leading_key(const Trips& trips) const;
    notifiers::Message of_circuit(const circuit_breaker::Circuit& circuit) const;
    void add_spending(const Spending& spending, const base::TimeZone& zone,
                      notifiers::Message& message) const;
    std::string saving(const circuit_breaker::TripResult& trip, const Spending& spending) const;

    std::string site_;
    MessageFrame frame_;
    Wording words_;
    base::TimeZone zone_;
    Currency currency_;
};

}  // namespace quotafuse::daemon
