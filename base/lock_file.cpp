#include "base/lock_file.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"

namespace quotafuse::base {
namespace {

std::string read_holder(int fd) {
    std::array<char, 32> buffer{};
    const auto length = ::pread(fd, buffer.data(), buffer.size(), 0);
    if (length <= 0) return "unknown";
    return std::string{trim({buffer.data(), static_cast<std::size_t>(length)})};
}

}  // namespace

LockFile::LockFile(const std::string& path)
    : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640)) {
    if (fd_ < 0) {
        throw Failure(ExitCode::io_error,
                      fmt::format("{}: {}", path,
                                  errno == ELOOP ? "it is a link, which is not followed"
                                                 : std::strerror(errno)));
    }
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        const auto holder = read_holder(fd_);
        ::close(fd_);
        throw LockHeld(fmt::format("{} is held by another quotafuse (pid {}); stop that one first",
                                   path, holder));
    }
    const auto pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd_, 0) != 0 ||
        ::pwrite(fd_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        const auto why = std::strerror(errno);
        ::close(fd_);
        throw Failure(ExitCode::io_error, fmt::format("{}: {}", path, why));
    }
}

// The file stays: removing it would let two processes lock two different files of one name.
LockFile::~LockFile() {
    ::close(fd_);
}

}  // namespace quotafuse::base
