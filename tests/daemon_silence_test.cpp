#include <doctest/doctest.h>

#include "alerts/rule_loader.h"
#include "base/failure.h"
#include "daemon/silence_request.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

const base::Second kNow = base::from_unix(1'767'625'200);  // 2026-01-05 23:00:00 in Shanghai

base::TimeZone shanghai() {
    return *base::TimeZone::find("Asia/Shanghai");
}

SilenceRequest request() {
    SilenceRequest request;
    request.rule = "burn";
    request.lasts = "2h";
    request.reason = "new cables";
    return request;
}

std::string refusal(const SilenceRequest& request) {
    try {
        parse_silence(request, kNow, kNow, shanghai());
    } catch (const base::Failure& e) {
        CHECK(e.code() == base::ExitCode::usage);
        return e.what();
    }
    return "accepted";
}

std::vector<alerts::Rule> rules() {
    base::yaml::Diagnostics diagnostics;
    auto set = alerts::parse_rules(
        "r.yaml", "rules:\n  - {name: burn, metric: tokens, by: [channel], window: 1h, above: 1}\n",
        {}, diagnostics);
    REQUIRE(diagnostics.ok());
    return set.rules;
}

}  // namespace

TEST_CASE("a silence is read as a rule's own conditions are, and written back the same") {
    auto one = request();
    one.match = "channel=3,model=gpt-4*,channel=azure-*,token=!internal-*";
    one.no_action = true;
    const auto silence = parse_silence(one, kNow + 1s, kNow, shanghai());
    CHECK(silence.rule == "burn");
    CHECK(silence.from == kNow + 1s);
    CHECK(silence.until == kNow + 2h);
    CHECK(silence.holds_actions);
    REQUIRE(silence.where.size() == 3);
    CHECK(silence.where[0].dimension == alerts::Dimension::channel);
    REQUIRE(silence.where[0].terms.size() == 2);
    CHECK(silence.where[0].terms[0].id == 3);
    CHECK(silence.where[0].terms[1].pattern == "azure-*");
    CHECK(match_text(silence.where) == "channel=3,channel=azure-*,model=gpt-4*,token=!internal-*");
}

TEST_CASE("the end of a silence is a duration or a local time to come") {
    auto one = request();
    one.lasts.clear();
    one.until = "2026-01-06 08:00";
    CHECK(parse_silence(one, kNow, kNow, shanghai()).until == kNow + 9h);
    one.until = "2026-01-06";  // as the day begins
    CHECK(parse_silence(one, kNow, kNow, shanghai()).until == kNow + 1h);
    one.until = "2026-01-06 08:00:30";
    CHECK(parse_silence(one, kNow, kNow, shanghai()).until == kNow + 9h + 30s);
    one.until = "2026-01-05 22:59";
    CHECK(refusal(one) ==
          "--until: 2026-01-05 22:59:00 is over; here it is 2026-01-05 23:00:00 (Asia/Shanghai)");
    for (const auto* const bad :
         {"tomorrow", "2026-02-30 08:00", "2026-01-06 25:00", "08:00", "2026-01-06 08:00 or so"}) {
        one.until = bad;
        INFO(bad);
        CHECK(refusal(one).starts_with("--until: '"));
    }
    one.until = "2028-01-06 08:00";
    CHECK(refusal(one) == "--until: a silence lasts 366 days at most");
}

TEST_CASE("what is missing or wrong in a silence is told, with what is allowed") {
    auto one = request();
    one.rule = " ";
    CHECK(refusal(one).starts_with("a silence needs a rule"));
    one = request();
    one.reason.clear();
    CHECK(refusal(one).starts_with("a silence needs a reason"));
    one = request();
    one.until = "2026-01-06 08:00";
    CHECK(refusal(one).starts_with("a silence needs an end"));
    for (const auto* const bad : {"2", "0s", "-1h", "400d", "soon"}) {
        one = request();
        one.lasts = bad;
        CHECK(refusal(one).starts_with("--for: '"));
    }
    one = request();
    one.match = "channel";
    CHECK(refusal(one) == "--match: 'channel' is no condition; write it as channel=3,model=gpt-4*");
    one.match = "model=x,chanel=3";
    INFO(refusal(one));
    CHECK(refusal(one).find("channel") != std::string::npos);
    CHECK(refusal(one).starts_with("--match:1:9: "));
}

TEST_CASE("a silence that mutes nothing is doubted") {
    const auto doubt = [](SilenceRequest one) {
        return doubts(parse_silence(one, kNow, kNow, shanghai()), rules());
    };
    auto one = request();
    CHECK(doubt(one).empty());
    one.rule = "b*";
    CHECK(doubt(one).empty());
    one.rule = "source-stale";
    CHECK(doubt(one).empty());
    one.rule = "burnn";
    CHECK(doubt(one) ==
          std::vector<std::string>{"no rule is called burnn now; did you mean burn?"});
    one = request();
    one.match = "model=x";
    CHECK(doubt(one) ==
          std::vector<std::string>{"rule burn is not grouped by model: nothing of it matches"});
}
