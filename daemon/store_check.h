#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/log.h"

namespace quotafuse::daemon {

/// What a check of the store's file found.
struct StoreVerdict {
    enum class Kind { sound, damaged, failed };  // failed: nobody knows
    Kind kind = Kind::sound;
    std::string text;  // the first faults, or why it failed
};
std::string_view verdict_name(StoreVerdict::Kind kind);

/// What a person does about a damaged store.
inline constexpr std::string_view kHowToMend =
    "restore a backup, or move the file away and let quotafuse read the gateway again";

/// Reads the store's whole file on a thread of its own, after an end that was not clean: a start
/// does not wait for it. Says in the log what it found.
class StoreCheck {
public:
    /// `tell` is called from its thread, once, unless the check is stopped before its end.
    StoreCheck(std::string path, const base::Clock& clock, const base::Log& log,
               std::function<void(StoreVerdict)> tell);

private:
    std::jthread thread_;  // its end stops the check at once
};

}  // namespace quotafuse::daemon
