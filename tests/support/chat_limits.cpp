#include <deque>
#include <memory>

#include "support/chat_services.h"

// How fast the services take messages, from facts of their documents.
namespace quotafuse::tests {
namespace {

using namespace std::chrono_literals;

struct History {
    std::deque<base::MonoTime> calls;
    base::MonoTime closed_until{};
};

bool refuses(History& history, const std::vector<RateLimit>& limits, base::MonoTime now) {
    bool refused = now < history.closed_until;
    for (const auto& limit : limits) {
        std::size_t recent = 0;
        for (const auto call : history.calls) recent += now - call < limit.window ? 1U : 0U;
        if (recent < limit.most) continue;
        refused = true;
        history.closed_until = std::max(history.closed_until, now + limit.block);
    }
    history.calls.push_back(now);
    if (history.calls.size() > 1000) history.calls.pop_front();
    return refused;
}

}  // namespace

Judge with_limits(Judge judge, std::vector<RateLimit> limits, Reply refusal,
                  const base::Clock& clock) {
    const auto history = std::make_shared<History>();
    return [=, judge = std::move(judge), limits = std::move(limits), refusal = std::move(refusal),
            &clock](const Call& call) -> Judgement {
        if (refuses(*history, limits, clock.mono())) return {refusal, {}};
        return judge(call);
    };
}

Judge limited_telegram(Judge judge, const base::Clock& clock) {
    return with_limits(std::move(judge), {{3, 1s}, {20, 60s}},
                       {429, R"({"ok":false,"error_code":429,"description":"Too Many Requests: )"
                             R"(retry after 7","parameters":{"retry_after":7}})"},
                       clock);
}

Judge limited_feishu(Judge judge, const base::Clock& clock) {
    return with_limits(std::move(judge), {{5, 1s}, {100, 60s}},
                       {200, R"({"code":11232,"data":{},"msg":"frequency limited psm[x]"})"},
                       clock);
}

Judge limited_wecom(Judge judge, const base::Clock& clock) {
    return with_limits(std::move(judge), {{20, 60s, 60s}},
                       {200, R"({"errcode":45009,"errmsg":"api freq out of limit"})"}, clock);
}

Judge limited_dingtalk(Judge judge, const base::Clock& clock) {
    return with_limits(
        std::move(judge), {{20, 60s, 600s}},
        {200, R"({"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"})"}, clock);
}

}  // namespace quotafuse::tests
