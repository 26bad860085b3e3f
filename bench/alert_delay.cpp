#include "bench/alert_delay.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <random>
#include <stop_token>
#include <thread>

#include <fmt/format.h>

#include "base/guarded.h"
#include "bench/daemon.h"
#include "tests/support/chat_services.h"

namespace quotafuse::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Moments = std::map<int, Clock::time_point>;  // by sample

constexpr auto kRules =
    "rules:\n  - {name: burn, metric: tokens, by: [token], window: 5m, above: 1000000000, where: "
    "{token: \"burn-*\"}, resolved: false}\n";
constexpr std::int64_t kBurn = 2'000'000'000;
constexpr std::int64_t kFirstBurningKey = 900'000;
constexpr std::size_t kRowsOfSlice = 200;
constexpr std::chrono::milliseconds kSlice{100};

/// The sample whose key the message names; -1 when it names none.
int sample_of(const std::string& body) {
    const auto at = body.find("burn-");
    return at == std::string::npos ? -1 : std::atoi(body.c_str() + at + 5);
}

/// Notes when each message's bytes came.
tests::Judge note_arrivals(base::Guarded<Moments>& arrived) {
    return [&arrived](const tests::Call& call) {
        const auto now = Clock::now();
        arrived.with([&](Moments& moments) { moments.emplace(sample_of(call.body), now); });
        return tests::Judgement{{200, R"({"StatusCode":0,"code":0,"msg":"success"})"}, {}};
    };
}

/// Keeps the gateway busy until it is stopped.
std::jthread load(Gateway& gateway) {
    return std::jthread{[&gateway](const std::stop_token& stop) {
        auto next = Clock::now();
        while (!stop.stop_requested()) {
            gateway.requests(kRowsOfSlice);
            next += kSlice;
            std::this_thread::sleep_until(next);
        }
    }};
}

/// The nearest rank of all that were sent; one that never arrived took for ever.
void report(const Moments& sent, const Moments& arrived, Budgets& budgets) {
    std::vector<double> delays;
    for (const auto& [sample, at] : sent) {
        const auto found = arrived.find(sample);
        delays.push_back(found == arrived.end()
                             ? std::numeric_limits<double>::infinity()
                             : std::chrono::duration<double>(found->second - at).count());
    }
    if (arrived.empty()) throw std::runtime_error("no alert arrived");
    std::sort(delays.begin(), delays.end());
    const auto rank = [&](double q) {
        return delays[static_cast<std::size_t>(std::ceil(q * static_cast<double>(delays.size()))) -
                      1];
    };
    std::cout << fmt::format(
        "P2  commit to bytes at the chat service, {} of {} alerts: median {:.2f} s, 99 % {:.2f} s, "
        "most {:.2f} s (budget: 99 % within 1.1 s)\n",
        arrived.size(), sent.size(), rank(0.5), rank(0.99), delays.back());
    budgets.judge("P2", rank(0.99) <= 1.1);
}

}  // namespace

void measure_alert_delay(Gateway& gateway, int samples, Budgets& budgets) {
    base::Guarded<Moments> arrived;
    const tests::ChatService service{note_arrivals(arrived)};
    const Daemon daemon{gateway, kRules,
                        fmt::format("notifiers: {{chat: {{type: feishu, webhook: "
                                    "\"{}/open-apis/bot/v2/hook/bench\"}}}}\n",
                                    service.url())};
    auto busy = load(gateway);
    std::mt19937 random{1};
    // At every phase of the poll, and apart enough to find the service idle: after a start
    // quotafuse counts half of what the service takes in a minute as sent.
    std::uniform_int_distribution<int> pause{1400, 2400};
    Moments sent;
    for (int sample = 0; sample < samples; ++sample) {
        std::this_thread::sleep_for(std::chrono::milliseconds{pause(random)});
        gateway.burn(kFirstBurningKey + sample, fmt::format("burn-{}", sample), kBurn);
        sent[sample] = Clock::now();
    }
    tests::eventually([&] { return arrived.copy().size() >= sent.size(); },
                      std::chrono::seconds{10});
    busy.request_stop();
    busy.join();
    report(sent, arrived.copy(), budgets);
}

}  // namespace quotafuse::bench
