#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"
#include "daemon/digest.h"

namespace quotafuse::daemon {

/// Who is logged in: what their cookies hold, as SHA-256. Lives as long as the process, beyond
/// reloads, and is never written to a disk. Thread-safe.
class Sessions {
public:
    static constexpr std::size_t kMost = 100;  // above that the oldest ends
    static constexpr base::Seconds kLasts{7 * 86400};

    /// `random` gives 32 bytes that nobody can guess. `clock` outlives it.
    explicit Sessions(const base::Clock& clock, std::function<Digest()> random = random_bytes);

    /// From now on they are for this password; all that were begun with another one end.
    void belong_to(const base::Secret& password);
    /// A new one: what its cookie is to hold, 64 hexadecimal digits.
    std::string begin();
    bool has(std::string_view cookie);
    void end(std::string_view cookie);

private:
    void end_old();

    const base::Clock& clock_;
    const std::function<Digest()> random_;
    std::mutex mutex_;
    Digest password_{};
    std::map<Digest, base::MonoTime> ends_;  // by the SHA-256 of the cookie
};

}  // namespace quotafuse::daemon
