#include "sync/dialect.h"

#include <cstdlib>

#include "sync/gateway_session.h"

namespace quotafuse::sync {
namespace {

constexpr std::array<std::string_view, kColumns> kNames{
    "id",           "created_at", "type",          "user_id",           "channel_id",
    "token_id",     "quota",      "prompt_tokens", "completion_tokens", "use_time",
    "elapsed_time", "is_stream",  "username",      "token_name",        "model_name",
    "group",        "ip",         "request_id",    "content",           "other"};

std::string select_one(std::string_view name, bool exists) {
    if (!exists) return "NULL";
    // Only error rows are read for their text, and only its start: content has no size limit.
    if (name == "content") return "CASE WHEN `type` = 5 THEN SUBSTR(`content`, 1, 500) END";
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
    for (const auto* const needed :
         {"id", "created_at", "type", "quota", "model_name", "token_name"}) {
        if (columns.contains(needed)) continue;
        throw GatewayError(
            GatewayError::Kind::schema,
            std::string{"the table `logs` has no column `"} + needed +
                "` that this account may read: it is neither New API's nor One API's");
    }
    return Dialect{forced.value_or(tell(columns)), columns};
}

Dialect::Dialect(Gateway gateway, std::set<std::string> columns)
    : gateway_(gateway), columns_(std::move(columns)) {
    for (std::size_t i = 0; i < kColumns; ++i) {
        if (i != 0) select_list_ += ", ";
        select_list_ += select_one(kNames[i], columns_.contains(std::string{kNames[i]}));
    }
}

}  // namespace quotafuse::sync
