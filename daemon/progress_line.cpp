#include "daemon/progress_line.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/duration.h"
#include "daemon/number_format.h"

namespace quotafuse::daemon {
namespace {

constexpr int kMarks = 20;
constexpr base::Milliseconds kInterval{200};

}  // namespace

std::string progress_bar(double share) {
    const auto done = std::clamp(share, 0.0, 1.0);
    const auto marks = static_cast<int>(done * kMarks);
    return fmt::format("[{:#<{}}{:-<{}}] {:3.0f} %", "", marks, "", kMarks - marks,
                       std::floor(100 * done));
}

std::string time_left(double share, double seconds) {
    if (share <= 0) return "?";
    const auto left = seconds * (1 - std::min(share, 1.0)) / share;
    return base::format_duration(base::Seconds{static_cast<std::int64_t>(std::ceil(left))});
}

std::string copy_progress(std::int64_t rows, double share, double seconds) {
    const auto speed = seconds > 0 ? static_cast<double>(rows) / seconds : 0.0;
    return fmt::format("{}  {} rows, {} rows/s, {} left", progress_bar(share), group_digits(rows),
                       group_digits(std::llround(speed)), time_left(share, seconds));
}

ProgressLine::ProgressLine(const base::Clock& clock)
    : clock_(clock),
      start_(clock.mono()),
      next_(start_ + kInterval),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(const std::function<std::string()>& text) {
    if (!terminal_ || clock_.mono() < next_) return;
    next_ = clock_.mono() + kInterval;
    shown_ = true;
    std::cerr << "\r\033[K" << text() << std::flush;
}

void ProgressLine::clear() {
    if (std::exchange(shown_, false)) std::cerr << "\r\033[K" << std::flush;
}

double ProgressLine::seconds() const {
    return std::chrono::duration<double>(clock_.mono() - start_).count();
}

}  // namespace quotafuse::daemon
