#include <limits>

#include <doctest/doctest.h>

#include "daemon/number_format.h"

using namespace quotafuse;
using namespace quotafuse::daemon;

TEST_CASE("numbers are grouped and money has cents") {
    using alerts::Metric;
    CHECK(group_digits(0) == "0");
    CHECK(group_digits(999) == "999");
    CHECK(group_digits(-1234567) == "-1,234,567");
    CHECK(format_value(Metric::tokens, 2500000) == "2,500,000");
    CHECK(format_value(Metric::error_rate, 35.25) == "35.2 %");
    CHECK(format_value(Metric::error_rate, 100) == "100 %");
    CHECK(format_value(Metric::cost, 1234.5) == "$1,234.50");
    CHECK(format_value(Metric::cost, 0.0012) == "$0.001200");
    CHECK(format_value(Metric::cost, -3) == "-$3.00");
    CHECK(format_value(Metric::cost, 0) == "$0.00");
    CHECK(format_value(Metric::latency_avg, 1234.6) == "1,235 ms");
    CHECK(format_value(Metric::tpm, 12.5) == "12.5/min");
    CHECK(format_value(Metric::final_error_rate, 0.5) == "0.5 %");
    CHECK(format_value(Metric::ttft_p95, 800) == "800 ms");
    CHECK(format_value(Metric::since_last, 1500) == "25m");
    CHECK(format_value(Metric::token_expires_in, -90) == "-1m30s");
    CHECK(format_value(Metric::since_last, 1e300).size() > 10);
    CHECK(format_value(Metric::token_remaining, 3) == "$3.00");
    CHECK(format_value(Metric::channel_balance, 12.345) == "12.35");
    CHECK(format_change(230) == "+230 %");
    CHECK(format_change(-62.55) == "-62.5 %");
    CHECK(format_change(0) == "0 %");
    CHECK(format_amount(std::numeric_limits<double>::infinity(), {}) == "$?");
    CHECK(format_amount(1, {"¤", std::numeric_limits<double>::quiet_NaN()}) == "¤?");
}
