#pragma once

#include <string>

#include <sys/types.h>

// What `init` leaves behind must be readable for the service, though root wrote it.

namespace quotafuse::daemon {

/// Empty where it cannot be read.
std::string read_file(const std::string& path);
/// Whole or not at all. It keeps mode and owner of what it replaces; a new file has `mode` and,
/// where root writes, the owner of its folder. Throws Failure(io_error).
void write_file(const std::string& path, const std::string& text, mode_t mode);
/// With the folders above it. Where root makes one it gets the owner of the folder that it is in.
/// Throws Failure(io_error).
void make_folder(const std::string& path);
/// Where root made the store, it becomes that of the one who owns its folder, with all that lies
/// beside it. Throws Failure(io_error).
void give_away_store(const std::string& store);

}  // namespace quotafuse::daemon
