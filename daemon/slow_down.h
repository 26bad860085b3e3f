#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace quotafuse::daemon {

/// Makes guessing slow: who was wrong five times waits a second, then two, four … up to 15 minutes.
/// An hour without a wrong try is forgiven. Thread-safe; holds 1,000 addresses, the one that tried
/// longest ago makes room.
class SlowDown {
public:
    static constexpr int kFree = 5;  // wrong tries without a wait
    static constexpr base::Seconds kLongestWait{15 * 60};
    static constexpr base::Seconds kForgiven{3600};
    static constexpr std::size_t kMost = 1000;

    explicit SlowDown(const base::Clock& clock) : clock_(clock) {}

    struct Try {
        base::Seconds wait{0};  // over 0: not now
        int number = 0;         // of wrong ones in a row, should this one be wrong, too
    };
    /// How long `address` has to wait.
    base::Seconds wait(const std::string& address);
    /// Counts a try as a wrong one, before it is known what it is: of many at once no more than
    /// kFree get through.
    Try begin(const std::string& address);
    /// It was a right one.
    void forgive(const std::string& address);
    std::size_t size();

private:
    struct Entry {
        int wrong = 0;
        base::MonoTime last{};
        base::MonoTime until{};
    };
    base::Seconds wait_of(const std::string& address) const;
    void make_room();

    const base::Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;
};

}  // namespace quotafuse::daemon
