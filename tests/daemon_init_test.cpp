#include <filesystem>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock_file.h"
#include "daemon/builtin_rules.h"
#include "daemon/setup_files.h"
#include "daemon/tuned_rules.h"
#include "support/mariadb.h"
#include "support/program.h"

using namespace quotafuse;
using quotafuse::tests::Program;
using quotafuse::tests::Ran;
using quotafuse::tests::read_file;
using quotafuse::tests::run_program;
using quotafuse::tests::TempDir;
using quotafuse::tests::write_file;
using Json = nlohmann::json;

namespace {

/// A gateway that keeps its log in SQLite: a steady channel, and one odd hour on its sixth day.
void make_gateway(const std::string& path, int days = 8) {
    SQLite::Database gateway{path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    gateway.exec(tests::sqlite_ddl("newapi_2026"));
    SQLite::Transaction transaction{gateway};
    SQLite::Statement put{
        gateway,
        "INSERT INTO logs(created_at, type, channel_id, token_id, token_name, model_name, quota, "
        "prompt_tokens, completion_tokens, use_time, other) "
        "VALUES(?, 2, 3, 12, 'k1', 'gpt-4o', ?, ?, 10, 1, '{}')"};
    const auto now = base::unix_seconds(base::SystemClock{}.now());
    const auto start = now - days * 86400;
    for (std::int64_t at = start; at < now; at += 600) {
        const bool odd = at >= start + 5 * 86400 && at < start + 5 * 86400 + 3600;
        put.bind(1, at);
        put.bind(2, odd ? 20'000'000 : 1000);
        put.bind(3, odd ? 3'000'000 : 2000);
        put.exec();
        put.reset();
    }
    transaction.commit();
}

/// A host with a day of a gateway's log, and `init` on it.
class Newcomer {
public:
    explicit Newcomer(const std::string& gateway = "one-api.db") : gateway_(file(gateway)) {
        make_gateway(gateway_, 1);
        std::filesystem::create_directories(file("etc/rules.d"));
    }
    Ran init(const std::map<std::string, std::string>& environment,
             const std::string& store = "store.db") const {
        return run_program({"init", "--yes", "--dir", file("etc"), "--store", file(store)},
                           environment);
    }
    Ran check() const { return run_program({"check", "-c", file("etc/quotafuse.yaml")}); }
    bool wrote_nothing() const { return !std::filesystem::exists(file("etc/quotafuse.yaml")); }
    std::string file(const std::string& name) const { return folder_.file(name); }
    const std::string& gateway() const { return gateway_; }

private:
    TempDir folder_;
    std::string gateway_;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

uid_t owner_of(const std::string& path) {
    struct stat there {};
    REQUIRE(::lstat(path.c_str(), &there) == 0);
    return there.st_uid;
}

constexpr uid_t kSomebody = 65534;

/// Gives a folder away; only root can, and for others there is nothing to see.
bool give(const std::string& path) {
    return ::lchown(path.c_str(), kSomebody, kSomebody) == 0;
}

}  // namespace

TEST_CASE("init writes a configuration whose limits come from the gateway's own history") {
    const TempDir folder;
    make_gateway(folder.file("one-api.db"));
    const std::map<std::string, std::string> environment{{"SQL_DSN", folder.file("one-api.db")}};
    const std::vector<std::string> init{"init", "--dir", folder.file("etc"), "--store",
                                        folder.file("store.db")};

    const auto unasked = run_program(init, environment);
    CHECK(unasked.code == 64);
    CHECK(unasked.err.find("--yes") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder.file("etc")));

    auto with_yes = init;
    with_yes.emplace_back("--yes");
    const auto blind = run_program(with_yes);
    CHECK(blind.code == 78);
    CHECK(blind.err.find("SQL_DSN='") != std::string::npos);
    CHECK(blind.err.find("quotafuse init --dir " + folder.file("etc")) != std::string::npos);

    // A rule of a default's name stands in a file of the person's own.
    std::filesystem::create_directories(folder.file("etc/rules.d"));
    write_file(folder.file("etc/rules.d/mine.yaml"),
               "rules: [{name: channel-token-burn, metric: tokens, window: 1h, above: 5}]\n");
    const auto twice = run_program(with_yes, environment);
    CHECK(twice.code == 78);
    CHECK(twice.err.find("do not load together") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder.file("etc/quotafuse.yaml")));
    CHECK_FALSE(std::filesystem::exists(folder.file("etc/rules.d/channels.yaml")));
    std::filesystem::remove(folder.file("etc/rules.d/mine.yaml"));

    // Fewer rules take less time.
    write_file(folder.file("etc/rules.d/keys.yaml"), "rules: []\n");
    write_file(folder.file("etc/rules.d/models.yaml"), "rules: []\n");
    Program program{with_yes, environment};
    const auto code = program.wait(std::chrono::minutes{5});
    const Ran ran{code.value_or(-1), program.out(), program.err()};
    CAPTURE(ran.out);
    CAPTURE(ran.err);
    REQUIRE(ran.code == 0);
    CHECK(ran.out.find("new-api, rows up to id") != std::string::npos);
    CHECK(ran.out.find("What these rules would have said since ") != std::string::npos);
    CHECK((std::filesystem::status(folder.file("store.db")).permissions() &
           std::filesystem::perms::others_all) == std::filesystem::perms::none);
    const auto secrets = folder.file("etc/secrets.env");
    CHECK(std::filesystem::status(secrets).permissions() == std::filesystem::perms{0600});
    CHECK(read_file(secrets).find("SQL_DSN='" + folder.file("one-api.db") + "'") !=
          std::string::npos);
    // Channel 3 burned 18 million tokens in its odd hour, where 5 million are the default; once in
    // eight days is too often.
    const auto channels = read_file(folder.file("etc/rules.d/channels.yaml"));
    const auto at = channels.find("name: channel-token-burn");
    REQUIRE(at != std::string::npos);
    const auto limit = std::stod(channels.substr(channels.find("above: ", at) + 7));
    CHECK(limit > 18'060'000);
    CHECK(limit < 24'000'000);
    CHECK(channels.find("# Why:") != std::string::npos);
    CHECK(daemon::is_marked(channels));
    const std::vector<std::string> config{"--config", folder.file("etc/quotafuse.yaml")};
    CHECK(run_program({"check", config[0], config[1]}).code == 0);
    const auto replayed =
        run_program({"replay", "--json", "--rule", "channel-token-burn", config[0], config[1]});
    CHECK(Json::parse(replayed.out).at("rules").at(0).at("episodes") == 0);

    // What a person edited stays.
    for (const auto& file : daemon::builtin_rules()) {
        write_file(folder.file("etc/rules.d/" + std::string{file.name}), "rules: []\n");
    }
    const auto again = run_program(with_yes, environment);
    CHECK(again.code == 0);
    CHECK(again.out.find("(edited)") != std::string::npos);
    CHECK(read_file(folder.file("etc/rules.d/channels.yaml")) == "rules: []\n");
    CHECK(again.out.find("kept     " + secrets) != std::string::npos);
}

TEST_CASE("init takes over a DSN with a quote in it, and says what secrets.env cannot hold") {
    const Newcomer host{"o'ne-api.db"};
    const auto ran = host.init({{"SQL_DSN", host.gateway()}, {"FEISHU_SECRET", "two\nlines"}});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(contains(ran.err, "FEISHU_SECRET is left out of " + host.file("etc/secrets.env")));
    CHECK_FALSE(contains(read_file(host.file("etc/secrets.env")), "\nFEISHU_SECRET"));
    CHECK(contains(host.check().out, "SQLite file " + host.gateway()));
}

TEST_CASE("init completes a secrets.env that names no gateway") {
    const Newcomer host;
    std::map<std::string, std::string> environment{{"SQL_DSN", host.gateway()}};
    std::string former = "SQL_DSN=\n";
    SUBCASE("with an empty line") {}
    SUBCASE("by DATABASE_URL, as without a configuration") {
        environment = {{"DATABASE_URL", host.gateway()}};
        former = "# nothing yet\n";
    }
    SUBCASE("by its own DATABASE_URL") {
        environment.clear();
        former = "DATABASE_URL=" + host.gateway() + "\n";
    }
    write_file(host.file("etc/secrets.env"), former);
    const auto ran = host.init(environment);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(contains(ran.out, "added    SQL_DSN to "));
    CHECK(contains(host.check().out, "SQLite file " + host.gateway()));
}

TEST_CASE("init with a store that cannot be writes nothing") {
    const Newcomer host;
    const auto nowhere = host.init({{"SQL_DSN", host.gateway()}}, "none/store.db");
    CHECK(nowhere.code == 74);
    CHECK(contains(nowhere.err, "there is no such folder"));
    CHECK(host.wrote_nothing());

    const auto config = "source: {dsn: " + host.gateway() +
                        "}\nstore: {path: " + host.file("store.db") + "}\ntimezone: UTC\n";
    write_file(host.file("etc/quotafuse.yaml"), config);
    const auto other = host.init({}, "other.db");
    CHECK(other.code == 64);
    CHECK(contains(other.err, "has the store " + host.file("store.db")));
    CHECK_FALSE(std::filesystem::exists(host.file("etc/secrets.env")));
    CHECK(host.init({}, "etc/../store.db").code == 0);
}

TEST_CASE("a copy that breaks off is no success, and its store is the folder's owner's") {
    const Newcomer host;
    SQLite::Database gateway{host.gateway(), SQLite::OPEN_READWRITE};
    gateway.exec("ALTER TABLE logs RENAME TO rows_of_logs");
    gateway.exec(
        "CREATE VIEW logs AS SELECT id, user_id, created_at, type, content, username, token_name, "
        "model_name, quota, prompt_tokens, completion_tokens, use_time, is_stream, channel_id, "
        "token_id, `group`, ip, CASE WHEN id = 100 THEN zeroblob(2000000000) ELSE other END AS "
        "other FROM rows_of_logs");
    std::filesystem::create_directories(host.file("var"));
    const bool given = give(host.file("var"));
    const auto ran = host.init({{"SQL_DSN", host.gateway()}}, "var/store.db");
    CHECK(ran.code == 69);
    CHECK(contains(ran.err, "what was copied is kept"));
    CHECK_FALSE(contains(ran.out, "going by what is stored"));
    for (const auto* const name : {"var/store.db", "var/store.db.lock"}) {
        CHECK(owner_of(host.file(name)) == (given ? kSomebody : ::geteuid()));
    }
    gateway.exec("DROP VIEW logs");
    gateway.exec("ALTER TABLE rows_of_logs RENAME TO logs");
    CHECK(host.init({}, "var/store.db").code == 0);
}

TEST_CASE("beside a daemon init goes by what is stored") {
    const Newcomer host;
    REQUIRE(host.init({{"SQL_DSN", host.gateway()}}).code == 0);
    const base::LockFile daemon{host.file("store.db.lock")};
    const auto ran = host.init({});
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "; going by what is stored"));
}

TEST_CASE("what the owner of the store's folder puts there does not lead root elsewhere") {
    const Newcomer host;
    write_file(host.file("victim"), "precious");
    std::filesystem::create_directories(host.file("var"));
    std::filesystem::create_symlink(host.file("victim"), host.file("var/store.db.lock"));
    if (!give(host.file("var"))) return;
    REQUIRE(give(host.file("var/store.db.lock")));
    const auto ran = host.init({{"SQL_DSN", host.gateway()}}, "var/store.db");
    CHECK(ran.code == 74);
    CHECK(contains(ran.err, "var/store.db.lock: it is a link, which is not followed"));
    CHECK(read_file(host.file("victim")) == "precious");
    CHECK(owner_of(host.file("victim")) == 0);

    // Nor does another name of a file of root's.
    std::filesystem::create_hard_link(host.file("victim"), host.file("var/s.db-wal"));
    daemon::own_store(host.file("var/s.db"));
    CHECK(owner_of(host.file("var/s.db")) == kSomebody);
    CHECK(owner_of(host.file("victim")) == 0);
}

TEST_CASE("a draft that somebody made a link is written anew, and a default beside it stays") {
    const TempDir folder;
    write_file(folder.file("victim"), "precious");
    write_file(folder.file("a.yaml"), "old");
    write_file(folder.file("a.yaml.new"), "a newer default");
    std::filesystem::create_symlink(folder.file("victim"), folder.file("a.yaml.draft"));
    daemon::write_file(folder.file("a.yaml"), "new", 0640);
    CHECK(read_file(folder.file("a.yaml")) == "new");
    CHECK(read_file(folder.file("a.yaml.new")) == "a newer default");
    CHECK(read_file(folder.file("victim")) == "precious");
    CHECK_FALSE(std::filesystem::exists(folder.file("a.yaml.draft")));
}
