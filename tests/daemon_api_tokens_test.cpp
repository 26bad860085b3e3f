#include "daemon_api_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using daemon::api::TokenPage;
using daemon::api::TokenQuestion;

namespace {

constexpr std::int64_t kEnd = kStart + 40 * kDay + 1234;

daemon::api::GatewayToken token(std::int64_t id, std::int64_t user, const std::string& name) {
    daemon::api::GatewayToken one;
    one.id = id;
    one.user = user;
    one.name = name;
    one.status = 1;
    one.remaining = 250'000;
    return one;
}

}  // namespace

TEST_CASE("keys have their owners' names and what they did in thirty days") {
    TokenPage page;
    page.available = page.masks = true;
    page.tokens = {token(3, 1, "<b>"), token(2, 2, "two"), token(99, 3, "new")};
    page.tokens[0].masked = "abcd****wxyz";
    page.tokens[0].created_at = 5;
    page.tokens[1].unlimited = true;
    page.tokens[1].expires_at = 7;
    page.next = 2;
    std::vector<TokenQuestion> asked;
    daemon::api::Facts facts;
    facts.list_tokens = [&](const TokenQuestion& question) {
        asked.push_back(question);
        return page;
    };
    ApiSite site{601, "Asia/Shanghai", facts};
    site.fill(kStart, kEnd, 6000);
    const auto answer = site.ask("tokens", {{"limit", "3"}, {"cursor", "100"}, {"search", "名"}});
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].most == 3);
    CHECK(asked[0].below == 100);
    CHECK(asked[0].search == "名");
    CHECK(answer.at("available") == true);
    CHECK(answer.at("next_cursor") == 2);
    CHECK(answer.at("masks") == json::parse(R"({"from": "view", "code": "", "why": ""})"));
    CHECK(answer.at("from") == (kEnd - 30 * kDay) / kHour * kHour);
    const auto& rows = answer.at("rows");
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].at("name") == "<b>");
    CHECK(rows[0].at("masked") == "abcd****wxyz");
    CHECK(rows[0].at("user").at("name") == "alice");
    CHECK(rows[0].at("created_at") == 5);
    CHECK(rows[0].at("last_used") == nullptr);
    CHECK(rows[0].at("remaining") == 250'000);
    CHECK(rows[1].at("remaining") == nullptr);
    CHECK(rows[1].at("expires_at") == 7);
    CHECK(rows[1].at("masked") == nullptr);
    CHECK(rows[2].at("requests") == 0);
    // The gateway's users 1 and 2 are known, the third one by its requests.
    CHECK(rows[2].at("user").at("name") == "user-3");
    CHECK(rows[2].at("success_rate") == nullptr);
    for (const std::size_t i : {0U, 1U}) {
        const auto sums =
            site.sums(span_of(answer) + fmt::format(" AND token = {}", rows[i].at("id").dump()));
        CHECK(sums.at("requests") > 100);
        CHECK(rows[i].at("requests") == sums.at("requests"));
        CHECK(rows[i].at("success_rate").get<double>() ==
              doctest::Approx(1 - sums.at("error_rate").get<double>()));
    }
}

TEST_CASE("a key of a gateway without their ids in the log goes by its owner and name") {
    TokenPage page;
    page.available = true;
    page.tokens = {token(105, 1, "key-0"), token(106, 2, "key-0"), token(107, 1, "key-7")};
    daemon::api::Facts facts;
    facts.list_tokens = [&](const TokenQuestion&) { return page; };
    ApiSite site{602, "Asia/Shanghai", facts};
    site.fill(kStart, kStart + 5 * kDay, 2000);
    const auto answer = site.ask("tokens");
    for (const auto& row : answer.at("rows")) {
        const auto sums = site.sums(fmt::format("token = 0 AND user = {} AND token_name = {}",
                                                row.at("user").at("id").dump(),
                                                text_sql(row.at("name").get<std::string>())));
        CHECK(row.at("requests") == sums.at("requests"));
    }
    CHECK(answer.at("rows").at(0).at("requests") > 10);
}

TEST_CASE("a gateway that does not answer leaves the list of keys empty and says why") {
    daemon::api::Facts facts;
    facts.list_tokens = [](const TokenQuestion&) {
        TokenPage page;
        page.why = "it is away";
        return page;
    };
    ApiSite site{603, "Asia/Shanghai", facts};
    const auto answer = site.ask("tokens");
    CHECK(answer.at("available") == false);
    CHECK(answer.at("why") == "it is away");
    CHECK(answer.at("rows").empty());
    ApiSite alone{604};
    CHECK(alone.ask("tokens").at("available") == false);
}

TEST_CASE("the gateway is asked once by all who ask for the same keys") {
    int asked = 0;
    daemon::api::Facts facts;
    facts.list_tokens = [&](const TokenQuestion&) {
        ++asked;
        return TokenPage{};
    };
    ApiSite site{605, "Asia/Shanghai", facts};
    const auto first = site.reply("/api/v1/tokens");
    for (int i = 0; i < 5; ++i) site.reply("/api/v1/tokens");
    CHECK(asked == 1);
    CHECK(
        site.reply("/api/v1/tokens", {}, {{"if-none-match", first.headers.at(0).second}}).status ==
        304);
    for (const Query& wrong : {Query{{"limit", "201"}}, Query{{"cursor", "0"}}, Query{{"x", "1"}},
                               Query{{"search", std::string(101, 'x')}}, Query{{"limit", "1e2"}}})
        site.ask("tokens", wrong, 400);
    CHECK(asked == 1);
}
