#include "daemon/store_copy.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Database.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/database.h"
#include "base/failure.h"
#include "daemon/file_descriptor.h"

namespace quotafuse::daemon {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyTimeoutMs = 5000;
constexpr int kPagesAStep = 500;  // 2 MB: some ms between two looks at progress and stop

base::Failure cannot(const std::string& what, const std::string& file, const std::string& why) {
    return {base::ExitCode::io_error, fmt::format("{} cannot be {}: {}", file, what, why)};
}

std::string reason_of(int error) {
    return std::generic_category().message(error);
}

/// Deletes what is left of a copy that did not come to its end.
class PartFile {
public:
    /// Made anew, with the rights of the store: the rows are nobody else's business.
    PartFile(std::string path, const std::string& store) : path_(std::move(path)) {
        remove();
        struct stat like {};
        if (::stat(store.c_str(), &like) != 0) like.st_mode = 0600;
        const FileDescriptor file{
            ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
        if (file.get() < 0 || ::fchmod(file.get(), like.st_mode & 0777) != 0)
            throw cannot("written", path_, reason_of(errno));
    }
    ~PartFile() {
        if (!path_.empty()) remove();
    }
    PartFile(const PartFile&) = delete;
    PartFile& operator=(const PartFile&) = delete;

    const std::string& path() const { return path_; }

    /// On the disk and under its own name, in this order.
    void become(const std::string& file) {
        sync_to_disk(path_);
        if (::rename(path_.c_str(), file.c_str()) != 0)
            throw cannot("written", file, reason_of(errno));
        path_.clear();
        const auto folder = fs::path{file}.parent_path().string();
        sync_to_disk(folder.empty() ? "." : folder);
    }

private:
    void remove() const {
        std::error_code none_left;
        for (const auto* const suffix : {"", "-journal", "-wal", "-shm"})
            fs::remove(path_ + suffix, none_left);
    }
    static void sync_to_disk(const std::string& path) {
        const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
        if (file.get() < 0 || ::fsync(file.get()) != 0)
            throw cannot("written", path, reason_of(errno));
    }

    std::string path_;
};

void refuse_bad_target(const std::string& store, const std::string& file, bool force) {
    std::error_code error;
    const bool exists = fs::exists(store, error);
    if (error) throw cannot("read", store, error.message());
    if (!exists)
        throw base::Failure(base::ExitCode::no_input, fmt::format("there is no store {}", store));
    for (const auto* const end : {"-wal", "-shm", "-journal", ".lock"}) {
        if (fs::weakly_canonical(file, error) == fs::weakly_canonical(store + end, error))
            throw cannot("written", file, "it belongs to the store");
    }
    if (!fs::exists(file, error)) return;
    if (fs::equivalent(store, file, error)) throw cannot("written", file, "it is the store itself");
    if (!fs::is_regular_file(file, error)) throw cannot("written", file, "it is no file");
    if (!force) throw cannot("written", file, "it exists already; --force replaces it");
}

/// Every page as of one moment. The snapshot is held by a transaction of the same connection: the
/// backup would begin anew at each write of the daemon otherwise.
bool copy_pages(SQLite::Database& from, SQLite::Database& to,
                const std::function<void(double)>& show, const std::stop_token& stop) {
    from.exec("BEGIN");
    from.execAndGet("SELECT count(*) FROM sqlite_schema");
    SQLite::Backup backup{to, from};
    for (;;) {
        if (stop.stop_requested()) return false;
        const int code = backup.executeStep(kPagesAStep);
        if (code == SQLITE_DONE) return true;
        if (code != SQLITE_OK) throw SQLite::Exception{to.getHandle(), code};
        const auto total = backup.getTotalPageCount();
        show(static_cast<double>(total - backup.getRemainingPageCount()) /
             static_cast<double>(std::max(total, 1)));
    }
}

SQLite::Database open_store(const std::string& store) {
    try {
        SQLite::Database db{store, SQLite::OPEN_READONLY, kBusyTimeoutMs};
        db.execAndGet("SELECT count(*) FROM sqlite_schema");
        return db;
    } catch (const SQLite::Exception& e) {
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("store {} cannot be read: {}", store, e.what()));
    }
}

bool copy_into(const std::string& part, SQLite::Database& from,
               const std::function<void(double)>& show, const std::stop_token& stop) {
    try {
        SQLite::Database to{part, SQLite::OPEN_READWRITE, kBusyTimeoutMs};
        to.exec("PRAGMA locking_mode = EXCLUSIVE");
        // A copy that breaks off is deleted, and a whole one is brought to the disk at its end.
        to.exec("PRAGMA journal_mode = OFF");
        to.exec("PRAGMA synchronous = OFF");
        if (!copy_pages(from, to, show, stop)) return false;
        to.exec("PRAGMA journal_mode = DELETE");  // one file, also for read-only media
        return true;
    } catch (const SQLite::Exception& e) {
        throw cannot("written", part, e.what());
    }
}

}  // namespace

std::optional<StoreCopy> copy_store(const std::string& store, const std::string& file, bool force,
                                    const std::function<void(double)>& show,
                                    const std::stop_token& stop) {
    refuse_bad_target(store, file, force);
    auto from = open_store(store);
    PartFile part{file + ".part", store};
    if (!copy_into(part.path(), from, show, stop)) return std::nullopt;
    const auto damage = base::check_file(part.path(), stop);
    if (stop.stop_requested()) return std::nullopt;
    if (damage) {
        throw base::Failure(base::ExitCode::io_error,
                            fmt::format("the copy is damaged, and so is the store {}, most likely: "
                                        "{}",
                                        store, *damage));
    }
    part.become(file);
    return StoreCopy{static_cast<std::int64_t>(fs::file_size(file))};
}

}  // namespace quotafuse::daemon
