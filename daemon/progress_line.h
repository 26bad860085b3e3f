#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"

namespace quotafuse::daemon {

/// "[######------]  50 %", 20 marks wide; `share` outside of 0 … 1 is taken as the nearer end.
std::string progress_bar(double share);

/// How long the rest takes at the speed so far: "2m5s", or "?" while there is none.
std::string time_left(double share, double seconds);

/// Rows of a copy that goes by ids: "[###---]  12 %  1,234,567 rows, 84,000 rows/s, 2m5s left".
std::string copy_progress(std::int64_t rows, double share, double seconds);

/// One line on a terminal that is written over a few times a second; nothing where stderr is none.
class ProgressLine {
public:
    explicit ProgressLine(const base::Clock& clock);
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    /// Takes the line away.
    ~ProgressLine() { clear(); }

    /// `text` is asked for only when it is shown.
    void show(const std::function<std::string()>& text);
    void clear();
    /// Since its beginning.
    double seconds() const;

private:
    const base::Clock& clock_;
    base::MonoTime start_;
    base::MonoTime next_;
    bool terminal_;
    bool shown_ = false;
};

}  // namespace quotafuse::daemon
