// Measures what the design budgets, side by side in one run: quote the ratios, not the absolute
// figures.

#include <algorithm>
#include <ctime>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/catch_up.h"
#include "daemon/demo/gateway.h"
#include "daemon/demo/generator.h"
#include "daemon/demo/rows.h"
#include "tests/support/mariadb.h"
#include "tests/support/temp_dir.h"

using namespace quotafuse;

namespace {

constexpr auto kFlavour = demo::Flavour::new_api_2026;
constexpr std::int64_t kHistory = 30 * 86400;
constexpr std::size_t kSlice = 50'000;

/// A month of rows that ends now: 1,000 keys, 40 channels, 60 models.
sync::Dsn fill_gateway(tests::MariaDb& server, std::size_t rows) {
    server.sql("CREATE DATABASE gateway");
    const auto dsn = *sync::parse_dsn(server.dsn("root", "", "gateway")).dsn;
    sync::SessionOptions options;
    options.read_only = false;
    options.read_timeout = std::chrono::seconds{120};
    const auto session = sync::make_session(dsn, options);
    demo::create_gateway(*session, kFlavour, demo::LogIndexes::none);
    demo::GatewayShape shape;
    shape.channels = 40;
    shape.tokens = 1000;
    shape.models = 60;
    demo::RowGenerator generator{1, kFlavour, demo::DemoGateway::of_shape(shape)};
    std::vector<demo::LogInsert> slice;
    const auto flush = [&] {
        demo::bulk_insert(*session, kFlavour, slice);
        slice.clear();
    };
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    generator.history(now - kHistory, now, rows, [&](demo::LogInsert&& row) {
        slice.push_back(std::move(row));
        if (slice.size() == kSlice) flush();
    });
    if (!slice.empty()) flush();
    return dsn;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

double speed(const bench::Copied& copied) {
    return static_cast<double>(copied.rows) / copied.seconds;
}

/// P1 and P6: in turns, so that a machine whose speed drifts does not decide.
void measure_catch_up(const sync::Dsn& dsn, int rounds) {
    std::vector<double> ours;
    std::vector<double> bare;
    std::vector<double> ratios;
    double bytes_of_row = 0;
    for (int round = 0; round < rounds; ++round) {
        const tests::TempDir folder;
        const auto copy = bench::bare_copy(dsn, folder.file("bare.db"));
        const auto mirror = bench::catch_up(dsn, folder.file("mirror.db"));
        bare.push_back(speed(copy));
        ours.push_back(speed(mirror));
        ratios.push_back(ours.back() / bare.back());
        bytes_of_row = static_cast<double>(mirror.bytes) / static_cast<double>(mirror.rows);
        std::cout << fmt::format(
                         "  round {}: bare copy {:.0f} rows/s, catch-up {:.0f} rows/s, {:.0f} %\n",
                         round + 1, bare.back(), ours.back(), 100 * ratios.back())
                  << std::flush;
    }
    std::cout << fmt::format(
        "P1  catch-up {:.0f} rows/s, bare copy loop {:.0f} rows/s: {:.0f} % (budget: at least 60 "
        "%)\n",
        median(ours), median(bare), 100 * median(ratios));
    std::cout << fmt::format(
        "P6  store {:.0f} bytes a row, rollups not yet among them (budget: at most 120)\n",
        bytes_of_row);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"quotafuse-bench: what the design budgets, measured"};
    std::size_t rows = 1'000'000;
    int rounds = 3;
    app.add_option("--rows", rows, "rows in the gateway's log")
        ->capture_default_str()
        ->check(CLI::Range(1000, 20'000'000));
    app.add_option("--rounds", rounds, "how often each is measured; the median counts")
        ->capture_default_str()
        ->check(CLI::Range(1, 50));
    CLI11_PARSE(app, argc, argv);
    try {
        std::cout << fmt::format("filling a MariaDB of its own with {} rows …\n", rows)
                  << std::flush;
        tests::MariaDb server;
        const auto dsn = fill_gateway(server, rows);
        measure_catch_up(dsn, rounds);
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "quotafuse-bench: " << e.what() << '\n';
        return 1;
    }
}
