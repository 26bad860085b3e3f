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
/// Before root writes a store: makes the files that are not there yet, and what root left of them
/// earlier becomes that of the one who owns their folder; SQLite then makes its journals alike. So
/// the service can write them, however this command ends. Follows no links, which the owner of the
/// folder may have put there. Throws Failure(io_error).
void own_store(const std::string& store);

}  // namespace quotafuse::daemon
