#include <csignal>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/program.h"
#include "support/temp_dir.h"
#include "support/terminal.h"

using namespace quotafuse::tests;

namespace {

constexpr auto kCtrlD = "\x04";
constexpr auto kGoOn = "Go on? [Y/n]";
constexpr auto kDsn = "(not shown)";

/// `quotafuse init` with somebody before it, who has told it nothing yet.
struct Asked {
    bool asks(const std::string& question) const {
        return eventually([&] { return says(question); });
    }
    bool says(const std::string& text) const {
        return program.err().find(text) != std::string::npos;
    }
    bool wrote_nothing() const { return !std::filesystem::exists(folder.file("etc")); }

    TempDir folder;
    Terminal terminal;
    Program program{{"init", "--dir", folder.file("etc")}, {}, terminal.name()};
};

}  // namespace

TEST_CASE("init that is not told to go on writes nothing") {
    for (const auto* const answer : {"n\n", "No\n", "what?\n", kCtrlD}) {
        CAPTURE(answer);
        Asked init;
        REQUIRE(init.asks(kGoOn));
        init.terminal.type(answer);
        CHECK(init.program.wait() == 1);
        CHECK(init.says("nothing was written"));
        CHECK_FALSE(init.says(kDsn));
        CHECK(init.wrote_nothing());
    }
}

TEST_CASE("Ctrl-C at init's question ends it as the signal does, and nothing is written") {
    Asked init;
    REQUIRE(init.asks(kGoOn));
    init.terminal.type("y");
    init.program.signal(SIGINT);
    CHECK(init.program.wait() == 128 + SIGINT);
    CHECK(init.says("stopped; nothing was written"));
    CHECK(init.wrote_nothing());
}

TEST_CASE("the gateway's DSN is not shown while it is typed, and what comes after it is") {
    Asked init;
    REQUIRE(init.asks(kGoOn));
    CHECK(init.terminal.echoes());
    init.terminal.type("\n");
    REQUIRE(init.asks(kDsn));
    REQUIRE(init.terminal.understands_control_keys());
    CHECK_FALSE(init.terminal.echoes());
    SUBCASE("when it was typed") {
        init.terminal.type(fmt::format("root:hush@tcp(127.0.0.1:{})/x\n", free_port()));
        CHECK(init.program.wait() == 69);  // nobody listens there
        CHECK(init.says("the gateway: "));
    }
    SUBCASE("after Ctrl-C in its midst") {
        init.terminal.type("root:hush");
        init.program.signal(SIGINT);
        CHECK(init.program.wait() == 128 + SIGINT);
        CHECK(init.says("stopped; nothing was written"));
    }
    SUBCASE("after Ctrl-D") {
        init.terminal.type(kCtrlD);
        CHECK(init.program.wait() == 78);
        CHECK(init.says("no gateway is known, and nothing was written"));
    }
    SUBCASE("after an empty line") {
        init.terminal.type("\n");
        CHECK(init.program.wait() == 78);
        CHECK(init.says("no gateway is known, and nothing was written"));
    }
    CHECK(init.wrote_nothing());
    CHECK(init.terminal.echoes());
    CHECK(init.terminal.shown().find("hush") == std::string::npos);
    CHECK_FALSE(init.says("hush"));
    CHECK(init.program.out().find("hush") == std::string::npos);
}
