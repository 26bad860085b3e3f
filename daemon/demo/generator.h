#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "daemon/demo/row_shapes.h"

namespace quotafuse::demo {

/// A channel that is not well.
struct Trouble {
    std::int64_t channel = 0;
    double share = 1;  // of the attempts that fail, 0 … 1
    Failure failure;
};

/// Makes the rows that a busy gateway writes: a few hot keys and models and a long tail, failed
/// attempts and retries with one request id, channel tests, tasks and their refunds, top-ups and
/// the like. The same seed and calls give the same rows. Used by one thread.
class RowGenerator {
public:
    RowGenerator(std::uint64_t seed, Flavour flavour, DemoGateway gateway);
    RowGenerator(const RowGenerator&) = delete;
    RowGenerator& operator=(const RowGenerator&) = delete;

    /// Where requests may go; at first wherever the gateway's own channels say.
    void set_routes(Routes routes) { routes_ = std::move(routes); }
    void set_troubles(std::vector<Trouble> troubles) { troubles_ = std::move(troubles); }

    /// The rows of one thing that happened at `at` (unix seconds), mostly a request. None when no
    /// channel would serve it, because the gateway logs nothing then.
    std::vector<LogInsert> event(std::int64_t at);
    /// One request of any key for any model.
    std::vector<LogInsert> request(std::int64_t at);
    /// One request of the named key and model, `size` times as big as usual. Both names must exist.
    std::vector<LogInsert> request(std::int64_t at, std::string_view token, std::string_view model,
                                   double size);

    /// `count` rows from `from` up to before `until`, by time, busier in the day of China than in
    /// its night.
    using Visit = std::function<void(LogInsert&&)>;
    void history(std::int64_t from, std::int64_t until, std::size_t count, const Visit& visit);

private:
    struct DueRefund {
        std::int64_t at;
        LogInsert task;
    };
    std::vector<LogInsert> ask(std::int64_t at, const DemoToken& token, const DemoModel& model,
                               double size);
    std::vector<LogInsert> send(Request request);
    std::optional<Failure> fails(std::int64_t channel);
    LogInsert answer(const Request& request);
    LogInsert chore(std::int64_t at);
    bool chance(double probability);
    template <class List>
    const auto& any(const List& list);

    DemoGateway gateway_;
    Random random_;
    RowShapes shapes_;
    Routes routes_;
    std::vector<Trouble> troubles_;
    std::discrete_distribution<std::size_t> pick_token_;
    std::discrete_distribution<std::size_t> pick_model_;
    std::deque<DueRefund> refunds_;
};

}  // namespace quotafuse::demo
