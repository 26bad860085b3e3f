#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/metrics.h"
#include "sync/usage_totals.h"

namespace quotafuse::daemon {
namespace {

using sync::TrafficSums;
using Type = MetricsText::Type;

constexpr auto kOther = "other";
constexpr double kMsPerSecond = 1000;

/// The bounds of the buckets, seconds, as labels have them in both formats.
constexpr std::array<std::pair<std::int64_t, const char*>, 12> kBounds{{{100, "0.1"},
                                                                        {250, "0.25"},
                                                                        {500, "0.5"},
                                                                        {1000, "1.0"},
                                                                        {2000, "2.0"},
                                                                        {5000, "5.0"},
                                                                        {10'000, "10.0"},
                                                                        {20'000, "20.0"},
                                                                        {30'000, "30.0"},
                                                                        {60'000, "60.0"},
                                                                        {120'000, "120.0"},
                                                                        {300'000, "300.0"}}};

/// By channel and model, as labels.
using Pairs = std::map<std::pair<std::string, std::string>, TrafficSums>;
using Models = std::map<std::string, sync::ModelTimes>;

struct Series {
    Pairs pairs;
    Models models;
};

void add(sync::ModelTimes& times, const sync::ModelTimes& more) {
    times.latency_total += more.latency_total;
    times.first_token_total += more.first_token_total;
    times.latency.merge(more.latency);
    times.first_token.merge(more.first_token);
}

/// Whose own series come first stays so for ever: places never change, and nothing leaves the
/// totals. So no counter falls.
Series series_of(const api::Inquiry& inquiry) {
    const auto usage = sync::read_usage(inquiry.database());
    const auto name_of = [&](sync::TextId model) {
        return MetricsText::label(inquiry.texts().text(model));
    };
    Series series;
    std::set<std::int64_t> channels;
    std::set<sync::TextId> models;
    for (const auto& pair : usage.pairs) {
        if (channels.size() < kMostChannels) channels.insert(pair.channel);
        if (models.size() < kMostModels) models.insert(pair.model);
        const auto name = name_of(pair.model);
        const bool own = !name.empty() && pair.place <= kMostPairs;
        const bool own_channel = own || channels.contains(pair.channel);
        series.pairs[{own_channel ? std::to_string(pair.channel) : kOther, own ? name : kOther}]
            .add(pair.sums);
    }
    for (const auto& [model, times] : usage.models) {
        const auto name = name_of(model);
        const bool own = !name.empty() && models.contains(model);
        add(series.models[own ? name : kOther], times);
    }
    return series;
}

struct Family {
    const char* name;
    const char* help;
    std::int64_t TrafficSums::*sum;
};

void add_requests(MetricsText& metrics, const Pairs& pairs) {
    metrics.begin("quotafuse_requests_total", Type::counter,
                  "Requests since the store began, by outcome: answer, error (a failed attempt), "
                  "client_error (a failure that is the client's doing)");
    for (const auto& [key, sums] : pairs) {
        for (const auto& [outcome, count] : {std::pair{"answer", sums.answers},
                                             {"error", sums.errors},
                                             {"client_error", sums.client_errors}})
            metrics.add({{"channel", key.first}, {"model", key.second}, {"outcome", outcome}},
                        count);
    }
}

void add_tokens(MetricsText& metrics, const Pairs& pairs) {
    metrics.begin("quotafuse_tokens_total", Type::counter,
                  "Tokens of answers since the store began, by type: prompt, completion");
    for (const auto& [key, sums] : pairs) {
        for (const auto& [type, count] :
             {std::pair{"prompt", sums.prompt_tokens}, {"completion", sums.completion_tokens}})
            metrics.add({{"channel", key.first}, {"model", key.second}, {"type", type}}, count);
    }
}

void add_histogram(MetricsText& metrics, const char* name, const char* help, const Models& models,
                   base::Histogram sync::ModelTimes::*histogram,
                   std::int64_t sync::ModelTimes::*total) {
    metrics.begin(name, Type::histogram, help);
    for (const auto& [model, times] : models) {
        const auto& values = times.*histogram;
        if (values.empty()) continue;
        for (const auto& [bound, text] : kBounds)
            metrics.add_part("_bucket", {{"model", model}, {"le", text}},
                             static_cast<double>(values.count_up_to(bound)));
        metrics.add_part("_bucket", {{"model", model}, {"le", "+Inf"}},
                         static_cast<double>(values.count()));
        metrics.add_part("_sum", {{"model", model}},
                         static_cast<double>(times.*total) / kMsPerSecond);
        metrics.add_part("_count", {{"model", model}}, static_cast<double>(values.count()));
    }
}

}  // namespace

void add_usage(MetricsText& metrics, const api::Inquiry& inquiry) {
    const auto series = series_of(inquiry);
    add_requests(metrics, series.pairs);
    add_tokens(metrics, series.pairs);
    for (const auto& family :
         {Family{"quotafuse_cache_tokens_total",
                 "Those of the prompt tokens that came from a cache", &TrafficSums::cache_tokens},
          Family{"quotafuse_quota_total",
                 "Quota that was charged since the store began, in the gateway's unit",
                 &TrafficSums::quota},
          Family{"quotafuse_refunded_quota_total", "Quota that was given back",
                 &TrafficSums::refund},
          Family{"quotafuse_empty_replies_total", "Answers with nothing in them, or that broke off",
                 &TrafficSums::empty_replies}}) {
        metrics.begin(family.name, Type::counter, family.help);
        for (const auto& [key, sums] : series.pairs)
            metrics.add({{"channel", key.first}, {"model", key.second}}, sums.*family.sum);
    }
    add_histogram(metrics, "quotafuse_latency_seconds",
                  "Time of answers that took one attempt, within 2 %", series.models,
                  &sync::ModelTimes::latency, &sync::ModelTimes::latency_total);
    add_histogram(metrics, "quotafuse_first_token_seconds",
                  "Time to the first token of streams that took one attempt, within 2 %",
                  series.models, &sync::ModelTimes::first_token,
                  &sync::ModelTimes::first_token_total);
}

}  // namespace quotafuse::daemon
