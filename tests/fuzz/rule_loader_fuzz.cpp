// A rule file, whatever it is: refused with places, or rules that keep what rule.h promises.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "alerts/frame.h"
#include "alerts/rule_loader.h"

using namespace quotafuse;

namespace {

void demand(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "the loader broke its word: %s\n", what);
    std::abort();
}

void check_frame(const alerts::Rule& rule) {
    const auto& frame = rule.window;
    demand(frame.kind != alerts::Frame::Kind::rolling || frame.length >= std::chrono::minutes{1},
           "a window under a minute");
    demand(frame.kind != alerts::Frame::Kind::fixed || frame.from < frame.to,
           "a fixed window without length");
    const auto t = base::from_unix(1'774'750'000);  // the night of a change of the clock
    const auto span = span_of(frame, t, rule.zone);
    demand(span.tail <= span.head, "a window that ends before it begins");
    if (rule.compare_to == alerts::Comparison::none) return;
    demand(frame.kind != alerts::Frame::Kind::fixed, "a fixed window that is compared");
    if (rule.compare_to == alerts::Comparison::usual) return;
    const auto base = base_span_of(frame, rule.compare_to, t, rule.zone);
    demand(base.tail <= base.head && base.head <= span.head, "a base that is no past");
}

void check_rule(const alerts::Rule& rule) {
    demand(!rule.name.empty(), "a rule without a name");
    demand(rule.by.size() <= 4, "more than four dimensions");
    demand(std::isfinite(rule.limit) && std::isfinite(rule.clear), "a limit that is no number");
    demand(rule.below ? rule.clear >= rule.limit : rule.clear <= rule.limit, "never over");
    demand(rule.max_series >= 1, "no series at all");
    demand(rule.cooldown.count() >= 1, "no cooldown");
    demand(delay_of(rule) >= std::chrono::seconds{0}, "a look into the future");
    if (is_gauge(rule.metric)) {
        demand(rule.by == object_of(rule.metric), "a gauge of other objects");
    } else {
        check_frame(rule);
    }
    for (const auto& condition : rule.where) demand(!condition.terms.empty(), "an empty condition");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text{reinterpret_cast<const char*>(data), size};
    alerts::LoadContext context;
    context.notifiers = {"ops-telegram", "ops-feishu"};
    if (size % 2 == 1) context.kept = std::chrono::hours{35 * 24};
    if (size % 3 == 1) context.gateway = sync::Gateway::one_api;
    base::yaml::Diagnostics diagnostics;
    const auto set = alerts::parse_rules("r.yaml", text, context, diagnostics);
    const auto lines = diagnostics.lines();
    if (!diagnostics.ok()) {
        demand(set.rules.empty() && set.tests.empty(), "half a file");
        demand(!lines.empty(), "refused without a word");
    }
    for (const auto& line : lines) {
        // Of too many the last line is "and 12 more errors".
        demand(line.starts_with("r.yaml:") || line.starts_with("and "), "a fault without a place");
    }
    for (const auto& rule : set.rules) check_rule(rule);
    base::yaml::Diagnostics again;
    const auto second = alerts::parse_rules("r.yaml", text, context, again);
    demand(again.lines() == lines, "a file reads otherwise the second time");
    demand(second.rules.size() == set.rules.size(), "other rules the second time");
    for (std::size_t i = 0; i < set.rules.size(); ++i) {
        demand(fingerprint(set.rules[i]) == fingerprint(second.rules[i]), "another fingerprint");
    }
    return 0;
}
