#pragma once

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include "base/failure.h"

namespace quotafuse::daemon {

/// A new folder in $TMPDIR that goes with this object.
class ScratchFolder {
public:
    /// `name`: what its name begins with.
    explicit ScratchFolder(const std::string& name = "quotafuse") {
        const char* const where = std::getenv("TMPDIR");
        path_ =
            fmt::format("{}/{}-XXXXXX", where != nullptr && *where != '\0' ? where : "/tmp", name);
        if (::mkdtemp(path_.data()) != nullptr) return;
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("{}: cannot be made: {}", path_, std::strerror(errno)));
    }
    ~ScratchFolder() {
        std::error_code ignored;  // a leftover in /tmp is no failure of the command
        std::filesystem::remove_all(path_, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace quotafuse::daemon
