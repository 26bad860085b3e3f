#include "daemon/look_troubles.h"

#include <cstdlib>
#include <vector>

#include <fmt/format.h>

namespace quotafuse::daemon {
namespace {

using Kind = circuit_breaker::Target::Kind;

const char* plural(Kind kind) {
    switch (kind) {
        case Kind::channel:
            return "channels";
        case Kind::model:
            return "models";
        case Kind::token:
            return "keys";
    }
    std::abort();
}

const char* chinese(Kind kind) {
    switch (kind) {
        case Kind::channel:
            return "渠道";
        case Kind::model:
            return "模型";
        case Kind::token:
            return "令牌";
    }
    std::abort();
}

}  // namespace

void LookTroubles::note(const Troubles& troubles) {
    looked_ = true;
    for (const auto& [kind, error] : troubles) {
        auto& trouble = troubles_.try_emplace(kind, Trouble{clock_.mono(), {}}).first->second;
        if (trouble.error == error) continue;
        trouble.error = error;
        log_.warning("breaker: " + text_of(kind, error, false));
    }
    std::erase_if(troubles_, [&](const auto& former) {
        const bool over = !troubles.contains(former.first);
        if (over)
            log_.info(fmt::format("breaker: {} that it disabled can be looked after again",
                                  plural(former.first)));
        return over;
    });
}

void LookTroubles::tell(alerts::SelfAlerts& alerts) const {
    if (!looked_) return;
    const bool all_is_stale = alerts.fires("source-stale");
    std::vector<std::string> known;
    for (const auto& [kind, trouble] : troubles_) {
        known.push_back(about(kind));
        if (all_is_stale || clock_.mono() - trouble.since < kLasts) continue;
        alerts.set(alerts::SelfAlert::breaker_blind, known.back(), true,
                   text_of(kind, trouble.error, false), text_of(kind, trouble.error, true));
    }
    alerts.keep_only(alerts::SelfAlert::breaker_blind, known);
}

std::string LookTroubles::about(Kind kind) const {
    return std::string{words_.say(chinese(kind), plural(kind))};
}

std::string LookTroubles::text_of(Kind kind, const std::string& error, bool told) const {
    if (told && words_.chinese()) {
        return fmt::format(
            "无法照看 quotafuse 禁用的{}：{}。期间有人重新启用也不会被发现。请运行 `quotafuse "
            "check --online` 查看原因；缺少权限时，执行 `quotafuse grants` 打印的语句",
            chinese(kind), error);
    }
    return fmt::format(
        "{} that quotafuse disabled cannot be looked after: {}; it goes unnoticed meanwhile when "
        "somebody enables one. `quotafuse check --online` tells what is wrong, `quotafuse grants` "
        "prints the grants that the breaker's account needs",
        plural(kind), error);
}

}  // namespace quotafuse::daemon
