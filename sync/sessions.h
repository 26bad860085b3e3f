#pragma once

#include <memory>

#include "sync/gateway_session.h"

namespace quotafuse::sync {

// The two engines behind make_session().
std::unique_ptr<GatewaySession> make_mysql_session(const Dsn& dsn, const SessionOptions& options);
std::unique_ptr<GatewaySession> make_sqlite_session(const Dsn& dsn, const SessionOptions& options);

}  // namespace quotafuse::sync
