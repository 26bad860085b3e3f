#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/demo/gateway.h"
#include "daemon/demo/routes.h"
#include "daemon/demo/rows.h"

namespace quotafuse::demo {

/// How an upstream refused or failed.
struct Failure {
    int status = 500;
    std::string_view type;
    std::string_view code;
    std::string_view content;  // as the gateway stores it: hosts and keys masked
};
/// What fails on an ordinary day, some of it the client's doing.
const std::vector<Failure>& everyday_failures();
inline constexpr Failure kOverloaded{429, "openai_error", "rate_limit_exceeded",
                                     "Requests have exceeded the call rate limit of your current "
                                     "pricing tier. Please retry after 12 seconds."};
inline constexpr Failure kUnavailable{503, "new_api_error", "bad_response_status_code",
                                      "bad response status code 503"};
inline constexpr Failure kConnectionRefused{
    500, "new_api_error", "do_request_failed",
    "do request failed: Post \"http://***.***/v1/chat/completions\": connection refused"};

/// One request of a client on its way through the gateway.
struct Request {
    std::int64_t at = 0;  // unix seconds at its end
    const DemoToken* token = nullptr;
    const DemoModel* model = nullptr;
    /// Channels in order: the last one answered, or failed just now.
    std::vector<std::int64_t> tried = {};
    double size = 1;  // 1 is a typical request of the model
    bool stream = false;
    std::string id = {};
    std::int64_t waited_ms = 0;  // in failed attempts
};

/// Writes the rows that a gateway of a flavour would write, column for column. Amounts are by
/// chance around what is typical; the same random state gives the same row. `gateway` and `random`
/// outlive it.
class RowShapes {
public:
    RowShapes(Flavour flavour, const DemoGateway& gateway, Random& random)
        : flavour_(flavour), gateway_(gateway), random_(random) {}

    Flavour flavour() const { return flavour_; }
    /// One API writes nothing for a request that failed.
    bool logs_errors() const { return flavour_ != Flavour::one_api; }
    bool logs_refunds() const { return flavour_ == Flavour::new_api_2026; }
    bool logs_logins() const { return flavour_ == Flavour::new_api_2026; }

    LogInsert consume(const Request& request);
    /// New API only.
    LogInsert error(const Request& request, const Failure& failure);
    /// The submission of an asynchronous task; in One API an image, which has no tokens either.
    LogInsert task(const Request& request);
    /// Gives the money of a task back; New API 2026 only.
    LogInsert refund(const LogInsert& task, std::int64_t at);
    LogInsert channel_test(std::int64_t at, const DemoChannel& channel);
    /// One API says it in words; New API writes an error row of no key.
    LogInsert failed_channel_test(std::int64_t at, const DemoChannel& channel,
                                  const Failure& failure);
    LogInsert top_up(std::int64_t at, const DemoUser& user);
    LogInsert manage(std::int64_t at, const DemoUser& user);
    LogInsert system(std::int64_t at, const DemoUser& user);
    /// New API 2026 only.
    LogInsert login(std::int64_t at, const DemoUser& user);

    /// The gateway's format: local time to nanoseconds and a random tail.
    std::string request_id(std::int64_t at);

private:
    struct Usage;
    LogInsert row_of(const Request& request, std::int64_t type);
    LogInsert note(std::int64_t at, const DemoUser& user, std::int64_t type, std::string content);
    Usage usage_of(const Request& request);
    std::string consume_other(const Request& request, const Usage& usage);
    std::string error_other(const Request& request, const Failure& failure);
    std::string stream_status();
    std::string route_of(const Request& request) const;
    std::string ip_of(const DemoUser& user) const;
    const DemoChannel& channel(std::int64_t id) const;
    bool chance(double probability);
    double spread(double sigma);  // around 1

    Flavour flavour_;
    const DemoGateway& gateway_;
    Random& random_;
};

}  // namespace quotafuse::demo
