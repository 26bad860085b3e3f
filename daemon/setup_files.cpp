#include "daemon/setup_files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failure.h"
#include "daemon/file_descriptor.h"

namespace quotafuse::daemon {
namespace {

namespace fs = std::filesystem;

/// As what it replaces, or as its folder: the service has to read what root writes. Only root may
/// give files away.
void take_owner(int file, const std::string& path) {
    struct stat like {};
    const bool found = ::stat(path.c_str(), &like) == 0 ||
                       ::stat(fs::path{path}.parent_path().c_str(), &like) == 0;
    if (::geteuid() != 0 || !found) return;
    if (::fchown(file, like.st_uid, like.st_gid) != 0) {
        throw base::Failure(
            base::ExitCode::io_error,
            fmt::format("{}: cannot be given to its owner: {}", path, std::strerror(errno)));
    }
}

}  // namespace

std::string read_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::string& path, const std::string& text, mode_t mode) {
    const auto fail = [&](const std::string& what) {
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
    };
    struct stat former {};
    if (::stat(path.c_str(), &former) == 0) mode = former.st_mode & 07777U;
    const auto draft = path + ".draft";
    ::unlink(draft.c_str());  // of a run that was killed
    const FileDescriptor file{
        ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)};
    if (file.get() < 0 || ::fchmod(file.get(), mode) != 0) fail("cannot be made");
    take_owner(file.get(), path);
    for (std::size_t at = 0; at < text.size();) {
        const auto written = ::write(file.get(), text.data() + at, text.size() - at);
        if (written < 0) fail("cannot be written");
        at += static_cast<std::size_t>(written);
    }
    if (::fsync(file.get()) != 0 || std::rename(draft.c_str(), path.c_str()) != 0) {
        fail("cannot be written");
    }
}

void make_folder(const std::string& path) {
    const auto folder = fs::absolute(path).lexically_normal();
    if (fs::is_directory(folder)) return;
    if (folder.has_parent_path() && folder.parent_path() != folder) {
        make_folder(folder.parent_path().string());
    }
    struct stat above {};
    const bool made = ::mkdir(folder.c_str(), 0755) == 0;
    const FileDescriptor file{
        made ? ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1};
    const bool given =
        file.get() >= 0 && ::fchmod(file.get(), 0755) == 0 &&
        (::geteuid() != 0 || (::stat(folder.parent_path().c_str(), &above) == 0 &&
                              ::fchown(file.get(), above.st_uid, above.st_gid) == 0));
    if (given) return;
    throw base::Failure(base::ExitCode::io_error,
                        fmt::format("{}: cannot be made: {}; run this as root, or give another "
                                    "--dir",
                                    folder.string(), std::strerror(errno)));
}

void own_store(const std::string& store) {
    if (::geteuid() != 0) return;
    for (const auto* const suffix : {"", ".lock", "-wal", "-shm"}) {
        const auto path = store + suffix;
        const bool made = std::string_view{suffix}.find('-') == std::string_view::npos;
        const FileDescriptor file{
            ::open(path.c_str(),
                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (made ? O_CREAT : 0), 0640)};
        if (file.get() < 0 && (errno == ENOENT || errno == ELOOP)) continue;
        struct stat folder {};
        struct stat there {};
        const bool known = file.get() >= 0 && ::fstat(file.get(), &there) == 0 &&
                           ::stat(fs::absolute(path).parent_path().c_str(), &folder) == 0;
        // Another name of it may lie where only root can write.
        const bool is_alone = S_ISREG(there.st_mode) && there.st_nlink == 1;
        if (known && (there.st_uid != 0 || !is_alone)) continue;
        if (known && ::fchown(file.get(), folder.st_uid, folder.st_gid) == 0) continue;
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("{}: cannot be given to the owner of its folder: {}", path,
                                        std::strerror(errno)));
    }
}

}  // namespace quotafuse::daemon
