#include <chrono>
#include <sstream>
#include <thread>

#include <doctest/doctest.h>

#include "base/guarded.h"
#include "notifiers/dispatcher.h"
#include "notifiers_outbox_fixture.h"
#include "support/chat_pair.h"

using namespace quotafuse;
using namespace quotafuse::notifiers;
using namespace quotafuse::tests;
using namespace std::chrono_literals;

namespace {

/// What providers are made with.
struct Desk {
    FakeClock clock{1'767'625'260};
    std::ostringstream console;

    std::unique_ptr<Provider> telegram_at(const std::string& url) {
        const auto settings = load_notifier(
            "telegram",
            {{"bot_token", '"' + kToken + '"'}, {"chat_id", '"' + kChat + '"'}, {"base_url", url}});
        return settings.recipe->make({clock, {console, false}});
    }
};

/// Collects what the senders tell.
struct Results {
    base::Guarded<std::vector<Dispatcher::Result>> list;
    Dispatcher::OnResult collect() {
        return [this](Dispatcher::Result result) {
            list.with([&](auto& all) { all.push_back(std::move(result)); });
        };
    }
    bool wait_for(std::size_t count) {
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (list.copy().size() < count) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(2ms);
        }
        return true;
    }
};

struct Thrower final : Provider {
    Outcome send(const Mail&) override { throw std::runtime_error("no room"); }
    void interrupt() noexcept override {}
};

Mail mail(const std::string& title) {
    return {title, titled(title), 0};
}

std::vector<Dispatcher::Entry> entries(std::string name, std::unique_ptr<Provider> provider) {
    std::vector<Dispatcher::Entry> all;
    all.push_back({std::move(name), std::move(provider)});
    return all;
}

}  // namespace

TEST_CASE("a notifier that hangs delays no other, and stopping takes less than a second") {
    const RawServer hanging{RawServer::hang};
    const ChatService healthy{telegram_rules(kToken, {kChat})};
    Desk desk;
    Results results;
    auto all = entries("hanging", desk.telegram_at(hanging.url()));
    all.push_back({"healthy", desk.telegram_at(healthy.url())});
    Dispatcher dispatcher{std::move(all), results.collect()};

    dispatcher.send("hanging", 1, mail("x"));
    CHECK_FALSE(dispatcher.idle("hanging"));
    for (std::size_t i = 1; i <= 5; ++i) {
        REQUIRE(dispatcher.idle("healthy"));
        dispatcher.send("healthy", static_cast<std::int64_t>(i), mail("x"));
        REQUIRE(results.wait_for(i));
    }
    CHECK(healthy.shown().size() == 5);
    CHECK_FALSE(dispatcher.idle("hanging"));

    const auto started = std::chrono::steady_clock::now();
    dispatcher.stop();
    CHECK(std::chrono::steady_clock::now() - started < 1s);
    const auto last = results.list.copy().back();
    CHECK(last.notifier == "hanging");
    CHECK(last.delivery == 1);
    CHECK(last.outcome.kind == Outcome::Kind::ambiguous);
    CHECK(last.outcome.why == "interrupted, the program stops");
}

TEST_CASE("a failure inside of a provider is an outcome, not the end of the program") {
    Results results;
    Dispatcher dispatcher{entries("a", std::make_unique<Thrower>()), results.collect()};
    for (std::size_t i = 1; i <= 2; ++i) {
        dispatcher.send("a", 1, mail("x"));
        REQUIRE(results.wait_for(i));
    }
    CHECK(results.list.copy()[0].outcome.kind == Outcome::Kind::transient);
    CHECK(results.list.copy()[0].outcome.why == "cannot send: no room");
    CHECK(results.list.copy()[0].outcome.most_attempts == 3);
}

TEST_CASE("sending to a busy or unknown notifier is a mistake of the caller") {
    const RawServer hanging{RawServer::hang};
    Desk desk;
    Results results;
    Dispatcher dispatcher{entries("a", desk.telegram_at(hanging.url())), results.collect()};
    dispatcher.send("a", 1, mail("x"));
    CHECK_THROWS_AS(dispatcher.send("a", 2, mail("y")), std::logic_error);
    CHECK_THROWS_AS(dispatcher.send("b", 2, mail("y")), std::logic_error);
    CHECK_FALSE(dispatcher.idle("b"));
}

TEST_CASE(
    "outbox and dispatcher together deliver each message once, across failures and a restart, and "
    "a repeat is equal byte for byte") {
    const TempDir folder;
    ChatService service{telegram_rules(kToken, {kChat})};
    service.script({{502, "<html>", "text/html"}, {500, R"({"ok":false,"error_code":500})"}});
    const auto run = [&](int steps) {
        Desk desk;
        base::Database db{folder.file("store.db"), {Outbox::schema()}};
        Outbox outbox{db, plain_editor};
        Results results;
        Dispatcher dispatcher{entries("a", desk.telegram_at(service.url())), results.collect()};
        for (int i = 0; i < 6; ++i) {
            base::WriteTransaction transaction{db};
            outbox.put(letter("message " + std::to_string(i)), "a", kNow, kNow);
            transaction.commit();
        }
        for (std::size_t step = 1; step <= static_cast<std::size_t>(steps); ++step) {
            const auto due = outbox.next("a", kNow);
            if (!due) break;
            outbox.begin_attempt(*due, kNow);
            dispatcher.send("a", due->id, due->mail);
            REQUIRE(results.wait_for(step));
            const auto result = results.list.copy().back();
            outbox.finish(result.delivery, result.outcome, kNow);
        }
        return outbox.pending();
    };
    CHECK(run(2) == 6);
    CHECK(run(10) == 0);
    const auto shown = service.shown();
    REQUIRE(shown.size() == 1);
    CHECK(shown[0].find("message 0, message 1, message 2, message 3, message 4, message 5") !=
          std::string::npos);
    const auto calls = service.calls();
    REQUIRE(calls.size() == 3);
    CHECK(calls[0].body == calls[1].body);
    CHECK(calls[1].body == calls[2].body);
}
