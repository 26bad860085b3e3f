#include "base/guarded.h"
#include "base/text.h"
#include "daemon_alerts_site.h"
#include "support/chat_pair.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

const std::string kKicked = telegram_says(403, "Forbidden: bot was kicked from the group chat");

std::string telegram_at(const std::string& url) {
    return fmt::format("{{type: telegram, bot_token: \"{}\", chat_id: \"{}\", base_url: \"{}\"}}",
                       kToken, kChat, url);
}

nlohmann::json letters(const Site& site, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"notify", "--list", "--json"});
    const auto ran = site.run(std::move(more));
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    return nlohmann::json::parse(ran.out).at("letters");
}

}  // namespace

TEST_CASE("a test message says by which way it went, what the service answered, and what to do") {
    ChatService service{telegram_rules(kToken, {kChat})};
    const Site site{kBurn, "newapi_2026", "{ops: " + telegram_at(service.url()) + "}"};
    const auto sent = site.run({"notify", "ops", "Anybody here?"});
    CHECK_MESSAGE(sent.code == 0, sent.err);
    CHECK(sent.out == "ops (telegram, directly): done\n");
    REQUIRE(service.shown().size() == 1);
    CHECK(contains(service.shown().at(0), "Anybody here?"));

    service.always({403, kKicked});
    const auto refused = site.run({"notify", "ops"});
    CHECK(refused.code == 1);
    CHECK(refused.out.empty());
    CHECK(refused.err ==
          "ops (telegram, directly): refused: Telegram 403: Forbidden: bot was kicked from the "
          "group chat\n  the bot was removed from the chat: add it again\n");
    const auto as_json = site.run({"notify", "ops", "--json"});
    CHECK(as_json.code == 1);
    const auto answer = nlohmann::json::parse(as_json.out);
    CHECK(answer.at("result") == "permanent");
    CHECK(answer.at("route") == "directly");
    CHECK(answer.at("advice") == "the bot was removed from the chat: add it again");

    const auto unknown = site.run({"notify", "ips"});
    CHECK(unknown.code == 64);
    CHECK(contains(unknown.err, "no notifier is called 'ips'; configured are: ops"));
}

TEST_CASE("a test message names the proxy that refused, without its password") {
    const Site site{
        kBurn, "newapi_2026",
        fmt::format(
            "{{ops: {{type: telegram, bot_token: \"{}\", chat_id: \"-1\", base_url: "
            "\"https://telegram.invalid\", proxy: \"http://me:pass-word-1@127.0.0.1:9\"}}}}",
            kToken)};
    const auto ran = site.run({"notify", "ops"});
    CHECK(ran.code == 1);
    CHECK(ran.err.starts_with(
        "ops (telegram, by the proxy http://127.0.0.1:9): not done, but it may work later: "));
    CHECK(contains(ran.err, "\n  the proxy refused or does not answer: check proxy"));
    CHECK_FALSE(contains(ran.err, "pass-word-1"));
}

TEST_CASE("each test message has an event id of its own, for receivers that drop repeats") {
    base::Guarded<std::vector<std::string>> ids;
    const ChatService hook{[&](const Call& call) -> Judgement {
        ids.with([&](auto& all) {
            all.push_back(nlohmann::json::parse(call.body).at("event_id").get<std::string>());
        });
        return {{204, ""}, {}};
    }};
    const Site site{kBurn, "newapi_2026",
                    fmt::format("{{hook: {{type: webhook, url: \"{}/x\"}}}}", hook.url())};
    for (int i = 0; i < 2; ++i) CHECK(site.run({"notify", "hook"}).code == 0);
    const auto all = ids.copy();
    REQUIRE(all.size() == 2);
    CHECK(all[0].starts_with("test-"));
    CHECK(all[0] != all[1]);
}

TEST_CASE("the chats that a bot sees are listed, and only a Telegram bot can tell them") {
    ChatService service{telegram_rules(kToken, {kChat})};
    const Site site{kBurn, "newapi_2026",
                    "{screen: {type: console}, ops: " + telegram_at(service.url()) + "}"};
    service.script({{200, R"({"ok":true,"result":[{"update_id":1,"message":{"chat":{"id":-1007,)"
                          R"("type":"supergroup","title":"Ops"}}}]})"},
                    {200, R"({"ok":true,"result":[]})"},
                    {401, telegram_says(401, "Unauthorized")}});
    const auto found = site.run({"notify", "ops", "--chats"});
    CHECK(found.code == 0);
    CHECK(found.out == "ops (telegram, directly): done\n-1007  supergroup  Ops\n");
    const auto none = site.run({"notify", "ops", "--chats"});
    CHECK(none.code == 0);
    CHECK(contains(none.out, "the bot has seen no chat"));
    const auto refused = site.run({"notify", "ops", "--chats"});
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, "copy it anew from @BotFather"));
    const auto other = site.run({"notify", "screen", "--chats"});
    CHECK(other.code == 64);
    CHECK(contains(other.err, "only a Telegram bot can tell its chats"));
}

TEST_CASE("with the shipped file and nothing but its token a bot can be asked for its chats") {
    ChatService service{telegram_rules(kToken, {kChat})};
    service.always({200, R"({"ok":true,"result":[{"message":{"chat":{"id":-1007,)"
                         R"("type":"supergroup","title":"Ops"}}}]})"});
    const TempDir folder;
    const std::string chat = R"(chat_id: "${TELEGRAM_CHAT_ID:-}")";
    auto text = read_file(QUOTAFUSE_ETC "/quotafuse.yaml");
    REQUIRE(contains(text, chat));
    base::replace_all(text, chat, chat + ", base_url: \"" + service.url() + "\"");
    write_file(folder.file("quotafuse.yaml"), text);
    write_file(folder.file("secrets.env"), fmt::format("TELEGRAM_BOT_TOKEN={}\n", kToken));
    const auto ask = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--config", folder.file("quotafuse.yaml")});
        return run_program(arguments);
    };
    const auto found = ask({"notify", "telegram", "--chats"});
    CHECK_MESSAGE(found.code == 0, found.err);
    CHECK(found.out == "telegram (telegram, directly): done\n-1007  supergroup  Ops\n");
    // A message needs the chat, and the warning says how to find it.
    const auto sent = ask({"notify", "telegram"});
    CHECK(sent.code == 64);
    CHECK(
        contains(sent.err, "its chat_id is empty (`quotafuse notify telegram --chats` finds it)"));
}

TEST_CASE("a test message calls people only where that is asked for") {
    ChatService service{telegram_rules(kToken, {kChat})};
    auto entry = telegram_at(service.url());
    entry.insert(entry.size() - 1, ", mention: [\"@night\"], mention_from: info");
    const Site site{kBurn, "newapi_2026", "{ops: " + entry + "}"};
    CHECK(site.run({"notify", "ops", "Anybody?"}).code == 0);
    CHECK(site.run({"notify", "ops", "Anybody?", "--mention"}).code == 0);
    REQUIRE(service.shown().size() == 2);
    CHECK_FALSE(contains(service.shown().at(0), "@night"));
    CHECK(contains(service.shown().at(1), "@night"));
}

TEST_CASE("what was refused for good is listed with its reason and goes out again when asked") {
    ChatService service{telegram_rules(kToken, {kChat})};
    service.always({403, kKicked});
    const Site site{kBurn, "newapi_2026",
                    "{screen: {type: console}, ops: " + telegram_at(service.url()) + "}"};
    auto daemon = site.start();
    site.request(1);
    site.settle();
    site.request(5000);
    REQUIRE(eventually([&] { return site.status().at("outbox").at("failed") == 1; }));
    const auto status = site.run({"status"});
    CHECK(contains(status.out, "  ops: 0 waiting, 1 dead letter\n    last error 20"));
    CHECK(contains(status.out,
                   ": Telegram 403: Forbidden: bot was kicked from the group chat\n"
                   "    the bot was removed from the chat: add it again\n"));
    CHECK(contains(status.out, "\ndead letters:\n  "));
    CHECK(contains(status.out, "`quotafuse notify --retry ID`"));
    // The others are told of it.
    CHECK(eventually([&] { return contains(daemon->out(), "ops refused a message for good: "); }));
    CHECK(contains(daemon->out(), "(the bot was removed from the chat: add it again)"));
    CHECK(contains(site.run({"status"}).out, "  screen: 0 waiting, 0 dead letters, last sent 20"));

    const auto dead = letters(site, {"--failed"});
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].at("state") == "dead");
    CHECK(dead[0].at("notifier") == "ops");
    CHECK(contains(dead[0].at("title").get<std::string>(), "burn"));
    CHECK(contains(dead[0].at("error").get<std::string>(), "kicked"));
    CHECK(letters(site).size() >= 2);
    const auto id = std::to_string(dead[0].at("id").get<std::int64_t>());
    const auto listed = site.run({"notify", "--list", "--failed"});
    CHECK(listed.out.starts_with(id + "  20"));
    CHECK(contains(listed.out, "\n    1 attempt: Telegram 403: Forbidden"));

    CHECK(site.run({"notify", "--retry", "999"}).code == 64);
    service.always({200, R"({"ok":true,"result":{"message_id":1}})"});
    const auto again = site.run({"notify", "--retry", id});
    CHECK_MESSAGE(again.code == 0, again.err);
    CHECK(again.out == "1 dead letter waits again\n");
    REQUIRE(eventually([&] { return site.status().at("outbox").at("failed") == 0; }));
    CHECK(eventually([&] { return site.status().at("outbox").at("pending") == 0; }));
    CHECK(contains(service.calls().back().body, "burn"));
    CHECK(contains(daemon->err(), "outbox: dead letters wait again"));
}

TEST_CASE("without a daemon dead letters are set to wait in the store, for the next one") {
    ChatService service{telegram_rules(kToken, {kChat})};
    service.always({403, kKicked});
    const Site site{kBurn, "newapi_2026", "{ops: " + telegram_at(service.url()) + "}"};
    const auto early = site.run({"notify", "--retry", "all"});
    CHECK(early.code == 66);
    CHECK(contains(early.err, "no such file"));
    auto daemon = site.start();
    site.request(1);
    site.settle();
    site.request(5000);
    REQUIRE(eventually([&] { return site.status().at("outbox").at("failed") == 1; }));
    daemon->signal(SIGTERM);
    CHECK(daemon->wait(3s) == 0);

    CHECK(site.run({"notify", "--retry", "999"}).code == 64);
    const auto again = site.run({"notify", "--retry", "all"});
    CHECK_MESSAGE(again.code == 0, again.err);
    CHECK(contains(again.out, ", for when the daemon runs\n"));
    CHECK(site.run({"notify", "--list", "--failed"}).out == "no dead letters\n");
    const auto none = site.run({"notify", "--retry", "all", "--json"});
    CHECK(none.code == 0);
    CHECK(nlohmann::json::parse(none.out).at("retried") == 0);
    service.always({200, R"({"ok":true,"result":{"message_id":1}})"});
    daemon = site.start();
    CHECK(eventually([&] { return site.status().at("outbox").at("pending") == 0; }));
    CHECK(site.status().at("outbox").at("failed") == 0);
}

TEST_CASE("a command line for notify that cannot be meant is refused") {
    const std::vector<std::vector<std::string>> wrong = {
        {},
        {"--failed"},
        {"ops", "--list"},
        {"--chats"},
        {"ops", "text", "--chats"},
        {"ops", "--chats", "--mention"},
        {"--retry", "all", "--list"},
        {"--retry", "some"},
        {"--retry", "-3"},
        {"ops", "--retry", "all"},
    };
    for (auto arguments : wrong) {
        INFO(fmt::format("{}", fmt::join(arguments, " ")));
        arguments.insert(arguments.begin(), "notify");
        const auto ran = run_program(arguments);
        CHECK(ran.code == 64);
        CHECK_FALSE(ran.err.empty());
    }
}
