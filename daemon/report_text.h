#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/time_zone.h"
#include "daemon/config.h"
#include "daemon/message_frame.h"
#include "daemon/number_format.h"
#include "daemon/report_facts.h"
#include "daemon/report_times.h"
#include "daemon/wording.h"
#include "notifiers/message.h"
#include "notifiers/settings.h"

namespace quotafuse::daemon {

/// Writes reports, in the language and zone of the configuration. Immutable.
class ReportText {
public:
    explicit ReportText(const Config& config);

    notifiers::Message operator()(const ReportFacts& facts, const notifiers::ReportPlan& plan,
                                  const DueReport& due, std::string_view event_id,
                                  const Currency& currency) const;

private:
    std::string title(const notifiers::ReportPlan& plan, const DueReport& due) const;
    void add_sums(const ReportFacts& facts, const Currency& currency,
                  notifiers::Message& message) const;
    void add_objects(std::string_view heading, const std::vector<ReportFacts::Object>& objects,
                     const ReportFacts& facts, const Currency& currency,
                     notifiers::Message& message) const;
    void add_alerts(const ReportFacts& facts, notifiers::Message& message) const;
    void add_breaker(const ReportFacts& facts, bool with_date, const Currency& currency,
                     notifiers::Message& message) const;
    void add_counts(const ReportFacts& facts, notifiers::Message::Section& section) const;
    std::string trip_line(const ReportFacts::Trip& trip, bool with_date,
                          const Currency& currency) const;
    std::string change(double now, double before) const;

    MessageFrame frame_;
    Wording words_;
    base::TimeZone zone_;
};

}  // namespace quotafuse::daemon
