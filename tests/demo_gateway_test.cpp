#include <map>
#include <set>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "daemon/demo/gateway.h"
#include "daemon/demo/routes.h"
#include "support/demo_session.h"
#include "support/mariadb.h"
#include "sync/dialect.h"
#include "sync/info_reader.h"

using namespace quotafuse;
using namespace quotafuse::demo;

namespace {

constexpr std::int64_t kNow = 1'767'000'000;

struct FlavourName {
    Flavour flavour;
    std::string ddl;
    sync::Gateway gateway;
};
const std::vector<FlavourName> kFlavours{
    {Flavour::one_api, "oneapi", sync::Gateway::one_api},
    {Flavour::new_api_2025, "newapi_2025", sync::Gateway::new_api},
    {Flavour::new_api_2026, "newapi_2026", sync::Gateway::new_api},
};

std::set<std::string> first_column(const std::vector<sync::Cells>& rows) {
    std::set<std::string> result;
    for (const auto& row : rows) result.insert(row.at(0).value());
    return result;
}

/// "group/model/channel" of every ability that the channels' own lists ask for.
std::set<std::string> abilities_of_channels(sync::GatewaySession& session) {
    std::set<std::string> result;
    for (const auto& row : session.query("SELECT `id`, `group`, `models` FROM `channels`")) {
        for (const auto group : base::split(*row[1], ',')) {
            for (const auto model : base::split(*row[2], ',')) {
                result.insert(fmt::format("{}/{}/{}", group, model, *row[0]));
            }
        }
    }
    return result;
}

std::set<std::string> ability_rows(sync::GatewaySession& session) {
    std::set<std::string> result;
    for (const auto& row :
         session.query("SELECT `group`, `model`, `channel_id` FROM `abilities`")) {
        result.insert(fmt::format("{}/{}/{}", *row[0], *row[1], *row[2]));
    }
    return result;
}

/// What information_schema says of every table, sorted.
std::set<std::string> description(tests::MariaDb& server, const std::string& database) {
    std::set<std::string> lines;
    const auto add = [&](const std::string& sql) {
        for (const auto& row : server.sql(fmt::format(fmt::runtime(sql), database))) {
            std::string line;
            for (const auto& cell : row) line += cell.value_or("NULL") + " ";
            lines.insert(line);
        }
    };
    add("SELECT table_name, column_name, column_type, column_default, is_nullable "
        "FROM information_schema.columns WHERE table_schema='{}'");
    // A unique index is named or not: UNIQUE beside the column and a constraint are the same.
    add("SELECT table_name, IF(non_unique, index_name, 'unique'), seq_in_index, column_name "
        "FROM information_schema.statistics WHERE table_schema='{}'");
    return lines;
}

}  // namespace

TEST_CASE("the demo makes on MySQL exactly the tables that were read off the real gateways") {
    auto& server = tests::shared_mariadb();
    for (const auto& [flavour, ddl, gateway] : kFlavours) {
        const std::string tables = ddl;
        CAPTURE(tables);
        server.load_ddl("real", ddl);
        server.sql("DROP DATABASE IF EXISTS made; CREATE DATABASE made");
        const auto session = tests::mysql_gateway(server.dsn("root", "", "made"));
        create_gateway(*session, flavour);
        const auto made = description(server, "made");
        CHECK(made == description(server, "real"));
        CHECK(made.size() > 50);
    }
}

TEST_CASE("the gateway's SQLite file has GORM's columns, and the dialect recognises its program") {
    for (const auto& [flavour, ddl, gateway] : kFlavours) {
        const std::string tables = ddl;
        CAPTURE(tables);
        const tests::TempDir folder;
        const auto session = tests::sqlite_gateway(folder.file("one-api.db"));
        create_gateway(*session, flavour);
        CHECK(tests::one_value(*session, "PRAGMA integrity_check") == "ok");
        const auto columns =
            first_column(session->query("SELECT name FROM pragma_table_info('logs')"));
        CHECK(sync::Dialect::detect(columns).gateway() == gateway);
        for (const auto& column : columns) CHECK(has_column(flavour, "logs", column));
        const auto sql =
            tests::one_value(*session, "SELECT sql FROM sqlite_master WHERE name='abilities'");
        CHECK(sql.starts_with("CREATE TABLE `abilities` (`group` varchar("));
        CHECK(sql.ends_with("PRIMARY KEY (`group`,`model`,`channel_id`))"));
    }
    CHECK_FALSE(has_column(Flavour::one_api, "quota_data", "id"));
    CHECK_FALSE(has_column(Flavour::new_api_2026, "logs", "elapsed_time"));
}

TEST_CASE("the indexes of the log can be left out, its primary key cannot") {
    const tests::TempDir folder;
    const auto session = tests::sqlite_gateway(folder.file("one-api.db"));
    create_gateway(*session, Flavour::new_api_2026, LogIndexes::none);
    const auto plan =
        session->query("EXPLAIN QUERY PLAN SELECT * FROM logs WHERE id > 5 ORDER BY id");
    CHECK(plan.at(0).at(3) == "SEARCH logs USING INTEGER PRIMARY KEY (rowid>?)");
    CHECK(tests::one_value(
              *session,
              "SELECT count(*) FROM sqlite_master WHERE type='index' AND tbl_name='logs'") == "0");
    CHECK(tests::one_value(
              *session,
              "SELECT count(*) > 5 FROM sqlite_master WHERE type='index' AND sql IS NOT NULL") ==
          "1");
}

TEST_CASE("a filled gateway has one ability for each group and model of each channel") {
    const std::vector<DemoGateway> gateways{DemoGateway::of_story(), DemoGateway::of_shape({}),
                                            DemoGateway::of_shape({1, 1, 1, 1, 1})};
    for (const auto& gateway : gateways) {
        for (const auto& [flavour, ddl, program] : kFlavours) {
            const std::string tables = ddl;
            CAPTURE(tables);
            const tests::TempDir folder;
            const auto session = tests::sqlite_gateway(folder.file("one-api.db"));
            create_gateway(*session, flavour);
            fill_gateway(*session, flavour, gateway, kNow);
            const auto rows = ability_rows(*session);
            CHECK(rows == abilities_of_channels(*session));
            CHECK(!rows.empty());
            CHECK(tests::one_value(*session, "SELECT count(*) FROM tokens") ==
                  fmt::to_string(gateway.tokens.size()));
            CHECK(tests::one_value(*session,
                                   "SELECT value FROM options WHERE `key`='QuotaPerUnit'") ==
                  "500000");
        }
    }
}

TEST_CASE(
    "every model of the story has two channels for each group, but one that has a single channel") {
    const auto gateway = DemoGateway::of_story();
    std::map<std::string, int> channels;
    for (const auto& channel : gateway.channels) {
        CHECK(channel.groups == std::vector<std::string>{"default", "vip"});
        for (const auto& model : channel.models) ++channels[model];
    }
    CHECK(channels.size() == gateway.models.size());
    for (const auto& [model, count] : channels) {
        const auto& name = model;
        CAPTURE(name);
        CHECK((count == 1) == (model == kLonelyModel));
    }
}

TEST_CASE("a made-up gateway of any size serves every model over two channels or more") {
    for (const int channels : {4, 7, 40}) {
        const auto gateway = DemoGateway::of_shape({channels, 1000, 60, 50, 5});
        CHECK(gateway.tokens.size() == 1000);
        std::map<std::string, int> count;
        for (const auto& channel : gateway.channels) {
            for (const auto& model : channel.models) ++count[model];
        }
        CHECK(count.size() == 60);
        for (const auto& [model, n] : count) CHECK(n >= 2);
    }
}

TEST_CASE("a channel that either table disables is chosen no more") {
    const tests::TempDir folder;
    const auto session = tests::sqlite_gateway(folder.file("one-api.db"));
    create_gateway(*session, Flavour::new_api_2026);
    fill_gateway(*session, Flavour::new_api_2026, DemoGateway::of_story(), kNow);
    Random random{7};
    const auto chosen = [&](int retry) {
        const auto routes = Routes::read(*session, Flavour::new_api_2026);
        std::set<std::int64_t> channels;
        for (int i = 0; i < 500; ++i) {
            if (const auto channel = routes.choose("vip", "gpt-4o", retry, random))
                channels.insert(*channel);
        }
        return channels;
    };
    using Channels = std::set<std::int64_t>;
    CHECK(chosen(0) == Channels{1, 3, 4});
    CHECK(chosen(1) == Channels{2});  // the next priority
    CHECK(chosen(5) == Channels{2});
    session->execute("UPDATE channels SET status = 3 WHERE id = 3");
    CHECK(chosen(0) == Channels{1, 4});
    session->execute("UPDATE abilities SET enabled = 0 WHERE channel_id = 4");
    CHECK(chosen(0) == Channels{1});
    session->execute("UPDATE abilities SET enabled = 0 WHERE channel_id IN (1, 2)");
    CHECK(chosen(0) == Channels{});
    session->execute("UPDATE channels SET status = 1");
    session->execute("UPDATE abilities SET enabled = 1");
    CHECK(chosen(0) == Channels{1, 3, 4});
}

TEST_CASE("the story's gateway has something to show for every gauge") {
    const tests::TempDir folder;
    const auto session = tests::sqlite_gateway(folder.file("one-api.db"));
    create_gateway(*session, Flavour::new_api_2026);
    fill_gateway(*session, Flavour::new_api_2026, DemoGateway::of_story(), kNow);
    sync::InfoReader reader{
        *session,
        "",
        {.balances = true, .keys = true, .abilities = true, .tokens = true, .users = true},
        1000};
    const auto info = reader.read();
    CHECK(info.troubles.empty());
    CHECK(info.channels.at(kFailingChannel).tag == "azure");
    CHECK(info.channels.at(8).dead_keys == 1);
    CHECK_FALSE(info.channels.at(9).dead_keys);
    CHECK(info.channels.at(11).balance == 3.2);
    CHECK(info.channels.at(11).balance_at == kNow - 3600);
    CHECK_FALSE(info.channels.at(1).balance);
    CHECK(info.healthy->at({"default", kLonelyModel}) == 1);
    CHECK(info.healthy->at({"vip", "gpt-4o"}) == 4);
    CHECK(info.tokens.at(8).remaining == 24'000'000);
    CHECK(info.tokens.at(8).used == 48'000'000);
    CHECK(info.tokens.at(10).expires_at == kNow + 2 * 86'400);
    CHECK_FALSE(info.tokens.at(1).expires_at);
    CHECK(info.users.at(7).remaining == 105'000'000);
}
