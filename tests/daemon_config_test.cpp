#include <algorithm>
#include <filesystem>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/text.h"
#include "daemon_config_loaded.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

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

TEST_CASE(
    "the heartbeat is read with the rest, and what an unset variable leaves empty is left out") {
    const tests::TempDir folder;
    const std::string text =
        "heartbeat: {url: \"https://beats.example/${BEAT:-}\", every: 30s}\n"
        "notifiers:\n  mail: {type: smtp, host: mail.example, username: u, password: "
        "\"${MAIL:-}\", from: a@b.c, to: d@e.f}\n";
    const auto loaded =
        load_text(folder, text, {{"BEAT", "0123-4567-89ab"}, {"MAIL", "mail-password"}});
    CHECK_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
    REQUIRE(loaded.config.heartbeat);
    CHECK(loaded.config.heartbeat->every == 30s);
    REQUIRE(loaded.config.notifiers.size() == 1);
    const auto secrets = loaded.config.secrets();
    for (const auto* const secret : {"0123-4567-89ab", "mail-password"})
        CHECK(std::find(secrets.begin(), secrets.end(), secret) != secrets.end());

    const auto bare = load_text(folder, text);
    CHECK(bare.ok);
    CHECK(bare.config.notifiers.empty());
    CHECK(fmt::format("{}", fmt::join(bare.lines, "\n"))
              .find("notifier mail is left out: its password is empty") != std::string::npos);
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
              {"WECOM_WEBHOOK", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abcd"},
              {"DINGTALK_WEBHOOK", "https://oapi.dingtalk.com/robot/send?access_token=abcd"}});
    CHECK_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
    REQUIRE(loaded.config.source.main.has_value());
    CHECK(loaded.config.source.main->describe() == "MySQL db:3306, database new-api");
    CHECK(loaded.config.notifiers.size() == 4);
    CHECK(loaded.config.currency == CurrencyChoice::as_gateway);
}

TEST_CASE("a bot without its chat is left out, but not where its chats are sought") {
    const std::map<std::string, std::string> token{
        {"TELEGRAM_BOT_TOKEN", "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp"}};
    for (const auto* const file : {QUOTAFUSE_ETC "/quotafuse.yaml", ""}) {
        CAPTURE(file);
        const ConfigLocation place{*file == '\0' ? "/nowhere/q.yaml" : file, *file != '\0'};
        base::yaml::Diagnostics diagnostics;
        CHECK(load_config(place, base::Environment{token}, diagnostics).notifiers.empty());
        CHECK(diagnostics.ok());
        const auto seeking =
            load_config(place, base::Environment{token}, diagnostics, NotifierUse::find_chats);
        REQUIRE(seeking.notifiers.size() == 1);
        CHECK(seeking.notifiers[0].name == "telegram");
        CHECK(diagnostics.ok());
    }
}

TEST_CASE("amounts are in dollars or yuan where the configuration wants that") {
    const tests::TempDir folder;
    CHECK(load_text(folder, "currency: CNY").config.currency == CurrencyChoice::yuan);
    CHECK(load_text(folder, "currency: USD").config.currency == CurrencyChoice::dollars);
    CHECK_FALSE(load_text(folder, "currency: EUR").ok);
}

TEST_CASE("without a file the environment's names are enough, with the built-in rules in shadow") {
    base::yaml::Diagnostics diagnostics;
    const auto config = load_config(
        {"/nowhere/quotafuse.yaml", false},
        base::Environment{
            {{"SQL_DSN", "u:p@tcp(db)/x"},
             {"TELEGRAM_BOT_TOKEN", "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp"},
             {"TELEGRAM_CHAT_ID", "-1001"},
             {"FEISHU_WEBHOOK", "https://open.feishu.cn/open-apis/bot/v2/hook/abcd"},
             {"FEISHU_SECRET", "its-secret"},
             {"DINGTALK_WEBHOOK", "https://oapi.dingtalk.com/robot/send?access_token=its-token"},
             {"DINGTALK_SECRET", "SECits-other-secret"}}},
        diagnostics);
    CHECK_MESSAGE(diagnostics.ok(), fmt::format("{}", fmt::join(diagnostics.lines(), "\n")));
    CHECK(config.file.empty());
    REQUIRE(config.source.main.has_value());
    CHECK(config.source.main->host == "db");
    REQUIRE(config.notifiers.size() == 3);
    CHECK(config.notifiers.at(2).type == "dingtalk");
    const auto secrets = config.secrets();
    for (const auto* const one : {"its-secret", "its-token", "SECits-other-secret"})
        CHECK(std::ranges::count(secrets, one) == 1);
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

TEST_CASE("what is kept and how the source is read have defaults, and every unit is understood") {
    const tests::TempDir folder;
    auto loaded = load_text(folder, "source: {}\nstore: {keep: {}}\n");
    REQUIRE_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
    CHECK(loaded.config.source.gap_timeout == 60s);
    CHECK(loaded.config.source.catch_up_rate == 50'000);
    CHECK_FALSE(loaded.config.source.max_lag.has_value());
    CHECK(loaded.config.keep.rows == 35 * 24h);
    CHECK(loaded.config.keep.bytes == 5'000'000'000);
    CHECK_FALSE(loaded.config.keep.days.has_value());

    loaded = load_text(folder,
                       "source: {gap_timeout: 5s, catch_up_rate: 100, max_lag: 90s}\n"
                       "store: {keep: {rows: 7d, texts: 1d, minutes: 2d, hours: 60d, days: 1000d}, "
                       "max_size: 512MiB}\n");
    REQUIRE_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
    CHECK(loaded.config.source.gap_timeout == 5s);
    CHECK(loaded.config.source.catch_up_rate == 100);
    CHECK(loaded.config.source.max_lag == 90s);
    CHECK(loaded.config.keep.rows == 7 * 24h);
    CHECK(loaded.config.keep.texts == 24h);
    CHECK(loaded.config.keep.minutes == 48h);
    CHECK(loaded.config.keep.hours == 60 * 24h);
    CHECK(loaded.config.keep.days == 1000 * 24h);
    CHECK(loaded.config.keep.bytes == 512 * 1024 * 1024);
    CHECK_FALSE(load_text(folder, "store: {keep: {days: forever}}\n").config.keep.days.has_value());
}

TEST_CASE("what cannot be kept or read is refused at its place") {
    const tests::TempDir folder;
    const auto first = [&](const std::string& text) {
        const auto loaded = load_text(folder, text);
        CHECK_FALSE(loaded.ok);
        auto line = loaded.lines.empty() ? std::string{} : loaded.lines.front();
        base::replace_all(line, folder.file("q.yaml"), "q");
        return line;
    };
    CHECK(first("source: {gap_timeout: 1s}\n") ==
          "q:1:23: gap_timeout must be from 5s to 10m, not '1s'");
    CHECK(first("source: {catch_up_rate: 99}\n") ==
          "q:1:25: catch_up_rate must be a whole number from 100 to 10000000, not '99'");
    CHECK(first("source: {max_lag: 1s}\n") == "q:1:19: max_lag must be from 5s to 1d, not '1s'");
    CHECK(first("store: {max_size: 5}\n") ==
          "q:1:19: max_size must be a whole number with its unit (MB, GB, MiB, GiB), such as 500MB "
          "or 5GB, not '5'");
    CHECK(first("store: {max_size: 49MB}\n") ==
          "q:1:19: max_size must be from 50MB to 100000GB, not '49MB'");
    CHECK(first("store: {keep: {rows: 35}}\n") ==
          "q:1:22: rows must be a duration with its unit, such as 90s, 5m or 1h30m, not '35'");
    CHECK(first("store: {keep: {days: always}}\n") ==
          "q:1:22: days must be 'forever' or a duration such as 1000d, not 'always'");
    CHECK(first("store: {keep: {row: 35d}}\n") ==
          "q:1:16: unknown key 'row' in store.keep; did you mean 'rows'?");
}

TEST_CASE("a slow poll alone never makes the gateway count as unread") {
    const tests::TempDir folder;
    const auto stale_after = [&](const std::string& text) {
        const auto loaded = load_text(folder, text);
        CHECK_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
        return loaded.config.stale_after;
    };
    CHECK(stale_after("source: {}\n") == 60s);
    CHECK(stale_after("source: {poll_interval: 60s}\n") == 120s);
    CHECK(stale_after("stale_after: 5s\n") == 5s);
    CHECK(stale_after("stale_after: 14s\nsource: {poll_interval: 10s}\n") == 14s);
}

TEST_CASE("a rule that looks further back than rows are kept is refused at its window") {
    const tests::TempDir folder;
    tests::write_file(folder.file("r.yaml"),
                      "rules:\n"
                      "  - {name: a, metric: tokens, window: 7d, above: 1}\n"
                      "  - {name: b, metric: tokens, window: 8d, above: 1}\n"
                      "  - {name: c, metric: error_rate, window: 7d, above: 1}\n");
    const auto text = [](const std::string& rows) {
        return "store: {keep: {rows: " + rows + "}}\nrules: [r.yaml]\n";
    };
    const auto loaded = load_text(folder, text("7d"));
    CHECK_FALSE(loaded.ok);
    const auto at = folder.file("r.yaml");
    CHECK(loaded.lines == std::vector<std::string>{
                              at + ":3:39: a window of 8d is longer than the 7d that rows are "
                                   "kept (store.keep.rows); 8d would do",
                              at + ":4:43: a window of 7d (and 3s of eval_delay) is longer than "
                                   "the 7d that rows are kept (store.keep.rows); 8d would do"});
    CHECK(load_text(folder, text("9d")).ok);
}

TEST_CASE("who hears of quotafuse's own troubles is named, and must be a notifier") {
    const tests::TempDir folder;
    const std::string notifiers = "notifiers: {ops: {type: console}, night: {type: console}}\n";
    CHECK(load_text(folder, notifiers).config.self_notify.empty());
    const auto named = load_text(folder, notifiers + "self_notify: night\n");
    REQUIRE_MESSAGE(named.ok, fmt::format("{}", fmt::join(named.lines, "\n")));
    CHECK(named.config.self_notify == std::vector<std::string>{"night"});
    const auto wrong = load_text(folder, notifiers + "self_notify: [ops, nigth]\n");
    CHECK(wrong.lines ==
          std::vector<std::string>{folder.file("q.yaml") +
                                   ":2:14: self_notify: there is no notifier 'nigth'; did you mean "
                                   "'night'?"});
}

TEST_CASE("rules are read for the gateway that is named") {
    const tests::TempDir folder;
    tests::write_file(folder.file("r.yaml"),
                      "rules:\n  - {name: a, metric: errors, window: 1h, above: 1}\n");
    const std::string rules = "rules: [r.yaml]\n";
    CHECK(load_text(folder, "source: {gateway: auto}\n" + rules).ok);
    CHECK(load_text(folder, "source: {gateway: new-api}\n" + rules).ok);
    const auto refused = load_text(folder, "source: {gateway: one-api}\n" + rules);
    CHECK(refused.lines ==
          std::vector<std::string>{
              folder.file("r.yaml") +
              ":2:23: One API logs no failed request (a row of type 5 is a channel test there); "
              "with gateway: new-api the rule is only for New API"});
}

TEST_CASE("the breaker writes to the source's server only if it is live, asked, and the same") {
    const tests::TempDir folder;
    tests::write_file(folder.file("live.yaml"),
                      "rules:\n  - {name: a, metric: tokens, by: [channel], window: 1h, above: 1, "
                      "action: {disable_channel: {mode: live}}}\n");
    tests::write_file(folder.file("none.yaml"),
                      "rules:\n  - {name: a, metric: tokens, window: 1h, above: 1}\n");
    const auto writes = [&](const std::string& rules, const std::string& breaker) {
        const auto loaded = load_text(folder, "source: {dsn: \"r:p@tcp(db:3306)/x\"}\nrules: [" +
                                                  rules + "]\nbreaker: {" + breaker + "}\n");
        REQUIRE_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
        return trips_write_to_source(loaded.config);
    };
    CHECK(writes("live.yaml", "mode: live, dsn: \"w:p@tcp(db:3306)/x\""));
    CHECK_FALSE(writes("live.yaml", "mode: live, dsn: \"w:p@tcp(primary:3306)/x\""));
    CHECK_FALSE(writes("live.yaml", "mode: shadow, dsn: \"w:p@tcp(db:3306)/x\""));
    CHECK_FALSE(writes("none.yaml", "mode: live, dsn: \"w:p@tcp(db:3306)/x\""));
}

TEST_CASE("a file that was named must be there; the usual one need not") {
    CHECK_FALSE(load("/nowhere/q.yaml").ok);
}
