#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sync/gateway_session.h"

namespace quotafuse::demo {

/// The gateways whose database the demo can make. Each value is one bit, so that a set of them is a
/// mask.
enum class Flavour : unsigned {
    one_api = 1,       // One API v0.6.11
    new_api_2025 = 2,  // New API of spring 2025
    new_api_2026 = 4,  // New API of summer 2026
};

/// The indexes of `logs` beside its primary key: fifteen in 2026, and more than half of what an
/// insert costs. A million rows go in about twice as fast without; a reader by id does not miss
/// them.
enum class LogIndexes { all, none };

/// The statements that make an empty gateway database, with the tables, columns and indexes that
/// the gateway's own ORM (GORM) makes: every type of Go in the words of the engine, names in
/// backticks.
std::vector<std::string> create_statements(Flavour flavour, sync::Dsn::Kind engine,
                                           LogIndexes indexes = LogIndexes::all);

/// Runs them. The database must have none of the tables. Throws sync::GatewayError.
void create_gateway(sync::GatewaySession& session, Flavour flavour,
                    LogIndexes indexes = LogIndexes::all);

/// Whether a gateway of this flavour has that column. False for an unknown table.
bool has_column(Flavour flavour, std::string_view table, std::string_view column);

}  // namespace quotafuse::demo
