#include <sqlite3.h>

#include "base/database.h"

namespace quotafuse::base {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr int kStepsBetweenLooks = 10'000;  // of SQLite's machine: well below a millisecond

int look_at_stop(void* stop) {
    return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

bool is_damage(int code) {
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

}  // namespace

std::optional<std::string> check_file(const std::string& path, const std::stop_token& stop) {
    std::string faults;
    try {
        SQLite::Database db{path, SQLite::OPEN_READONLY, kBusyTimeoutMs};
        // The handler sees a stop between the steps of the check, the interrupt within a long one.
        auto token = stop;
        sqlite3_progress_handler(db.getHandle(), kStepsBetweenLooks, look_at_stop, &token);
        const std::stop_callback interrupt{stop, [&] { sqlite3_interrupt(db.getHandle()); }};
        SQLite::Statement check{db, "PRAGMA quick_check(5)"};
        while (check.executeStep()) {
            if (!faults.empty()) faults += "; ";
            faults += check.getColumn(0).getString();
        }
    } catch (const SQLite::Exception& e) {
        if (stop.stop_requested()) return std::nullopt;
        if (!is_damage(e.getErrorCode())) throw;
        return faults.empty() ? e.what() : faults;
    }
    if (faults == "ok") return std::nullopt;
    return faults;
}

}  // namespace quotafuse::base
