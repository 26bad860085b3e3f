#include <doctest/doctest.h>

#include "daemon/status_board.h"
#include "support/fake_clock.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

TEST_CASE("a long start is no standstill, but a pipeline that has turned must go on turning") {
    tests::FakeClock clock{1'767'000'000};
    const Config config;
    StatusBoard board{config, clock};
    clock.advance(300s);  // windows of a month are being filled
    CHECK(board.alive());
    CHECK_FALSE(board.readiness().ready);
    board.beat();
    clock.advance(19s);
    CHECK(board.alive());
    clock.advance(2s);
    CHECK_FALSE(board.alive());
    CHECK(board.readiness().reasons ==
          std::vector<std::string>{"the pipeline has stopped turning"});
}

TEST_CASE("a start that never ends is told in the end") {
    tests::FakeClock clock{1'767'000'000};
    const Config config;
    const StatusBoard board{config, clock};
    clock.advance(11min);
    CHECK_FALSE(board.alive());
}
