#include "daemon/store_check.h"

#include <cstdlib>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include "base/database.h"

namespace quotafuse::daemon {
namespace {

StoreVerdict check(const std::string& path, const std::stop_token& stop) {
    try {
        const auto damage = base::check_file(path, stop);
        if (!damage) return {StoreVerdict::Kind::sound, {}};
        return {StoreVerdict::Kind::damaged, *damage};
    } catch (const SQLite::Exception& e) {
        return {StoreVerdict::Kind::failed, e.what()};
    }
}

void say(const base::Log& log, const StoreVerdict& verdict, base::Milliseconds took) {
    switch (verdict.kind) {
        case StoreVerdict::Kind::sound:
            log.info(fmt::format("store: the file is sound, checked in {:.1f} s",
                                 std::chrono::duration<double>(took).count()));
            return;
        case StoreVerdict::Kind::damaged:
            log.error(fmt::format("store: the file is damaged: {}; {}", verdict.text, kHowToMend));
            return;
        case StoreVerdict::Kind::failed:
            log.warning(fmt::format("store: the file could not be checked: {}", verdict.text));
            return;
    }
    std::abort();
}

}  // namespace

std::string_view verdict_name(StoreVerdict::Kind kind) {
    switch (kind) {
        case StoreVerdict::Kind::sound:
            return "sound";
        case StoreVerdict::Kind::damaged:
            return "damaged";
        case StoreVerdict::Kind::failed:
            return "failed";
    }
    std::abort();
}

StoreCheck::StoreCheck(std::string path, const base::Clock& clock, const base::Log& log,
                       std::function<void(StoreVerdict)> tell)
    : thread_([path = std::move(path), &clock, &log,
               tell = std::move(tell)](const std::stop_token& stop) {
          const auto start = clock.mono();
          auto verdict = check(path, stop);
          if (stop.stop_requested()) return;
          say(log, verdict, std::chrono::duration_cast<base::Milliseconds>(clock.mono() - start));
          tell(std::move(verdict));
      }) {}

}  // namespace quotafuse::daemon
