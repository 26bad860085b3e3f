#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "daemon/api/inquiry.h"
#include "daemon/api/largest.h"
#include "daemon/api/parameters.h"
#include "daemon/api/span.h"
#include "daemon/api/steps.h"

namespace quotafuse::daemon::api {

/// By what pages tell traffic apart: what the store sums, and what channels have in common.
enum class By { all, channel, model, token, user, group, route, ip, provider, tag, status, error };

/// Throws BadParameter when it is none of the names; `all` where it is absent.
By by_of(const Parameters& parameters, std::string_view name = "by");
std::string_view name_of(By by);

/// Whose traffic a request asks for. Of a name that no row has had nothing is found.
struct Filter {
    sync::TrafficFilter of{};  // a provider or tag is its channels
    bool matches_nothing = false;
};

/// The parameters of filter_of().
inline constexpr std::array<std::string_view, 11> kFilters{"channel", "model",    "token", "user",
                                                           "group",   "route",    "ip",    "status",
                                                           "code",    "provider", "tag"};
/// Throws BadParameter.
Filter filter_of(const Parameters& parameters, const Inquiry& inquiry);

/// One object's traffic, in one step.
struct ObjectTraffic {
    std::int64_t time = 0;
    std::int64_t id = 0;     // of a channel, token, user, ip or status
    std::string name{};      // what it is called now, else what the rows call it
    std::int64_t owner = 0;  // of a token: its user
    std::int64_t last = 0;   // unix second up to which its last hour with traffic goes
    sync::TrafficSums sums{};
    bool is_rest = false;  // many smaller ones in one, without id and name
};

/// What tells the objects of one kind apart: a key or user may have had several names, and a
/// provider is but a name.
using ObjectKey = std::tuple<std::int64_t, std::string, std::int64_t>;
ObjectKey key_of(By by, const ObjectTraffic& object);
/// Adds the sums of another part of the same object; the newer one's name stays.
void add_to(ObjectTraffic& object, const ObjectTraffic& part);

struct TrafficTable {
    Span span;                           // what the sums are exact for
    std::vector<ObjectTraffic> objects;  // in no order
    bool has_others = false;             // see sync::TrafficAnswer
    sync::TrafficCut cut = sync::TrafficCut::none;

    /// Whether it is all that was asked for, of each object.
    bool is_complete(const Span& asked) const { return span.from <= asked.from && !has_others; }
};

/// Whether times (percentiles, empty replies) are kept of such traffic.
bool has_times(By by, const Filter& filter);
/// Asks the store, also where several channels are one object. By status and error: failed requests
/// only. Where `largest.most` is not 0 all but about so many objects, the largest over the span,
/// are one: naming thousands takes a while.
TrafficTable traffic_by(const Inquiry& inquiry, By by, const Filter& filter, const Span& span,
                        sync::TrafficStep step = sync::TrafficStep::whole, bool times = false,
                        const Largest& largest = {});
/// Whether minutes are kept of such traffic from then on.
bool has_minutes(const Inquiry& inquiry, By by, const Filter& filter, base::Second from);
/// In steps; those of minutes whole, only by all, channel and model, of channels and models, and
/// there a client's error counts as an answer and prompt tokens stand for all. Throws BadParameter.
TrafficTable traffic_in_steps(const Inquiry& inquiry, By by, const Filter& filter, const Span& span,
                              const Step& step, const Largest& largest = {});
/// With times, of rows alone and exactly as asked for; empty where these are too many, or gone.
std::optional<TrafficTable> traffic_of_rows(const Inquiry& inquiry, By by, const Filter& filter,
                                            const Span& span, const Step& step);
/// What all of it adds up to.
sync::TrafficSums sum_of(const TrafficTable& table);

/// {"requests": …, "cost": …}; `times` adds percentiles and empty replies.
Json sums_json(const Inquiry& inquiry, const sync::TrafficSums& sums, bool times = false);
/// {"kind": "channel", "id": 3, "name": "azure"}; the kind of many in one is "rest".
Json object_json(By by, const ObjectTraffic& object);
/// {"code": "USD", "symbol": "$", "per_dollar": 1, "quota_per_unit": 500000}: `quota_per_unit` is
/// quota for one dollar, as the gateway has it; `code` is null for a currency of the gateway's own.
Json currency_json(const Inquiry& inquiry);
/// {"p50", "p90", "p95", "p99", "mean"}; null for none. `total` is the sum of the values.
Json percentiles(const base::Histogram& histogram, std::int64_t total);
/// From 0 to 1; null where there is nothing to divide by.
Json ratio(std::int64_t part, std::int64_t whole);

}  // namespace quotafuse::daemon::api
