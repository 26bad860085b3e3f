#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "daemon/demo/schema.h"

namespace quotafuse::demo {

/// The types of `logs` rows. One API's type 5 is a channel test, New API's an error.
namespace log_type {
inline constexpr std::int64_t kTopUp = 1;
inline constexpr std::int64_t kConsume = 2;
inline constexpr std::int64_t kManage = 3;
inline constexpr std::int64_t kSystem = 4;
inline constexpr std::int64_t kErrorOrTest = 5;
inline constexpr std::int64_t kRefund = 6;
inline constexpr std::int64_t kLogin = 7;
}  // namespace log_type

/// A row of `logs` to be. What is not set becomes NULL; an id that is not set is given by the
/// database. Columns that a flavour lacks are not written. Texts have no NUL byte.
struct LogInsert {
    std::optional<std::int64_t> id;
    std::optional<std::int64_t> user_id;
    std::optional<std::int64_t> created_at;  // unix seconds
    std::optional<std::int64_t> type;
    std::optional<std::int64_t> quota;
    std::optional<std::int64_t> prompt_tokens;
    std::optional<std::int64_t> completion_tokens;
    std::optional<std::int64_t> use_time;      // seconds (New API)
    std::optional<std::int64_t> elapsed_time;  // milliseconds (One API)
    std::optional<std::int64_t> is_stream;
    std::optional<std::int64_t> channel_id;
    std::optional<std::int64_t> token_id;
    std::optional<std::string> content;
    std::optional<std::string> username;
    std::optional<std::string> token_name;
    std::optional<std::string> model_name;
    std::optional<std::string> group;
    std::optional<std::string> ip;
    std::optional<std::string> request_id;
    std::optional<std::string> upstream_request_id;
    std::optional<std::string> other;

    bool operator==(const LogInsert&) const = default;
};

/// One INSERT for all rows, with its values as literals of the engine. `rows` is not empty.
std::string insert_sql(Flavour flavour, sync::Dsn::Kind engine, std::span<const LogInsert> rows);

/// As a gateway writes: each row is a transaction of its own. Throws sync::GatewayError; the rows
/// before the one that failed stay.
void insert(sync::GatewaySession& session, Flavour flavour, std::span<const LogInsert> rows);

/// Many rows fast: 500 a statement, 10,000 a transaction. Throws sync::GatewayError; whole
/// transactions stay.
void bulk_insert(sync::GatewaySession& session, Flavour flavour, std::span<const LogInsert> rows);

}  // namespace quotafuse::demo
