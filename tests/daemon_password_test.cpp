#include <csignal>

#include "daemon/password.h"
#include "daemon_password_site.h"
#include "support/status_site.h"
#include "support/terminal.h"

using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

std::string log_in(int port, const std::string& password) {
    const auto body = "password=" + password;
    const auto reply = daemon::ask(
        port, fmt::format("POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                          "application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
                          body.size(), body));
    REQUIRE(daemon::status_of(reply) == 303);
    const auto at = reply.find("quotafuse_session=");
    return "Cookie: " + reply.substr(at, reply.find(';', at) - at) + "\r\n";
}

}  // namespace

TEST_CASE("quotafuse password makes a hash of what comes through a pipe, and says where it goes") {
    const TempDir folder;
    const auto run = [&](const std::string& input) {
        write_file(folder.file("input"), input);
        Program program{{"password"}, {}, folder.file("input")};
        const auto code = program.wait();
        return Ran{code.value_or(-1), program.out(), program.err()};
    };
    const auto made = run("correct-horse\n");
    CHECK(made.code == 0);
    const auto hash = first_line(made.out);
    CHECK(made.out == hash + "\n");
    CHECK(hash.starts_with("$y$"));
    CHECK(daemon::fits_hash("correct-horse", hash));
    CHECK(contains(made.err, "password: '" + hash + "'"));
    CHECK_FALSE(contains(made.out + made.err, "correct-horse"));
    CHECK(daemon::fits_hash("八个字符的密码啊", first_line(run("八个字符的密码啊\r\n").out)));
    for (const auto* const refused : {"", "\n", "1234567\n", "七个字符的密码\n"}) {
        CAPTURE(refused);
        const auto ran = run(refused);
        CHECK(ran.code == 64);
        CHECK(ran.out.empty());
    }
    CHECK(run(std::string(513, 'x') + "\n").code == 64);
}

TEST_CASE("at a terminal the password is asked for twice and not shown") {
    const auto typed = [](const std::string& first, const std::string& second) {
        const Terminal terminal;
        Program program{{"password"}, {}, terminal.name()};
        REQUIRE(eventually([&] { return contains(program.err(), "Password of the status page"); }));
        REQUIRE(eventually([&] { return !terminal.echoes(); }));
        terminal.type(first + "\n");
        REQUIRE(eventually([&] { return contains(program.err(), "Once more"); }));
        REQUIRE(eventually([&] { return !terminal.echoes(); }));
        terminal.type(second + "\n");
        const auto code = program.wait();
        CHECK(terminal.echoes());
        CHECK_FALSE(contains(terminal.shown(), "horse"));
        return Ran{code.value_or(-1), program.out(), program.err()};
    };
    const auto same = typed("correct-horse", "correct-horse");
    CHECK(same.code == 0);
    CHECK(daemon::fits_hash("correct-horse", first_line(same.out)));
    const auto other = typed("correct-horse", "correct-hoarse");
    CHECK(other.code == 64);
    CHECK(contains(other.err, "not the same"));
}

TEST_CASE("a session goes on over a reload, ends with another password, and with the process") {
    const PasswordSite site{daemon::hash_password("correct-horse")};
    auto running = site.start();
    CHECK(http_get(site.port(), "/api/v1/status").status == 401);
    const auto in = log_in(site.port(), "correct-horse");
    const auto status = [&] {
        return daemon::status_of(daemon::get(site.port(), "/api/v1/status", in));
    };
    CHECK(status() == 200);

    const auto reload = [&](const std::string& said, std::size_t times) {
        running->signal(SIGHUP);
        REQUIRE(eventually([&] {
            std::size_t seen = 0;
            const auto log = running->err();
            for (auto at = log.find(said); at != log.npos; at = log.find(said, at + 1)) ++seen;
            return seen == times && http_get(site.port(), "/healthz").status == 200;
        }));
    };
    reload(": reloaded", 1);
    CHECK(status() == 200);

    auto text = read_file(site.config());
    const auto at = text.find("'$y$");
    text.replace(at, text.find('\'', at + 1) - at + 1, "another-horse");
    write_file(site.config(), text);
    reload(": reloaded", 2);
    CHECK(status() == 401);
    const auto again = log_in(site.port(), "another-horse");
    CHECK(daemon::status_of(daemon::get(site.port(), "/api/v1/status", again)) == 200);
    CHECK_FALSE(contains(running->err(), "another-horse"));

    running->signal(SIGTERM);
    REQUIRE(running->wait() == 0);
    running = site.start();
    CHECK(daemon::status_of(daemon::get(site.port(), "/api/v1/status", again)) == 401);
}

TEST_CASE("an open page is told when rows come and alerts fire") {
    const PasswordSite site{"correct-horse"};
    const auto running = site.start();
    const daemon::RawClient page{site.port()};
    REQUIRE(
        page.send("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
                  "correct-horse\r\n\r\n"));
    CHECK(contains(page.receive_until("\"rows\":"), "event: status\ndata: {\"at\":"));
    site.request(1);
    CHECK(contains(page.receive_until("\"rows\":1,"), "\"rows\":1,"));
    site.request(5000);
    CHECK(contains(page.receive_until("\"firing\":1,"), "\"firing\":1,"));
}
