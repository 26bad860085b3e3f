#include <deque>
#include <random>

#include <doctest/doctest.h>

#include "daemon/catch_up_pace.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

TEST_CASE("a catch-up goes at the rate that was asked for") {
    CatchUpPace pace{50'000};
    CHECK(pace.after(5000, 40ms) == 100ms);
    CHECK(pace.after(2500, 20ms) == 50ms);
    CHECK(pace.after(0, 3ms) == 0ms);
    CHECK(pace.rate() == 50'000);
}

TEST_CASE("a batch that takes twice its usual time halves the rate, which then grows back slowly") {
    CatchUpPace pace{50'000};
    for (int i = 0; i < 5; ++i) pace.after(5000, 40ms);
    pace.after(5000, 79ms);
    CHECK(pace.rate() == 50'000);
    const auto wait = pace.after(5000, 100ms);
    CHECK(wait == 200ms);
    CHECK(pace.rate() == 25'000);
    double last = pace.rate();
    int batches = 0;
    while (pace.rate() < 50'000) {
        pace.after(5000, 40ms);
        CHECK(pace.rate() > last);
        CHECK(pace.rate() <= last * 1.11);
        last = pace.rate();
        ++batches;
    }
    CHECK(batches >= 5);
    CHECK(batches <= 10);
}

TEST_CASE("what is usual is a time a row: a short batch is not a fast one") {
    CatchUpPace pace{50'000};
    pace.after(500, 20ms);
    pace.after(5000, 200ms);
    CHECK(pace.rate() == 50'000);
}

TEST_CASE("some ms more of a quick batch are no load") {
    CatchUpPace pace{50'000};
    pace.after(5000, 3ms);
    pace.after(5000, 9ms);
    CHECK(pace.rate() == 50'000);
}

TEST_CASE("a gateway that stays slow becomes the usual, and a backlog always ends") {
    CatchUpPace pace{50'000};
    for (int i = 0; i < 10; ++i) pace.after(5000, 20ms);
    double least = pace.rate();
    for (int i = 0; i < 60; ++i) {
        pace.after(5000, 200ms);
        least = std::min(least, pace.rate());
    }
    CHECK(least < 50'000);
    CHECK(least >= 50'000.0 / 64);
    CHECK(pace.rate() == 50'000);
    // However bad it gets: batch after batch twice as slow as the one before.
    auto took = 200ms;
    for (int i = 0; i < 30; ++i) pace.after(5000, took *= 2);
    CHECK(pace.rate() >= 50'000.0 / 64);
}

TEST_CASE("no second of any catch-up has more rows than were asked for, but for one batch") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        std::mt19937_64 random{seed};
        const double most = static_cast<double>(100 + random() % 200'000);
        CatchUpPace pace{most};
        struct Start {
            std::int64_t at;
            std::size_t rows;
        };
        std::deque<Start> second;
        std::int64_t now = 0;
        for (int i = 0; i < 300; ++i) {
            const std::size_t rows = 1 + random() % 5000;
            const base::Milliseconds took{random() % 3 == 0 ? random() % 500 : random() % 50};
            second.push_back({now, rows});
            now += std::max(pace.after(rows, took), took).count();
            while (now - second.front().at >= 1000 && second.size() > 1) second.pop_front();
            double in_second = 0;
            for (std::size_t k = 1; k < second.size(); ++k)
                in_second += static_cast<double>(second[k].rows);
            // The window is half open: its first batch began before it.
            CHECK_MESSAGE(in_second <= most + 1, "seed " << seed << ", batch " << i);
            CHECK(pace.rate() <= most);
        }
    }
}
