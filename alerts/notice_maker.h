#pragma once

#include <optional>
#include <string>
#include <vector>

#include "alerts/decide.h"
#include "alerts/meter.h"
#include "alerts/names.h"
#include "alerts/notice.h"
#include "alerts/rule.h"
#include "alerts/series_key.h"
#include "alerts/step.h"

namespace quotafuse::alerts {

/// Of the rule's value: that of its metric, or percent of a comparison.
std::string unit_of(const Rule& rule);
/// The id of the `sequence`th notice of the episode that began at `began`; 0 stands for the episode
/// itself. `key` as it is stored.
std::string event_id_of(const std::string& rule, const std::string& key, base::Second began,
                        int sequence);

/// Episodes of a flapping series within the last hour, as far as its state remembers them.
int flaps_of(const AlertState& state, base::Second t);

/// Puts what was decided about the series of one rule into notices.
class NoticeMaker {
public:
    /// Both must outlive it.
    NoticeMaker(const Rule& rule, const sync::Texts& texts) : rule_(rule), texts_(texts) {}

    /// `former` is the state before the decision, which no longer knows when a resolved episode
    /// ended.
    Notice make(const SeriesKey& key, std::vector<KeyName> names, const Facts& facts,
                const Reading& reading, const AlertState& former, const Decision& decision) const;
    /// One notice for what the first look found: the notices of its series, largest first, at least
    /// one.
    Notice summarise(std::vector<Notice> found) const;
    /// One notice for what came and went. `names`: of the worst.
    Notice digest(const DigestRecord& record, std::vector<KeyName> names, base::Second at) const;

    /// The notice of an episode; 0 stands for the episode itself.
    std::string event_id(const SeriesKey& key, const AlertState& state, int sequence) const;
    std::string stored_key(const SeriesKey& key) const;

private:
    Notice of_rule(Reason reason, base::Second at) const;
    std::string summary_of(const Notice& notice) const;
    std::vector<Action> actions_for(const SeriesKey& key) const;
    const KeyPart* key_part(const SeriesKey& key, Dimension dimension) const;
    std::string model_of(const SeriesKey& key) const;
    Action about(Action action, const KeyPart& part) const;

    const Rule& rule_;
    const sync::Texts& texts_;
};

}  // namespace quotafuse::alerts
