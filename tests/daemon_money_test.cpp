#include <algorithm>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "daemon_announcer_fixture.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace quotafuse::tests;
using base::from_unix;

namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kNoon = 20'000 * kDay + kDay / 2;  // in UTC

struct Shop {
    void spend(std::int64_t at, std::int64_t channel, std::int64_t quota,
               std::int64_t now = kNoon) {
        sync::LogEntry row;
        row.id = ++last;
        row.created_at = at;
        row.kind = sync::Kind::consume;
        row.channel = channel;
        row.model = "gpt-4o";
        row.group = "default";
        row.token = 6;
        row.quota = quota;
        row.prompt_tokens = 10;
        sync::Batch batch{{row}, {}};
        batch.position.cursor = last;
        store.append(batch, from_unix(now));
    }
    TempDir folder;
    base::Database database{folder.file("s.db"), all_schemas()};
    sync::Store store{database};
    Purse purse{database, store.texts()};
    std::int64_t last = 0;
};

alerts::Notice notice(alerts::Metric metric = alerts::Metric::tokens) {
    alerts::Notice n;
    n.event_id = "abc";
    n.rule = "token-burn";
    n.metric = metric;
    n.key = {{alerts::Dimension::channel, 3, "", "3 (azure-eu)"}};
    n.value = 2'500'000;
    n.threshold = 2'000'000;
    n.window = alerts::Frame::rolling(1h);
    n.at = from_unix(kNoon);
    n.since = n.at;
    return n;
}

Spending an_hour_of(double dollars, std::optional<double> usual) {
    Spending spending;
    spending.until = from_unix(kNoon);
    spending.from = spending.until - 1h;
    spending.dollars = dollars;
    spending.usual = usual;
    spending.channel = 3;
    return spending;
}

using Facts = std::vector<notifiers::Message::Fact>;

/// Those of money: behind the value.
Facts money_of(const Spending& spending, Language language, const Currency& currency = {}) {
    Config config;
    config.language = language;
    Messages messages{config};
    messages.show_in(currency);
    auto facts = messages.alert(notice(), {}, &spending).facts;
    REQUIRE(facts.size() == 4);
    return {facts[1], facts[2]};
}

circuit_breaker::TripResult trip(circuit_breaker::TripResult::Kind kind) {
    circuit_breaker::TripResult result;
    result.kind = kind;
    result.request.target = circuit_breaker::Target::of_channel(3);
    return result;
}

}  // namespace

TEST_CASE("an alert about money knows the last hour of its object and what is usual at the hour") {
    Shop shop;
    shop.spend(kNoon - 5 * kDay, 9, 1);  // rows reach back so far
    for (int day = 1; day <= 3; ++day) shop.spend(kNoon - day * kDay - 1800, 3, 500'000L * day);
    shop.spend(kNoon - 60, 3, 5'000'000);
    shop.spend(kNoon - 60, 4, 99'000'000);
    const auto spending = shop.purse.spending(notice(), {}, 500'000).value();
    CHECK(spending.dollars == 10);
    CHECK(spending.an_hour() == doctest::Approx(10).epsilon(0.02));
    CHECK(spending.usual == 1.5);  // the median of $0, $1, $2, $3
    CHECK(spending.channel == 3);
}

TEST_CASE("nothing is said of money where nothing is known or it is not about money") {
    Shop shop;
    CHECK_FALSE(shop.purse.spending(notice(), {}, 500'000));  // no rows at all
    shop.spend(kNoon - 60, 3, 5'000'000);
    CHECK_FALSE(shop.purse.spending(notice(), {}, 500'000)->usual);  // fewer than three days
    CHECK_FALSE(shop.purse.spending(notice(alerts::Metric::errors), {}, 500'000));
    CHECK(shop.purse.spending(notice(alerts::Metric::token_remaining), {}, 500'000));
    auto over = notice();
    over.ended = alerts::Ending::recovered;
    CHECK_FALSE(shop.purse.spending(over, {}, 500'000));
    auto by_ip = notice();
    by_ip.key.push_back({alerts::Dimension::ip, {}, "10.0.0.1", "10.0.0.1"});
    CHECK_FALSE(shop.purse.spending(by_ip, {}, 500'000));
    auto by_model = notice();
    by_model.key.push_back({alerts::Dimension::model, {}, "never seen", "never seen"});
    CHECK_FALSE(shop.purse.spending(by_model, {}, 500'000));
    auto of_all = notice();
    of_all.key.clear();
    CHECK(shop.purse.spending(of_all, {}, 500'000)->dollars == 10);
}

TEST_CASE("what a rule's `where` leaves out of the sums is not told as its spend") {
    Shop shop;
    shop.spend(kNoon - 60, 3, 5'000'000);
    shop.spend(kNoon - 60, 4, 1'000'000);
    using alerts::Dimension;
    const auto dollars = [&](const alerts::Notice& n,
                             const alerts::Where& where) -> std::optional<double> {
        const auto spending = shop.purse.spending(n, where, 500'000);
        return spending ? std::optional{spending->dollars} : std::nullopt;
    };
    const auto condition = [](Dimension dimension, alerts::Term term) {
        return alerts::Condition{dimension, {std::move(term)}};
    };
    auto of_all = notice(alerts::Metric::cost);
    of_all.key.clear();
    // One object is the object, by its id or its whole name.
    CHECK(dollars(of_all, {condition(Dimension::channel, {false, 3, {}})}) == 10);
    CHECK(dollars(of_all, {condition(Dimension::model, {false, {}, "gpt-4o"})}) == 12);
    CHECK(dollars(of_all, {condition(Dimension::token, {false, 7, {}})}) == std::nullopt);
    // A part of the traffic has no sums of its own.
    CHECK_FALSE(dollars(of_all, {condition(Dimension::channel, {true, 3, {}})}));
    CHECK_FALSE(dollars(of_all, {condition(Dimension::model, {false, {}, "gpt-*"})}));
    CHECK_FALSE(dollars(of_all, {condition(Dimension::ip, {false, {}, "10.0.0.1"})}));
    CHECK_FALSE(dollars(of_all, {{Dimension::channel, {{false, 3, {}}, {false, 4, {}}}}}));
    auto by_model = of_all;
    by_model.key = {{Dimension::model, {}, "gpt-4o", "gpt-4o"}};
    CHECK(dollars(by_model, {}) == 12);
    CHECK(dollars(by_model, {condition(Dimension::channel, {false, 4, {}})}) == 2);
    CHECK_FALSE(dollars(by_model, {condition(Dimension::token, {false, 6, {}})}));
    // What the key says already leaves nothing out, and of a gauge it chooses objects.
    CHECK(dollars(notice(), {condition(Dimension::channel, {true, 9, {}})}) == 10);
    auto gauge = notice(alerts::Metric::token_remaining);
    CHECK(dollars(gauge, {condition(Dimension::user, {false, 1, {}})}) == 10);
}

TEST_CASE("spend, times the usual and the pace of a day stand in the message") {
    CHECK(money_of(an_hour_of(51.8, 4.1), Language::english) ==
          Facts{{"Spend", "$51.80 in the last hour, 12.6 times the usual $4.10 an hour"},
                {"At this pace", "$1,243.20 a day"}});
    CHECK(money_of(an_hour_of(51.8, 4.1), Language::chinese) ==
          Facts{{"花费", "最近 1 小时 $51.80，是平时此时（每小时 $4.10）的 12.6 倍"},
                {"按此速度", "每天 $1,243.20"}});
    // Far from the usual nobody reads tenths.
    CHECK(money_of(an_hour_of(545.51, 0.1), Language::english)[0].value ==
          "$545.51 in the last hour, 5455 times the usual $0.10 an hour");
    CHECK(money_of(an_hour_of(51.8, {}), Language::english)[0].value == "$51.80 in the last hour");
    CHECK(money_of(an_hour_of(51.8, 0), Language::english)[0].value ==
          "$51.80 in the last hour, usually nothing at this time");
    auto since = an_hour_of(10, 4);
    since.from = since.until - 30min;
    CHECK(money_of(since, Language::english)[0].value ==
          "$10.00 since 11:30, 5.0 times the usual $4.00 an hour");
    CHECK(money_of(since, Language::chinese)[1].value == "每天 $480.00");
}

TEST_CASE("amounts are shown as the gateway shows them, or as the configuration wants") {
    sync::Display display;
    CHECK(currency_of(CurrencyChoice::as_gateway, {}) == Currency{});
    CHECK(currency_of(CurrencyChoice::yuan, {}) == Currency{});  // no rate is known
    CHECK(currency_of(CurrencyChoice::as_gateway, display) == Currency{});
    CHECK(currency_of(CurrencyChoice::yuan, display) == Currency{"¥", 7.3});
    display.kind = sync::Display::Kind::yuan;
    display.yuan_per_dollar = 7;
    CHECK(currency_of(CurrencyChoice::as_gateway, display) == Currency{"¥", 7});
    CHECK(currency_of(CurrencyChoice::dollars, display) == Currency{});
    display.kind = sync::Display::Kind::custom;
    display.symbol = "Pts\n";
    display.custom_per_dollar = 100;
    CHECK(currency_of(CurrencyChoice::as_gateway, display) == Currency{"Pts ", 100});
    CHECK(money_of(an_hour_of(10, {}), Language::english, {"¥", 7})[0].value ==
          "¥70.00 in the last hour");
    CHECK(format_value(alerts::Metric::cost, -2, {"¥", 7}) == "-¥14.00");
    CHECK(format_value(alerts::Metric::tokens, 2, {"¥", 7}) == "2");
}

TEST_CASE("what the gateway's options say and is no rate is not taken for one") {
    for (const auto* const rate : {"inf", "nan", "1e300", "0", "-7", "1e-300", "", "a lot"}) {
        CAPTURE(rate);
        const auto display =
            sync::display_of({{"general_setting.quota_display_type", "CUSTOM"},
                              {"USDExchangeRate", rate},
                              {"general_setting.custom_currency_exchange_rate", rate}});
        CHECK(display.yuan_per_dollar == 7.3);
        CHECK(display.custom_per_dollar == 1);
    }
    CHECK(sync::display_of({{"USDExchangeRate", "7.1"}}).yuan_per_dollar == 7.1);
}

TEST_CASE("what a trip stops is an estimate by the latest pace, of that channel only") {
    Config config;
    config.language = Language::english;
    const Messages messages{config};
    const auto spending = an_hour_of(51.8, {});
    using Kind = circuit_breaker::TripResult::Kind;
    const auto lines = [&](Kind kind, const Spending& s) {
        const auto result = trip(kind);
        return messages.alert(notice(), {result}, &s).sections.at(0).lines;
    };
    CHECK(lines(Kind::tripped, spending).back() ==
          "At the latest pace, that stops about $51.80 an hour");
    CHECK(lines(Kind::would_trip, spending).back() ==
          "At the latest pace, that would have stopped about $51.80 an hour");
    CHECK(lines(Kind::refused, spending).size() == 1);
    auto of_a_model = spending;
    of_a_model.channel.reset();
    CHECK(lines(Kind::tripped, of_a_model).back().starts_with("Recovery"));
    const auto object =
        nlohmann::json::parse(messages.alert(notice(), {}, &spending).alerts.front());
    CHECK(object.at("spend").at("usd") == 51.8);
    CHECK(object.at("spend").at("usual_usd_per_hour").is_null());
}

TEST_CASE("an alert that the breaker answers keeps what it said of money") {
    Desk desk{burn_rule("one", 1)};
    sync::GatewayInfo info;
    info.display = sync::Display{sync::Display::Kind::yuan, 7, {}, 1};
    desk.announcer().observe(info);
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 500, kStart + 1, 5'000'000);
    desk.tick();
    desk.take_results(1);
    const auto text = desk.texts("a").at(0);
    CHECK(contains(text, "¥70.00 in the last hour"));
    CHECK(contains(text, "is disabled at the gateway"));
    CHECK(contains(text, "At the latest pace, that stops about ¥7"));
}

TEST_CASE("an alert tells the money of what its rule chooses, and none where that is not known") {
    Desk desk{
        "  - {name: one, metric: tokens, where: {channel: 1}, window: 1h, above: 1000}\n"
        "  - {name: some, metric: tokens, where: {channel: [1, 2]}, window: 1h, above: 1000}\n"};
    desk.row(1, 1, kStart);
    desk.tick();
    desk.row(1, 5000, kStart + 1, 5'000'000);
    desk.row(2, 5000, kStart + 1, 9'000'000);
    desk.tick();
    std::size_t with_money = 0;
    for (const auto& text : desk.texts("a")) {
        with_money += contains(text, "in the last hour") ? 1 : 0;
        CHECK_FALSE(contains(text, "$28.00"));
    }
    CHECK(with_money == 1);
}
