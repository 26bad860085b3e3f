#include "sync/dialect.h"

#include <cstdlib>

#include "sync/gateway_session.h"
#include "sync/log_entry.h"

namespace quotafuse::sync {
namespace {

constexpr std::array<std::string_view, kColumns> kNames{
    "id",           "created_at", "type",          "user_id",           "channel_id",
    "token_id",     "quota",      "prompt_tokens", "completion_tokens", "use_time",
    "elapsed_time", "is_stream",  "username",      "token_name",        "model_name",
    "group",        "ip",         "request_id",    "content",           "other"};

constexpr int kMostContent = 2000;  // characters, at least as many bytes as are kept

/// Only the rows whose texts are kept are read for them, and only their start: content has no size
/// limit.
std::string select_content(const std::set<std::string>& columns) {
    std::string condition = "`type` = 5";
    if (columns.contains("use_time")) {
        condition += " OR `use_time` >= " + std::to_string(kSlowMs / 1000);
    }
    if (columns.contains("elapsed_time")) {
        condition += " OR `elapsed_time` >= " + std::to_string(kSlowMs);
    }
    return "CASE WHEN " + condition + " THEN SUBSTR(`content`, 1, " + std::to_string(kMostContent) +
           ") END";
}

std::string select_one(std::string_view name, const std::set<std::string>& columns) {
    if (!columns.contains(std::string{name})) return "NULL";
    if (name == "content") return select_content(columns);
    return "`" + std::string{name} + "`";
}

Gateway tell(const std::set<std::string>& columns) {
    if (columns.contains("other")) return Gateway::new_api;
    // One API before v0.6.11 has neither column; what is left is the same table.
    return Gateway::one_api;
}

}  // namespace

std::string_view gateway_name(Gateway gateway) {
    switch (gateway) {
        case Gateway::new_api:
            return "new-api";
        case Gateway::one_api:
            return "one-api";
    }
    std::abort();
}

std::string_view column_name(Column column) {
    return kNames[static_cast<std::size_t>(column)];
}

Dialect Dialect::detect(const std::set<std::string>& columns, std::optional<Gateway> forced) {
    for (const auto& needed : kNeededOfLogs) {
        if (columns.contains(std::string{needed})) continue;
        throw GatewayError(
            GatewayError::Kind::schema,
            "the table `logs` has no column `" + std::string{needed} +
                "` that this account may read: it is neither New API's nor One API's");
    }
    return Dialect{forced.value_or(tell(columns)), columns};
}

Dialect::Dialect(Gateway gateway, std::set<std::string> columns)
    : gateway_(gateway), columns_(std::move(columns)) {
    for (std::size_t i = 0; i < kColumns; ++i) {
        if (i != 0) select_list_ += ", ";
        select_list_ += select_one(kNames[i], columns_);
    }
}

}  // namespace quotafuse::sync
