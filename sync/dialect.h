#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace quotafuse::sync {

enum class Gateway { new_api, one_api };
std::string_view gateway_name(Gateway gateway);  // "new-api", "one-api"

/// The columns of `logs` that any supported gateway has, in the order in which sources select them.
enum class Column : std::size_t {
    id,
    created_at,
    type,
    user_id,
    channel_id,
    token_id,
    quota,
    prompt_tokens,
    completion_tokens,
    use_time,
    elapsed_time,
    is_stream,
    username,
    token_name,
    model_name,
    group,
    ip,
    request_id,
    content,
    other,
};
inline constexpr std::size_t kColumns = 20;
std::string_view column_name(Column column);

/// A row as it comes from the database, NULLs and all. Views live as long as the source's callback.
struct RawRow {
    std::array<std::optional<std::int64_t>, 12> numbers;   // id … is_stream
    std::array<std::optional<std::string_view>, 8> texts;  // username … other

    std::int64_t number(Column column) const {
        return numbers[static_cast<std::size_t>(column)].value_or(0);
    }
    /// Unix seconds from 1970 to the year 9999, whatever stands there: times are added up.
    std::int64_t created_at() const {
        constexpr std::int64_t kLatest = 253'402'300'799;
        return std::clamp<std::int64_t>(number(Column::created_at), 0, kLatest);
    }
    std::string_view text(Column column) const {
        return texts[static_cast<std::size_t>(column) - numbers.size()].value_or(
            std::string_view{});
    }
};

/// Without these of its columns `logs` is none; of any other the value counts as missing.
inline constexpr std::array<std::string_view, 6> kNeededOfLogs{"id",    "created_at", "type",
                                                               "quota", "model_name", "token_name"};

/// What one gateway's `logs` looks like: which program wrote it, and which columns it has.
class Dialect {
public:
    /// Tells the program by its columns: `other` is New API, `elapsed_time` without it One API.
    /// Throws GatewayError(schema) when the columns are those of neither.
    static Dialect detect(const std::set<std::string>& columns, std::optional<Gateway> forced = {});

    Gateway gateway() const { return gateway_; }
    /// "`id`,`created_at`,…" with NULL for a column that this database lacks. Names quoted with
    /// backticks.
    const std::string& select_list() const { return select_list_; }
    bool has(Column column) const { return columns_.contains(std::string{column_name(column)}); }

private:
    Dialect(Gateway gateway, std::set<std::string> columns);
    Gateway gateway_;
    std::set<std::string> columns_;
    std::string select_list_;
};

}  // namespace quotafuse::sync
