#pragma once

#include <memory>
#include <optional>

#include "sync/log_source.h"

namespace quotafuse::sync {

/// After so many polls (five minutes of idle ones) a source looks again at which columns there are.
inline constexpr int kUsesOfDialect = 300;

// The two engines behind make_source().
std::unique_ptr<LogSource> make_mysql_source(const Dsn& dsn, std::optional<Gateway> forced,
                                             const SessionOptions& options);
std::unique_ptr<LogSource> make_sqlite_source(const Dsn& dsn, std::optional<Gateway> forced,
                                              const SessionOptions& options);

}  // namespace quotafuse::sync
