#include <atomic>
#include <chrono>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/logged.h"
#include "support/status_site.h"

namespace quotafuse::daemon {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::size_t kEndless = 1'000'000'000;
constexpr std::size_t kPiece = 60'000;

/// What a producer did, for the test that gave it away.
struct Seen {
    std::atomic<std::size_t> pieces = 0;
    std::counting_semaphore<> gone{0};

    bool was_closed() { return gone.try_acquire_for(5s); }
};

/// So many pieces, each of one letter; then it throws, if it `fails`.
class Letters final : public Producer {
public:
    Letters(Seen& seen, std::size_t pieces, std::size_t size = kPiece, bool fails = false)
        : seen_(seen), pieces_(pieces), size_(size), fails_(fails) {}
    ~Letters() override { seen_.gone.release(); }
    std::string next() override {
        if (seen_.pieces == pieces_ && fails_) throw std::runtime_error("the disk is gone");
        if (seen_.pieces == pieces_) return {};
        return std::string(size_, static_cast<char>('a' + seen_.pieces++ % 26));
    }

private:
    Seen& seen_;
    std::size_t pieces_;
    std::size_t size_;
    bool fails_;
};

std::string all_letters(std::size_t pieces, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < pieces; ++i) text.append(size, static_cast<char>('a' + i % 26));
    return text;
}

/// The text of a chunked body; what is wrong with it where it is not whole.
std::string unchunk(std::string_view body) {
    std::string text;
    for (;;) {
        const auto line = body.find("\r\n");
        if (line == std::string_view::npos) return "no size";
        const auto size = std::stoul(std::string{body.substr(0, line)}, nullptr, 16);
        body.remove_prefix(line + 2);
        if (body.size() < size + 2 || body.substr(size, 2) != "\r\n") return "no whole chunk";
        if (size == 0) return body.size() == 2 ? text : "more after the last chunk";
        text += body.substr(0, size);
        body.remove_prefix(size + 2);
    }
}

/// Answers /small at once, and all else with what `make` makes.
class StreamSite : public Fixture {
public:
    explicit StreamSite(std::function<std::shared_ptr<Producer>()> make,
                        const RequestLimits& limits = {})
        : server(
              {.ip = "127.0.0.1"},
              [make = std::move(make)](const HttpRequest& request) {
                  HttpReply reply{.content_type = "text/plain", .body = "small"};
                  if (request.path != "/small") reply.stream = make();
                  return reply;
              },
              clock, log, limits),
          port(server.address().port) {}

    HttpServer server;
    int port;
};

const std::string kExport = "GET /export HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_CASE("a streamed reply comes whole: in chunks, or until the connection ends for HTTP/1.0") {
    Seen seen;
    const StreamSite site{[&] {
        seen.pieces = 0;
        return std::make_shared<Letters>(seen, 100);
    }};
    const auto chunked = ask(site.port, kExport);
    CHECK(status_of(chunked) == 200);
    CHECK(contains(chunked, "Transfer-Encoding: chunked\r\n"));
    CHECK(contains(chunked, "Content-Type: text/plain\r\n"));
    CHECK(contains(chunked, "X-Content-Type-Options: nosniff\r\n"));
    CHECK_FALSE(contains(chunked, "Content-Length"));
    CHECK(unchunk(body_of(chunked)) == all_letters(100, kPiece));
    CHECK(seen.was_closed());
    const auto plain = ask(site.port, "GET /export HTTP/1.0\r\nHost: localhost\r\n\r\n");
    CHECK_FALSE(contains(plain, "Transfer-Encoding"));
    CHECK(body_of(plain) == all_letters(100, kPiece));
    CHECK(seen.was_closed());
}

TEST_CASE("an empty stream is a whole reply, and HEAD asks for no piece") {
    Seen seen;
    const StreamSite site{[&] { return std::make_shared<Letters>(seen, 0); }};
    CHECK(body_of(ask(site.port, kExport)) == "0\r\n\r\n");
    CHECK(seen.was_closed());
    const auto head = ask(site.port, "HEAD /export HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(status_of(head) == 200);
    CHECK(contains(head, "Transfer-Encoding: chunked\r\n"));
    CHECK(body_of(head).empty());
    CHECK(seen.was_closed());
    CHECK(seen.pieces == 0);
}

TEST_CASE("a stream that fails on its way is seen to be broken") {
    tests::Logged logged;
    Seen seen;
    const StreamSite site{[&] {
        seen.pieces = 0;
        return std::make_shared<Letters>(seen, 3, 10, true);
    }};
    for (const std::string version : {"1.1", "1.0"}) {
        CAPTURE(version);
        const auto reply =
            ask(site.port, "GET /export HTTP/" + version + "\r\nHost: localhost\r\n\r\n");
        CHECK_FALSE(contains(reply, "0\r\n\r\n"));
        CHECK(contains(reply, "[receive failed]"));
        CHECK(seen.was_closed());
    }
    const auto lines = logged.take();
    REQUIRE(lines.size() == 2);
    CHECK(contains(lines[0], "the disk is gone"));
}

TEST_CASE("a client that stops reading holds no thread, and is given up") {
    Seen seen;
    const StreamSite site{[&] { return std::make_shared<Letters>(seen, kEndless); },
                          {.threads = 1, .stream_pause = 500ms}};
    const RawClient stuck{site.port};
    REQUIRE(stuck.send(kExport));
    CHECK_FALSE(stuck.receive_until("\r\n\r\n").empty());
    for (int i = 0; i < 20; ++i) CHECK(body_of(get(site.port, "/small")) == "small");
    CHECK(seen.was_closed());
    CHECK(seen.pieces < 1000);
    CHECK(contains(stuck.receive_all(), "[receive failed]"));
}

TEST_CASE("a stream ends when its time is over, however well its client reads") {
    Seen seen;
    const StreamSite site{[&] { return std::make_shared<Letters>(seen, kEndless, 10); },
                          {.stream_time = 200ms}};
    const auto reply = ask(site.port, kExport);
    CHECK(status_of(reply) == 200);
    CHECK(contains(reply, "[receive failed]"));
    CHECK(seen.was_closed());
}

TEST_CASE("when the client goes, the stream is closed") {
    Seen seen;
    const StreamSite site{[&] { return std::make_shared<Letters>(seen, kEndless); }};
    {
        const RawClient client{site.port};
        REQUIRE(client.send(kExport));
        client.receive_until("\r\n\r\n");
    }
    CHECK(seen.was_closed());
}

TEST_CASE(
    "two exports go at once, a third is told to come again, and finds the place of one that "
    "ended") {
    Seen seen;
    const StreamSite site{[&] { return std::make_shared<Letters>(seen, kEndless); }};
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 2; ++i) {
        clients.push_back(std::make_unique<RawClient>(site.port));
        REQUIRE(clients.back()->send(kExport));
        REQUIRE(status_of(clients.back()->receive_until("\r\n\r\n")) == 200);
    }
    const auto third = ask(site.port, kExport);
    CHECK(error_status(third) == 503);
    CHECK(contains(third, "Retry-After: 10\r\n"));
    CHECK(seen.was_closed());  // the third's own
    CHECK(body_of(get(site.port, "/small")) == "small");
    clients.pop_back();
    CHECK(seen.was_closed());
    const RawClient next{site.port};
    REQUIRE(next.send(kExport));
    CHECK(status_of(next.receive_until("\r\n\r\n")) == 200);
}

TEST_CASE("a crowd of idle clients pushes out neither exports nor listeners") {
    Seen seen;
    const Running run{{.connections = 6}, {{"/export", {[&](const HttpRequest&) {
                                                return HttpReply{
                                                    .content_type = "text/plain",
                                                    .stream = std::make_shared<Letters>(seen, 300)};
                                            }}}}};
    const RawClient exporting{run.port};
    REQUIRE(exporting.send(kExport));
    auto got = exporting.receive_until("\r\n\r\n");
    const RawClient listening{run.port};
    REQUIRE(listening.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    CHECK(contains(listening.receive_until("retry: 5000\n\n"), "retry: 5000\n\n"));
    std::vector<std::unique_ptr<RawClient>> idle;
    for (int i = 0; i < 20; ++i) idle.push_back(std::make_unique<RawClient>(run.port));
    CHECK(status_of(get(run.port, "/api/v1/status")) == 200);
    got += exporting.receive_all();
    CHECK(unchunk(body_of(got)) == all_letters(300, kPiece));
    CHECK_FALSE(listening.is_reset_within(0ms));
}

TEST_CASE("a stop waits for no stream and no listener") {
    Seen seen;
    auto run = std::make_unique<Running>(
        RequestLimits{}, StatusPages{{"/export", {[&](const HttpRequest&) {
                                          return HttpReply{
                                              .content_type = "text/plain",
                                              .stream = std::make_shared<Letters>(seen, kEndless)};
                                      }}}});
    const RawClient exporting{run->port};
    REQUIRE(exporting.send(kExport));
    exporting.receive_until("\r\n\r\n");
    const RawClient listening{run->port};
    REQUIRE(listening.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    listening.receive_until("retry");
    run.reset();
    CHECK(seen.was_closed());
    CHECK_FALSE(contains(listening.receive_all(), "receive failed"));
}

}  // namespace
}  // namespace quotafuse::daemon
