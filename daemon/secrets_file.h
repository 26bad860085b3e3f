#pragma once

#include <string>

namespace quotafuse::daemon {

/// Writes a new secrets.env with what the environment knows of its names, of which SQL_DSN may also
/// be called DATABASE_URL. Says on stdout what it did, on stderr what could not be taken over.
/// Throws Failure(io_error).
void write_secrets(const std::string& path);
/// The same for one that is there: where it names no gateway, the one of the environment is added,
/// the one thing that `init` itself asks for; the rest is the person's. `database_url`: whether
/// DATABASE_URL counts, too.
void complete_secrets(const std::string& path, bool database_url);

}  // namespace quotafuse::daemon
