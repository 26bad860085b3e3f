#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon_config_loaded.h"

using namespace quotafuse;
using namespace quotafuse::daemon;

TEST_CASE("the status page's public URL is for links: web, and nothing secret or useless in it") {
    const tests::TempDir folder;
    const auto with = [&](const std::string& url) {
        return load_text(folder,
                         "status: {password: correct-horse, public_url: \"" + url + "\"}\n");
    };
    const auto good = with("https://fuse.example.com/q");
    CHECK(good.ok);
    CHECK(good.config.public_url == "https://fuse.example.com/q");
    CHECK(good.config.access.public_url == "https://fuse.example.com/q");
    const auto left_out = with("");
    CHECK(left_out.ok);
    CHECK(left_out.config.public_url.empty());
    for (const auto* const bad : {"fuse.example.com", "ftp://fuse.example", "https://fuse.example/",
                                  "https://a:b@fuse.example", "https://fuse.example?token=1",
                                  "https://fuse.example/#x", "https://fuse example"}) {
        CAPTURE(bad);
        const auto loaded = with(bad);
        CHECK_FALSE(loaded.ok);
        CHECK(fmt::format("{}", fmt::join(loaded.lines, "\n")).find("q.yaml:1:") !=
              std::string::npos);
        CHECK(fmt::format("{}", fmt::join(loaded.lines, "\n")).find("public_url must be an") !=
              std::string::npos);
    }
}

TEST_CASE("who could be seen from elsewhere without a password is refused at its place") {
    const tests::TempDir folder;
    const auto said = [&](const std::string& status) {
        const auto loaded = load_text(folder, "status:\n" + status);
        CHECK(loaded.ok == loaded.lines.empty());
        return fmt::format("{}", fmt::join(loaded.lines, "\n"));
    };
    CHECK(said("  public_url: https://fuse.example.com\n").find("q.yaml:2:15: public_url: ") !=
          std::string::npos);
    CHECK(said("  listen: 0.0.0.0:8787\n").find("q.yaml:2:11: listen: ") != std::string::npos);
    CHECK(said("  listen: 0.0.0.0:8787\n").find("status.password") != std::string::npos);
    CHECK(said("  listen: 0.0.0.0:8787\n  password: \"\"\n").find("status.password") !=
          std::string::npos);
    // A tunnel's own address leads nobody here from elsewhere.
    CHECK(said("  public_url: http://localhost:9000/q\n").empty());
    CHECK(said("  listen: 0.0.0.0:8787\n  password: correct-horse\n").empty());

    tests::write_file(folder.file("q.yaml"), "status: {public_url: https://fuse.example.com}\n");
    const auto ran = tests::run_program({"run", "--config", folder.file("q.yaml")});
    CHECK(ran.code == 78);
    CHECK(ran.err.find("q.yaml:1:22: public_url: ") != std::string::npos);
}

TEST_CASE("who may see the page is read, and what cannot be meant is told") {
    const tests::TempDir folder;
    const auto loaded = load_text(
        folder,
        "status: {password: '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd."
        "RhAtQ7', public: true, metrics_token: \"${TOKEN}\", trusted_proxies: [127.0.0.1, "
        "\"10.0.0.0/8\"]}\n",
        {{"TOKEN", "0123456789abcdef"}});
    CHECK_MESSAGE(loaded.ok, fmt::format("{}", fmt::join(loaded.lines, "\n")));
    const auto& access = loaded.config.access;
    CHECK(access.password.reveal().starts_with("$y$j9T$F5Jx"));
    CHECK(access.metrics_token.reveal() == "0123456789abcdef");
    CHECK(access.public_pages);
    CHECK(access.trusted_proxies.size() == 2);
    const auto secrets = loaded.config.secrets();
    for (const auto* const secret : {&access.password, &access.metrics_token})
        CHECK(std::find(secrets.begin(), secrets.end(), secret->reveal()) != secrets.end());

    const std::vector<std::pair<std::string, std::string>> wrong{
        {"password: '$y$j9T$short'", "a hash that is not whole"},
        {"password: '$6$salt$'", "a hash that is not whole"},
        {"metrics_token: short", "at least 16"},
        {"trusted_proxies: [proxy.example]", "'proxy.example' is not an IP address"},
        {"trusted_proxies: [10.0.0.0/33]", "'10.0.0.0/33' is not an IP address"},
        {"public: perhaps", "public"},
        {"pasword: x", "did you mean 'password'?"}};
    for (const auto& [text, expected] : wrong) {
        CAPTURE(text);
        const auto bad = load_text(folder, "status: {" + text + "}\n");
        CHECK_FALSE(bad.ok);
        CHECK(fmt::format("{}", fmt::join(bad.lines, "\n")).find(expected) != std::string::npos);
    }
    const auto weak = load_text(folder, "status: {password: 1234567}\n");
    CHECK(weak.ok);
    CHECK(fmt::format("{}", fmt::join(weak.lines, "\n")).find("q.yaml:1:20: warning: password") !=
          std::string::npos);
    CHECK(load_text(folder, "status: {password: 12345678}\n").lines.empty());
}

TEST_CASE("check warns of a proxy for which all its guests would wait") {
    const tests::TempDir folder;
    const auto check = [&](const std::string& more) {
        tests::write_file(folder.file("q.yaml"),
                          "status: {password: correct-horse, " + more + "}\n");
        const auto ran = tests::run_program({"check", "--config", folder.file("q.yaml")});
        CHECK_MESSAGE(ran.code == 0, ran.err);
        return ran.out.find("warning: status.trusted_proxies is not set") != std::string::npos;
    };
    CHECK(check("public_url: https://fuse.example.com"));
    CHECK_FALSE(check("public_url: https://fuse.example.com, trusted_proxies: [127.0.0.1]"));
    CHECK_FALSE(check("public_url: http://localhost:9000"));
    CHECK_FALSE(check("listen: 127.0.0.1:8787"));
}
