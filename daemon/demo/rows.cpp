#include "daemon/demo/rows.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "daemon/demo/transaction.h"

namespace quotafuse::demo {
namespace {

constexpr std::size_t kRowsInStatement = 500;
constexpr std::size_t kRowsInTransaction = 10'000;

struct NumberColumn {
    std::string_view name;
    std::optional<std::int64_t> LogInsert::*value;
};
constexpr std::array kNumbers{
    NumberColumn{"id", &LogInsert::id},
    NumberColumn{"user_id", &LogInsert::user_id},
    NumberColumn{"created_at", &LogInsert::created_at},
    NumberColumn{"type", &LogInsert::type},
    NumberColumn{"quota", &LogInsert::quota},
    NumberColumn{"prompt_tokens", &LogInsert::prompt_tokens},
    NumberColumn{"completion_tokens", &LogInsert::completion_tokens},
    NumberColumn{"use_time", &LogInsert::use_time},
    NumberColumn{"elapsed_time", &LogInsert::elapsed_time},
    NumberColumn{"is_stream", &LogInsert::is_stream},
    NumberColumn{"channel_id", &LogInsert::channel_id},
    NumberColumn{"token_id", &LogInsert::token_id},
};

struct TextColumn {
    std::string_view name;
    std::optional<std::string> LogInsert::*value;
};
constexpr std::array kTexts{
    TextColumn{"content", &LogInsert::content},
    TextColumn{"username", &LogInsert::username},
    TextColumn{"token_name", &LogInsert::token_name},
    TextColumn{"model_name", &LogInsert::model_name},
    TextColumn{"group", &LogInsert::group},
    TextColumn{"ip", &LogInsert::ip},
    TextColumn{"request_id", &LogInsert::request_id},
    TextColumn{"upstream_request_id", &LogInsert::upstream_request_id},
    TextColumn{"other", &LogInsert::other},
};

using Buffer = fmt::memory_buffer;

void put(Buffer& sql, std::string_view text) {
    sql.append(text);
}

void put_number(Buffer& sql, const std::optional<std::int64_t>& value) {
    if (!value) return put(sql, "NULL");
    fmt::format_to(std::back_inserter(sql), "{}", *value);
}

/// A backslash is an ordinary character to SQLite and an escape to MySQL.
void put_text(Buffer& sql, const std::optional<std::string>& value, sync::Dsn::Kind engine) {
    if (!value) return put(sql, "NULL");
    sql.push_back('\'');
    for (const char c : *value) {
        if (c == '\'' || (c == '\\' && engine == sync::Dsn::Kind::mysql)) sql.push_back(c);
        sql.push_back(c);
    }
    sql.push_back('\'');
}

/// The columns of a list that a flavour has.
template <class Columns>
auto present(Flavour flavour, const Columns& columns) {
    std::vector<typename Columns::value_type> result;
    for (const auto& column : columns) {
        if (has_column(flavour, "logs", column.name)) result.push_back(column);
    }
    return result;
}

void drop_last(Buffer& sql) {
    sql.resize(sql.size() - 1);
}

}  // namespace

std::string insert_sql(Flavour flavour, sync::Dsn::Kind engine, std::span<const LogInsert> rows) {
    const auto numbers = present(flavour, kNumbers);
    const auto texts = present(flavour, kTexts);
    Buffer sql;
    put(sql, "INSERT INTO `logs` (");
    const auto put_name = [&](std::string_view name) {
        fmt::format_to(std::back_inserter(sql), "`{}`,", name);
    };
    for (const auto& column : numbers) put_name(column.name);
    for (const auto& column : texts) put_name(column.name);
    drop_last(sql);
    put(sql, ") VALUES ");
    for (const auto& row : rows) {
        sql.push_back('(');
        for (const auto& column : numbers) {
            put_number(sql, row.*column.value);
            sql.push_back(',');
        }
        for (const auto& column : texts) {
            put_text(sql, row.*column.value, engine);
            sql.push_back(',');
        }
        drop_last(sql);
        put(sql, "),");
    }
    drop_last(sql);
    return fmt::to_string(sql);
}

void insert(sync::GatewaySession& session, Flavour flavour, std::span<const LogInsert> rows) {
    for (const auto& row : rows) {
        Transaction transaction{session};
        session.execute(insert_sql(flavour, session.kind(), {&row, 1}));
        transaction.commit();
    }
}

void bulk_insert(sync::GatewaySession& session, Flavour flavour, std::span<const LogInsert> rows) {
    while (!rows.empty()) {
        auto part = rows.first(std::min(rows.size(), kRowsInTransaction));
        rows = rows.subspan(part.size());
        Transaction transaction{session};
        while (!part.empty()) {
            const auto batch = part.first(std::min(part.size(), kRowsInStatement));
            part = part.subspan(batch.size());
            session.execute(insert_sql(flavour, session.kind(), batch));
        }
        transaction.commit();
    }
}

}  // namespace quotafuse::demo
