#pragma once

#include <string>

#include "base/time_zone.h"
#include "daemon/breaker_report.h"
#include "daemon/config.h"

namespace quotafuse::daemon {

/// A report of the breaker for people and for programs: a table of the rules with a piece of advice
/// for each, then the newest trips, at most kMostShown. Both must outlive it.
class BreakerReportText {
public:
    BreakerReportText(const BreakerReport& report, const Config& config)
        : report_(report), config_(config) {}

    std::string text() const;
    /// One line; `quotafuse breaker report --help` says what is in it.
    std::string json() const;

    static constexpr std::size_t kMostShown = 50;

private:
    std::string head() const;
    std::string table() const;
    std::string earlier() const;
    std::string guards() const;
    std::string advice(const BreakerReport::RuleSum& sum) const;
    std::string advice_on_live(const BreakerReport::RuleSum& sum) const;
    std::string advice_on_shadow(const BreakerReport::RuleSum& sum) const;
    std::string promotion(const BreakerReport::RuleSum& sum) const;
    std::string trips() const;
    std::string line(const BreakerReport::Trip& trip) const;
    std::string worth(const BreakerReport::Trip& trip) const;
    std::string worth_of_live(const BreakerReport::Trip& trip) const;
    std::string mode_of(const BreakerReport::RuleSum& sum) const;
    double dollars(double quota) const;
    std::string amount(double quota) const;

    const BreakerReport& report_;
    const Config& config_;
};

}  // namespace quotafuse::daemon
