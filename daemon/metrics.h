#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "daemon/api/inquiry.h"
#include "daemon/api/reply_cache.h"
#include "daemon/http_message.h"
#include "daemon/metrics_text.h"

namespace quotafuse::daemon {

/// /metrics: what the store has summed up, what the daemon publishes, what the kernel knows of the
/// process. In the text format 0.0.4, or in OpenMetrics for whoever asks for it. Made at most once
/// in kGoodFor, however many ask. Thread-safe.
class MetricsPage {
public:
    static constexpr base::Milliseconds kGoodFor{4000};

    struct Told {
        std::function<std::string()> status;  // /api/v1/status as it was last published
        std::function<std::string()> rules;   // what /api/v1/rules answers
    };
    /// `sources` outlives it.
    MetricsPage(const api::Sources& sources, Told told);

    HttpReply answer(const HttpRequest& request);

private:
    HttpReply make(const HttpRequest& request, MetricsText::Format format) const;

    const api::Sources& sources_;
    Told told_;
    api::ReplyCache cache_;
};

/// Usage by channel and model, as counters since the store began. Of the first kMostPairs pairs of
/// channel and model each has its own series, in the order in which they were seen, so that none
/// changes its place; what came later is the model "other" of its channel, and beyond kMostChannels
/// channels, of the channel "other". Latencies are of the first kMostModels models, and "other".
inline constexpr std::int64_t kMostPairs = 500;
inline constexpr std::size_t kMostChannels = 100;
inline constexpr std::size_t kMostModels = 100;
void add_usage(MetricsText& metrics, const api::Inquiry& inquiry);

/// Channels with status and balance, the first kMostGatewayChannels of them, and sums of quota.
inline constexpr int kMostGatewayChannels = 500;
void add_gateway(MetricsText& metrics, const api::Inquiry& inquiry);

/// Of `status`, which is an empty object before the pipeline has published for the first time: how
/// the gateway is read, the outbox, the breaker, the built-in alerts.
void add_status(MetricsText& metrics, const api::Json& status);
/// What the breaker did in the last day, by the step of its audit.
void add_breaker_steps(MetricsText& metrics, const api::Inquiry& inquiry);
/// Rules by their state, value and threshold. `rules` is what /api/v1/rules answers.
void add_rules(MetricsText& metrics, const api::Json& rules);

}  // namespace quotafuse::daemon
