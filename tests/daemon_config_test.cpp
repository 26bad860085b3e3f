#include <filesystem>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "daemon/config.h"
#include "support/program.h"

using namespace quotafuse;
using namespace quotafuse::daemon;

namespace {

struct Loaded {
    Config config;
    std::vector<std::string> lines;
    bool ok;
};

Loaded load(const std::string& file, std::map<std::string, std::string> variables = {}) {
    base::yaml::Diagnostics diagnostics;
    auto config = load_config({file, true}, base::Environment{std::move(variables)}, diagnostics);
    return {std::move(config), diagnostics.lines(), diagnostics.ok()};
}

Loaded load_text(const tests::TempDir& folder, const std::string& text,
                 std::map<std::string, std::string> variables = {}) {
    tests::write_file(folder.file("q.yaml"), text);
    return load(folder.file("q.yaml"), std::move(variables));
}

}  // namespace

TEST_CASE("every faulty file is refused with all its faults, each at its place, and exit code 78") {
    std::size_t cases = 0;
    for (const auto& entry : std::filesystem::directory_iterator{QUOTAFUSE_BAD_CONFIGS}) {
        if (entry.path().extension() != ".yaml") continue;
        ++cases;
        auto expected = tests::read_file(
            std::filesystem::path{entry.path()}.replace_extension(".expected").string());
        const auto ran = tests::run_program({"check", "--config", entry.path().string()});
        CHECK(ran.code == 78);
        auto said = ran.err;
        base::replace_all(said, entry.path().parent_path().string() + "/", "");
        CHECK(said == expected);
    }
    CHECK(cases >= 5);
}

TEST_CASE("the shipped example loads as it is, with nothing in the environment") {
    const auto loaded = load(QUOTAFUSE_ETC "/quotafuse.yaml");
    CHECK_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
    CHECK_FALSE(loaded.config.source.main.has_value());
    CHECK(loaded.config.notifiers.empty());
    CHECK(loaded.config.rules.size() >= 10);
    CHECK(loaded.config.timezone.name() == "Asia/Shanghai");
    for (const auto& line : loaded.lines) CHECK(line.find(": warning: ") != std::string::npos);
}

TEST_CASE("the shipped example with its variables set is a whole configuration") {
    const auto loaded =
        load(QUOTAFUSE_ETC "/quotafuse.yaml",
             {{"SQL_DSN", "u:p@tcp(db:3306)/new-api"},
              {"TELEGRAM_BOT_TOKEN", "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp"},
              {"TELEGRAM_CHAT_ID", "-1001"},
              {"FEISHU_WEBHOOK", "https://open.feishu.cn/open-apis/bot/v2/hook/abcd"},
              {"WECOM_WEBHOOK", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abcd"}});
    CHECK_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
    REQUIRE(loaded.config.source.main.has_value());
    CHECK(loaded.config.source.main->describe() == "MySQL db:3306, database new-api");
    CHECK(loaded.config.notifiers.size() == 3);
}

TEST_CASE("without a file the environment's names are enough, with the built-in rules in shadow") {
    base::yaml::Diagnostics diagnostics;
    const auto config = load_config(
        {"/nowhere/quotafuse.yaml", false},
        base::Environment{{{"SQL_DSN", "u:p@tcp(db)/x"},
                           {"TELEGRAM_BOT_TOKEN", "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp"},
                           {"TELEGRAM_CHAT_ID", "-1001"}}},
        diagnostics);
    CHECK_MESSAGE(diagnostics.ok(), fmt::format("{}", fmt::join(diagnostics.lines(), "\n")));
    CHECK(config.file.empty());
    REQUIRE(config.source.main.has_value());
    CHECK(config.source.main->host == "db");
    CHECK(config.notifiers.size() == 1);
    CHECK(config.rules.size() >= 10);
    CHECK(config.breaker.mode == circuit_breaker::Mode::shadow);
}

TEST_CASE(
    "secrets come from the environment, from secrets.env beside the file, and from files of their "
    "own") {
    const tests::TempDir folder;
    tests::write_file(folder.file("secrets.env"), "SQL_DSN=reader:from-env-file@tcp(db)/x\n");
    const std::string text = "source: {dsn: \"${SQL_DSN}\"}\nbreaker: {dsn: {file: breaker.dsn}}\n";
    tests::write_file(folder.file("breaker.dsn"), "writer:from-own-file@tcp(db)/x\n");
    std::filesystem::permissions(folder.file("breaker.dsn"), std::filesystem::perms{0640});
    auto loaded = load_text(folder, text);
    REQUIRE_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
    CHECK(loaded.config.source.main->password.reveal() == "from-env-file");
    CHECK(loaded.config.breaker.dsn->password.reveal() == "from-own-file");
    CHECK(loaded.config.secrets() == std::vector<std::string>{"from-env-file", "from-own-file"});

    loaded = load_text(folder, text, {{"SQL_DSN", "reader:from-process@tcp(db)/x"}});
    CHECK(loaded.config.source.main->password.reveal() == "from-process");

    std::filesystem::permissions(folder.file("breaker.dsn"), std::filesystem::perms{0644});
    loaded = load_text(folder, text);
    CHECK_FALSE(loaded.ok);
    CHECK(loaded.lines.at(0) == folder.file("q.yaml") + ":2:23: the secret file " +
                                    folder.file("breaker.dsn") +
                                    " can be read by everybody; chmod 0640 it");
}

TEST_CASE("a DSN that cannot be followed is refused at its place, without its text") {
    const tests::TempDir folder;
    const auto loaded = load_text(folder, "source: {dsn: \"postgres://u:hush@h/d\"}\n");
    CHECK_FALSE(loaded.ok);
    CHECK(loaded.lines ==
          std::vector<std::string>{folder.file("q.yaml") +
                                   ":1:15: dsn: PostgreSQL gateways are not supported: quotafuse "
                                   "reads MySQL, MariaDB and the gateway's own SQLite file"});
}

TEST_CASE("a file that was named must be there; the usual one need not") {
    CHECK_FALSE(load("/nowhere/q.yaml").ok);
}
