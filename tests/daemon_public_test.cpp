#include <cmath>

#include "daemon/public_page.h"
#include "daemon/web_files.h"
#include "daemon_api_fixture.h"
#include "support/login_site.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using daemon::PublicPage;

namespace {

constexpr std::int64_t kEnd = kStart + 3 * kDay + 1234;

HttpReply ask(PublicPage& page, const Query& query = {},
              std::vector<std::pair<std::string, std::string>> headers = {}) {
    HttpRequest request{.method = "GET", .target = "/api/v1/public", .path = "/api/v1/public"};
    request.query = query;
    request.headers = std::move(headers);
    return page.answer(request);
}

std::set<std::string> keys_of(const json& object) {
    std::set<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.insert(key);
    return keys;
}

}  // namespace

TEST_CASE("what everybody may see are names of models and rounded rates") {
    ApiSite site{501};
    site.fill(kStart, kEnd, 4000);
    PublicPage page{site.api().sources()};
    for (const std::string window : {"24h", "7d"}) {
        CAPTURE(window);
        const auto reply = ask(page, {{"window", window}});
        REQUIRE(reply.status == 200);
        const auto told = json::parse(reply.body);
        for (const auto& fault : api_schema().faults("/api/v1/public", 200, told))
            FAIL_CHECK(fault);
        CHECK(keys_of(told) == std::set<std::string>{"from", "to", "slot", "rows"});
        const auto all = site.ask("availability", {{"window", window}, {"by", "model"}});
        CHECK(told.at("from") == all.at("from"));
        CHECK(told.at("slot") == all.at("slot"));
        REQUIRE(told.at("rows").size() == 4);
        REQUIRE(all.at("rows").size() == 4);
        std::string before;
        for (const auto& row : told.at("rows")) {
            CHECK(keys_of(row) == std::set<std::string>{"name", "rate", "slots"});
            const auto name = row.at("name").get<std::string>();
            CHECK(before < name);
            before = name;
            const auto same =
                std::find_if(all.at("rows").begin(), all.at("rows").end(),
                             [&](const auto& other) { return other.at("name") == name; });
            REQUIRE(same != all.at("rows").end());
            const auto near = [](const json& told_rate, const json& rate, double parts) {
                if (rate.is_null()) return told_rate.is_null();
                const auto value = told_rate.get<double>();
                return std::abs(value - rate.get<double>()) <= 1 / parts &&
                       std::abs(value * parts - std::round(value * parts)) < 1e-9 &&
                       (value < 1 || rate.get<double>() == 1);
            };
            CHECK(near(row.at("rate"), same->at("rate"), 1000));
            const auto& slots = same->at("slots");
            REQUIRE(row.at("slots").size() == slots.size());
            for (std::size_t i = 0; i < slots.size(); ++i)
                CHECK(near(row.at("slots")[i], slots[i], 100));
        }
    }
    CHECK(json::parse(ask(page).body).at("slot") == 900);
}

TEST_CASE("nothing else of the store is told to everybody") {
    ApiSite site{502};
    site.fill(kStart, kEnd, 2000);
    // What a stranger asked for, and nobody ever answered.
    auto stray = entry(0, kEnd - 100, "made-up-by-a-stranger");
    stray.kind = sync::Kind::error;
    stray.status = 500;
    site.add({stray}, kEnd);
    PublicPage page{site.api().sources()};
    const auto body = ask(page).body + ask(page, {{"window", "7d"}}).body;
    std::vector<std::string> names;
    for (const auto* const sql :
         {"SELECT value FROM text WHERE id NOT IN (SELECT model FROM log WHERE kind = 1)",
          "SELECT name FROM gateway_channel", "SELECT name FROM gateway_token",
          "SELECT name FROM gateway_user"}) {
        SQLite::Statement query{site.handle(), sql};
        while (query.executeStep()) names.push_back(query.getColumn(0).getString());
    }
    CHECK(names.size() > 15);
    for (const auto& name : names) {
        CAPTURE(name);
        CHECK_FALSE(body.find(name) != std::string::npos);
    }
    CHECK(body.find("model-1") != std::string::npos);
    for (const auto* const wrong : {"30d", "1h", "", "' OR 1=1"})
        CHECK(ask(page, {{"window", wrong}}).status == 400);
    CHECK(ask(page, {{"by", "channel"}}).status == 400);
    CHECK(ask(page, {{"window", "24h"}, {"window", "7d"}}).status == 400);
}

TEST_CASE("what everybody may see is made once in a while, however many ask") {
    ApiSite site{503};
    site.fill(kStart, kEnd, 500);
    PublicPage page{site.api().sources()};
    const auto first = ask(page);
    site.fill(kEnd, kEnd + 10, 200);
    CHECK(ask(page).body == first.body);
    const auto tag = std::find_if(first.headers.begin(), first.headers.end(),
                                  [](const auto& header) { return header.first == "ETag"; });
    REQUIRE(tag != first.headers.end());
    CHECK(ask(page, {}, {{"if-none-match", tag->second}}).status == 304);
    site.clock.advance_mono(PublicPage::kGoodFor * 3);
    CHECK(ask(page).body != first.body);
}

TEST_CASE("the pages for everybody are there where status.public says so, and nowhere else") {
    ApiSite site{504};
    PublicPage page{site.api().sources()};
    const daemon::Headers proxied{{"x-forwarded-for", "203.0.113.7"}};
    const std::vector<std::string> paths{"/public", "/public.html", "/public.css", "/public.js",
                                         "/api/v1/public"};
    for (const bool with_password : {true, false}) {
        daemon::AccessSettings settings;
        if (with_password) settings.password = base::Secret{daemon::kPassword};
        const daemon::LoginSite off{settings, page.pages()};
        settings.public_pages = true;
        const daemon::LoginSite on{settings, page.pages()};
        for (const auto& path : paths) {
            CAPTURE(path);
            CHECK(off.get(path).status == 404);
            CHECK(off.get(path, proxied).status == 404);
            CHECK(on.get(path).status == 200);
            CHECK(on.get(path, proxied).status == 200);
        }
        CHECK(on.get("/public/x", proxied).status == (with_password ? 401 : 403));
    }
    const daemon::LoginSite on{{.public_pages = true}, page.pages()};
    CHECK(on.get("/public").content_type == "text/html; charset=utf-8");
    CHECK(on.get("/public").body.find("./public.js") != std::string::npos);
}

TEST_CASE("the page for everybody has no inline code, writes no markup and is in two languages") {
    std::map<std::string, std::string> files;
    for (const auto& file : daemon::web_files()) files[std::string{file.name}] = file.content;
    const auto& html = files.at("public.html");
    const auto& script = files.at("public.js");
    for (const auto* const bad : {"<style", "style=", "onclick", "http://", "https://"})
        CHECK_FALSE(html.find(bad) != std::string::npos);
    for (const auto* const bad :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", ".style"})
        CHECK_FALSE(script.find(bad) != std::string::npos);
    // Each text is there in both.
    const auto keys = [&](const std::string& language) {
        const auto begin = script.find("  " + language + ": {");
        REQUIRE(begin != std::string::npos);
        const auto text = script.substr(begin, script.find("\n  },", begin) - begin);
        std::set<std::string> found;
        for (auto at = text.find(": \""); at != std::string::npos; at = text.find(": \"", at + 1)) {
            const auto from = text.find_last_of(" {", at - 1);
            found.insert(text.substr(from + 1, at - from - 1));
        }
        return found;
    };
    CHECK(keys("en").size() > 15);
    CHECK(keys("en") == keys("zh"));
}
