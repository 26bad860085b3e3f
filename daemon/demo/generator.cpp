#include "daemon/demo/generator.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace quotafuse::demo {
namespace {

constexpr int kRetries = 1;  // the gateway's option RetryTimes
constexpr double kEverydayFailure = 0.008;
constexpr double kChore = 0.015;  // events that are no requests
constexpr double kTaskFailure = 0.15;
constexpr std::int64_t kRefundDelay = 240;
constexpr std::int64_t kHour = 3600;

template <class Things>
std::discrete_distribution<std::size_t> by_popularity(const Things& things) {
    std::vector<double> weights;
    for (const auto& thing : things) weights.push_back(thing.popularity);
    return {weights.begin(), weights.end()};
}

template <class Things>
const auto& named(const Things& things, std::string_view name) {
    const auto found = std::find_if(things.begin(), things.end(),
                                    [&](const auto& thing) { return thing.name == name; });
    if (found == things.end())
        throw std::invalid_argument("the demo gateway has no " + std::string{name});
    return *found;
}

/// New API retries what another channel may do better.
bool worth_a_retry(const Failure& failure) {
    return failure.status == 429 || failure.status >= 500;
}

/// How busy a gateway in China is, 0.2 at 4 in the morning to 1.8 at 16 o'clock.
double busyness(std::int64_t at) {
    const auto of_day = static_cast<double>((at + 8 * kHour) % 86'400) / 86'400;
    return 1 - 0.8 * std::cos(2 * std::numbers::pi * (of_day - 4.0 / 24));
}

/// Spreads a share of all rows over time by busyness, hour by hour.
class Timeline {
public:
    Timeline(std::int64_t from, std::int64_t until) {
        double sum = 0;
        for (auto start = from; start < until; start += kHour) {
            const auto length = std::min(kHour, until - start);
            slices_.push_back({start, length, sum});
            sum += busyness(start) * static_cast<double>(length);
        }
        total_ = sum;
    }
    /// The second by which `share` (0 … below 1) of the rows have come.
    std::int64_t at(double share) const {
        const auto sought = share * total_;
        const auto after =
            std::upper_bound(slices_.begin(), slices_.end(), sought,
                             [](double value, const Slice& s) { return value < s.before; });
        const auto& slice = *std::prev(after);
        const auto into =
            static_cast<std::int64_t>((sought - slice.before) / busyness(slice.start));
        return slice.start + std::min(into, slice.length - 1);
    }

private:
    struct Slice {
        std::int64_t start;
        std::int64_t length;
        double before;
    };
    std::vector<Slice> slices_;
    double total_ = 0;
};

}  // namespace

RowGenerator::RowGenerator(std::uint64_t seed, Flavour flavour, DemoGateway gateway)
    : gateway_(std::move(gateway)),
      random_(seed),
      shapes_(flavour, gateway_, random_),
      routes_(gateway_),
      pick_token_(by_popularity(gateway_.tokens)),
      pick_model_(by_popularity(gateway_.models)) {}

bool RowGenerator::chance(double probability) {
    return std::bernoulli_distribution{probability}(random_);
}

template <class List>
const auto& RowGenerator::any(const List& list) {
    return list[std::uniform_int_distribution<std::size_t>{0, list.size() - 1}(random_)];
}

std::vector<LogInsert> RowGenerator::event(std::int64_t at) {
    if (!refunds_.empty() && refunds_.front().at <= at) {
        auto row = shapes_.refund(refunds_.front().task, at);
        refunds_.pop_front();
        return {std::move(row)};
    }
    if (chance(kChore)) return {chore(at)};
    return request(at);
}

std::vector<LogInsert> RowGenerator::request(std::int64_t at) {
    const auto& model = gateway_.models[pick_model_(random_)];
    return ask(at, gateway_.tokens[pick_token_(random_)], model, 1);
}

std::vector<LogInsert> RowGenerator::request(std::int64_t at, std::string_view token,
                                             std::string_view model, double size) {
    return ask(at, named(gateway_.tokens, token), named(gateway_.models, model), size);
}

std::vector<LogInsert> RowGenerator::ask(std::int64_t at, const DemoToken& token,
                                         const DemoModel& model, double size) {
    Request request{.at = at, .token = &token, .model = &model, .size = size};
    const bool writes = model.kind == ModelKind::chat || model.kind == ModelKind::claude;
    request.stream = writes && chance(0.75);
    request.id = shapes_.request_id(at);
    return send(std::move(request));
}

std::vector<LogInsert> RowGenerator::send(Request request) {
    const auto& group = gateway_.owner(*request.token).group;
    std::vector<LogInsert> rows;
    for (int attempt = 0; attempt <= kRetries; ++attempt) {
        const auto channel = routes_.choose(group, request.model->name, attempt, random_);
        if (!channel) break;
        request.tried.push_back(*channel);
        const auto failure = fails(*channel);
        if (!failure) {
            rows.push_back(answer(request));
            break;
        }
        request.waited_ms += std::uniform_int_distribution<std::int64_t>{200, 3000}(random_);
        if (shapes_.logs_errors()) rows.push_back(shapes_.error(request, *failure));
        if (!worth_a_retry(*failure)) break;
    }
    return rows;
}

std::optional<Failure> RowGenerator::fails(std::int64_t channel) {
    for (const auto& trouble : troubles_) {
        if (trouble.channel == channel && chance(trouble.share)) return trouble.failure;
    }
    if (chance(kEverydayFailure)) return any(everyday_failures());
    return {};
}

LogInsert RowGenerator::answer(const Request& request) {
    if (request.model->kind != ModelKind::task) return shapes_.consume(request);
    auto row = shapes_.task(request);
    if (shapes_.logs_refunds() && chance(kTaskFailure))
        refunds_.push_back({request.at + kRefundDelay, row});
    return row;
}

LogInsert RowGenerator::chore(std::int64_t at) {
    const auto& user = any(gateway_.users);
    switch (std::uniform_int_distribution<int>{0, 9}(random_)) {
        case 0:
            return shapes_.top_up(at, user);
        case 1:
            return shapes_.manage(at, user);
        case 2:
            return shapes_.system(at, user);
        case 3:
            return shapes_.failed_channel_test(at, any(gateway_.channels),
                                               any(everyday_failures()));
        case 4:
        case 5:
        case 6:
            if (shapes_.logs_logins()) return shapes_.login(at, user);
            break;
        default:
            break;
    }
    return shapes_.channel_test(at, any(gateway_.channels));
}

void RowGenerator::history(std::int64_t from, std::int64_t until, std::size_t count,
                           const Visit& visit) {
    const Timeline timeline{from, until};
    for (std::size_t made = 0; made < count;) {
        const auto at = timeline.at(static_cast<double>(made) / static_cast<double>(count));
        for (auto& row : event(at)) {
            if (made == count) break;
            visit(std::move(row));
            ++made;
        }
    }
}

}  // namespace quotafuse::demo
