// docs/breaker.md, "Undoing it by hand": its statements as they stand there, on MariaDB.
#include <fstream>
#include <iterator>
#include <sstream>

#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include "circuit_breaker_return_fixture.h"

using namespace quotafuse;
using namespace quotafuse::circuit_breaker;
using namespace quotafuse::tests;

namespace {

/// The statements of one block of SQL, without their remarks.
using Block = Texts;

/// The blocks of that chapter, in their order.
struct ByHand {
    Block see;      // channels, models, keys
    Block ranks;    // of channel 3 on trial
    Block channel;  // 3
    Block model;    // gpt-4o of channel 3
    Block key;      // 17
};

Block statements(const std::string& block) {
    std::string sql;
    std::istringstream in{block};
    for (std::string line; std::getline(in, line);) sql += line.substr(0, line.find("--")) + " ";
    Block all;
    std::istringstream parts{sql};
    for (std::string part; std::getline(parts, part, ';');) {
        const auto begin = part.find_first_not_of(' ');
        if (begin != std::string::npos) all.push_back(part.substr(begin));
    }
    return all;
}

ByHand by_hand() {
    std::ifstream file{QUOTAFUSE_DOCS "/breaker.md"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    const auto begin = text.find("\n## Undoing it by hand\n");
    REQUIRE(begin != std::string::npos);
    const auto chapter = text.substr(begin, text.find("\n## ", begin + 1) - begin);
    std::vector<Block> blocks;
    const std::string fence = "```sql\n";
    for (auto at = chapter.find(fence); at != std::string::npos; at = chapter.find(fence, at + 1)) {
        const auto sql = at + fence.size();
        blocks.push_back(statements(chapter.substr(sql, chapter.find("```", sql) - sql)));
    }
    REQUIRE(blocks.size() == 5);
    REQUIRE(blocks[0].size() == 3);
    return {blocks[0], blocks[1], blocks[2], blocks[3], blocks[4]};
}

/// All at once: a transaction belongs to one connection.
void run(TestGateway& gateway, const Block& block) {
    gateway.sql(fmt::format("{}", fmt::join(block, "; ")));
}

/// Channels 2 and 3 for the same models. Of 3 vip/gpt-4o has a rank of its own, and vip/o1 is off
/// by somebody's choice.
void add_channels_and_key(TestGateway& gateway) {
    for (const std::int64_t id : {2, 3}) {
        gateway.add_channel(id, {"default", "vip"}, {"o1", "gpt-4o"});
        gateway.set_rank(id, 7, 3);
    }
    gateway.sql(
        "UPDATE abilities SET priority = 9 WHERE channel_id = 3 AND `group` = 'vip' AND model = "
        "'gpt-4o'; UPDATE abilities SET enabled = 0 WHERE channel_id = 3 AND `group` = 'vip' AND "
        "model = 'o1'; UPDATE channels SET other_info = '{\"note\": 1}' WHERE id = 3");
    gateway.add_token(17, 4, "ci");
    gateway.add_token(18, 4, "other");
}

}  // namespace

TEST_CASE("by hand: a channel that is off, or on trial, comes back with all that it had") {
    const auto all = by_hand();
    for (const std::string schema : {"newapi_2025", "newapi_2026"}) {
        for (const bool trial : {false, true}) {
            CAPTURE(schema);
            CAPTURE(trial);
            TestGateway gateway{Engine::mariadb, schema};
            add_channels_and_key(gateway);
            const auto before = everything(gateway);
            CHECK(gateway.sql(all.see[0]).empty());
            if (trial)
                put_on_trial(gateway, 3, "t1");
            else
                tripped(gateway, 3, "t1");
            CHECK(everything(gateway) != before);
            const auto seen = gateway.sql(all.see[0]);
            REQUIRE(seen.size() == 1);
            CHECK(seen[0][0] == "3");
            const auto mark = Json::parse(seen[0].back()).at("quotafuse");
            CHECK(mark.at("off") == Json::parse(R"([["vip", "o1"]])"));
            if (trial) {
                CHECK(mark.at("kept").at("priority") == 7);
                CHECK(mark.at("kept").at("abilities").size() == 1);
                run(gateway, all.ranks);
            }
            run(gateway, all.channel);
            CHECK(everything(gateway) == before);
            CHECK(gateway.sql(all.see[0]).empty());
        }
    }
}

TEST_CASE("by hand: a model and a key come back, and are found before") {
    const auto all = by_hand();
    TestGateway gateway{Engine::mariadb, "newapi_2026"};
    add_channels_and_key(gateway);
    const auto before = everything(gateway);
    CHECK(gateway.sql(all.see[1]).empty());
    CHECK(gateway.sql(all.see[2]).empty());
    REQUIRE(kind_name(trip(gateway, live_model(3, "gpt-4o")).kind) == "tripped");
    REQUIRE(kind_name(trip(gateway, live_token(17)).kind) == "tripped");
    const auto models = gateway.sql(all.see[1]);
    REQUIRE(models.size() == 2);
    for (const auto& row : models) {
        CHECK(row[0] == "3");
        CHECK(row[2] == "gpt-4o");
    }
    CHECK(gateway.sql(all.see[2]) == std::vector<Texts>{{"17", "4", "ci"}});
    run(gateway, all.model);
    run(gateway, all.key);
    CHECK(everything(gateway) == before);
}

TEST_CASE("a key that is switched off is on record with its owner") {
    for (const auto& gateway : every_gateway()) {
        CAPTURE(gateway->describe());
        gateway->add_token(17, 4, "ci");
        const auto result = trip(*gateway, live_token(17));
        CHECK(kind_name(result.kind) == "tripped");
        CHECK(result.request.target.user == 4);
    }
}
