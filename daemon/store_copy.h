#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace quotafuse::daemon {

struct StoreCopy {
    std::int64_t bytes = 0;
};

/// Copies the store at `store` to `file` as it is at one moment, whoever writes to it meanwhile:
/// into `file`.part, checked, on the disk, then renamed. `show` hears now and then which share is
/// done. Empty when `stop` ended it; then, and after an error, no new file is left. Throws
/// base::Failure: no_input when there is no store; io_error when `file` exists and `force` is not
/// set, when it cannot be written, or when the copy turns out to be damaged.
std::optional<StoreCopy> copy_store(const std::string& store, const std::string& file, bool force,
                                    const std::function<void(double)>& show,
                                    const std::stop_token& stop);

}  // namespace quotafuse::daemon
