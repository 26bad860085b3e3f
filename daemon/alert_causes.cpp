#include "daemon/alert_causes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <SQLiteCpp/Exception.h>

#include "alerts/explain.h"
#include "base/failure.h"
#include "sync/history.h"

namespace quotafuse::daemon {
namespace {

/// Learns from the rows what a key or user was called that the gateway does not name.
class LearningReader final : public sync::RowReader {
public:
    LearningReader(sync::History& history, alerts::Names& names)
        : history_(history), names_(names) {}

    const sync::Texts& texts() const override { return history_.texts(); }
    std::int64_t kept_since() const override { return history_.kept_since(); }
    std::optional<std::int64_t> first_row() override { return history_.first_row(); }
    void read(std::int64_t after, std::int64_t until,
              const std::function<void(const sync::Row&)>& visit) override {
        history_.read(after, until, [&](const sync::Row& row) {
            names_.learn(row);
            visit(row);
        });
    }
    void read_late(std::int64_t after, std::int64_t until, std::int64_t seen,
                   const std::function<void(const sync::Row&)>& visit) override {
        history_.read_late(after, until, seen, visit);
    }

private:
    sync::History& history_;
    alerts::Names& names_;
};

}  // namespace

std::shared_ptr<const AlertCauses::Told> AlertCauses::of(std::vector<Alert> alerts,
                                                         base::Second t) {
    if (alerts.size() > alerts::kMostExplained) alerts.resize(alerts::kMostExplained);
    // Whoever comes meanwhile waits: it takes less than to read it twice.
    const std::scoped_lock lock{mutex_};
    const auto age = clock_.mono() - told_at_;
    const auto is_told = [&](const Alert& alert) { return told_->parts.contains(alert); };
    const bool good =
        told_ && (age < kAtLeast || (age < kGoodFor && std::ranges::all_of(alerts, is_told)));
    if (good) return told_;
    told_ = std::make_shared<const Told>(read(alerts, t));
    told_at_ = clock_.mono();
    return told_;
}

AlertCauses::Told AlertCauses::read(const std::vector<Alert>& alerts, base::Second t) const {
    Told told;
    told.at = t;
    if (alerts.empty()) return told;
    try {
        sync::History history{store_};
        alerts::Names names{history.texts()};
        names.use(history.directory());
        std::vector<alerts::Question> questions;
        std::vector<alerts::Notice> notices;
        for (const auto& alert : alerts) {
            told.parts[alert];
            const auto rule = std::ranges::find(rules_, alert.rule, &alerts::Rule::name);
            if (rule == rules_.end()) continue;
            const auto key = alerts::key_from_json(alert.series, rule->by, history.texts());
            if (!key) continue;
            auto& notice = notices.emplace_back();
            notice.rule = alert.rule;
            notice.stored_key = alert.series;
            notice.event_id = std::to_string(notices.size());
            questions.push_back({notice.event_id, &*rule, *key});
        }
        LearningReader reader{history, names};
        alerts::explain(questions, t, reader, names, notices);
        for (auto& notice : notices)
            told.parts[{notice.rule, notice.stored_key}] = std::move(notice.contributions);
    } catch (const base::Failure& e) {
        told.why = e.what();
    } catch (const SQLite::Exception& e) {
        told.why = std::string{"the store cannot be read: "} + e.what();
    }
    return told;
}

}  // namespace quotafuse::daemon
