#include "base/log.h"

#include <algorithm>
#include <cstdlib>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guarded.h"
#include "base/text.h"

namespace quotafuse::base {
namespace {

/// journald sets JOURNAL_STREAM to the device and inode of the stream it reads.
bool stderr_is_journal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat st {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
    return std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) == stream;
}

std::string_view journal_priority(Level level) {
    switch (level) {
        case Level::debug:
            return "<7>";
        case Level::info:
            return "<6>";
        case Level::warning:
            return "<4>";
        case Level::error:
            return "<3>";
    }
    std::abort();
}

spdlog::level::level_enum spdlog_level(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warning:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
    }
    std::abort();
}

}  // namespace

struct Log::Impl {
    spdlog::logger logger{"quotafuse", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
    bool journal = stderr_is_journal();
    mutable Guarded<std::vector<std::string>> secrets;
};

Log::Log(Level lowest) : impl_(std::make_unique<Impl>()) {
    impl_->logger.set_pattern(impl_->journal ? "%v" : "%Y-%m-%d %H:%M:%S %l: %v");
    impl_->logger.set_level(spdlog_level(lowest));
    impl_->logger.flush_on(spdlog::level::debug);
}

Log::~Log() = default;

void Log::hide(const std::vector<std::string>& secrets) {
    impl_->secrets.with([&](auto& known) {
        for (const auto& secret : secrets) {
            if (secret.size() < 4) continue;
            for (const auto& form : {secret, percent_encode(secret)}) {
                if (std::find(known.begin(), known.end(), form) == known.end())
                    known.push_back(form);
            }
        }
        // Longest first: a secret that contains another must not leave its tail behind.
        std::sort(known.begin(), known.end(),
                  [](const auto& a, const auto& b) { return a.size() > b.size(); });
    });
}

std::string Log::clean(std::string_view text) const {
    std::string line{text};
    impl_->secrets.with([&](const auto& known) {
        for (const auto& secret : known) replace_all(line, secret, "***");
    });
    for (auto& c : line) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return line;
}

void Log::write(Level level, std::string_view text) const {
    if (!impl_->logger.should_log(spdlog_level(level))) return;
    const auto line = clean(text);
    const auto prefix = impl_->journal ? journal_priority(level) : std::string_view{};
    impl_->logger.log(spdlog_level(level), "{}{}", prefix, line);
}

}  // namespace quotafuse::base
