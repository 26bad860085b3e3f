#include "daemon/demo/schema.h"

#include <algorithm>

#include <fmt/format.h>

#include "daemon/demo/tables.h"

namespace quotafuse::demo {
namespace {

using Engine = sync::Dsn::Kind;

/// GORM's SQLite driver knows five types. A type that a Go tag spells out passes as it is.
std::string_view sqlite_type(std::string_view mysql_type) {
    if (mysql_type == "bigint" || mysql_type == "bigint unsigned") return "integer";
    if (mysql_type == "boolean") return "numeric";
    if (mysql_type == "double") return "real";
    if (mysql_type == "longtext" || mysql_type == "varchar(191)") return "text";
    if (mysql_type == "datetime(3)") return "datetime";
    return mysql_type;
}

std::string column_sql(const TableColumn& column, Engine engine) {
    const bool sqlite = engine == Engine::sqlite;
    if (column.type == kSerial) {
        return fmt::format("`{}` {}", column.name,
                           sqlite ? "integer PRIMARY KEY AUTOINCREMENT" : "bigint AUTO_INCREMENT");
    }
    auto sql = fmt::format("`{}` {}", column.name, sqlite ? sqlite_type(column.type) : column.type);
    if (!column.rest.empty()) sql += fmt::format(" {}", column.rest);
    return sql;
}

std::string index_sql(const TableIndex& index, std::string_view table, Engine engine) {
    const auto* const kind = index.unique ? "UNIQUE INDEX" : "INDEX";
    if (engine == Engine::mysql)
        return fmt::format("{} `{}` ({})", kind, index.name, index.columns);
    return fmt::format("CREATE {} `{}` ON `{}`({})", kind, index.name, table, index.columns);
}

/// SQLite's serial column says that it is the primary key; MySQL wants it said apart.
bool says_primary_key(const Table& table, Engine engine) {
    return engine == Engine::mysql || table.columns.front().type != kSerial;
}

std::vector<std::string> create_table(const Table& table, Flavour flavour, Engine engine) {
    std::vector<std::string> parts;
    for (const auto& column : table.columns) {
        if (exists_in(flavour, column)) parts.push_back(column_sql(column, engine));
    }
    if (says_primary_key(table, engine)) {
        parts.push_back(fmt::format("PRIMARY KEY ({})", table.primary_key));
    }
    std::vector<std::string> apart;  // MySQL declares indexes with the table, SQLite after it
    for (const auto& index : table.indexes) {
        if (!exists_in(flavour, index)) continue;
        (engine == Engine::mysql ? parts : apart).push_back(index_sql(index, table.name, engine));
    }
    std::vector<std::string> statements{
        fmt::format("CREATE TABLE `{}` ({})", table.name, fmt::join(parts, ","))};
    statements.insert(statements.end(), apart.begin(), apart.end());
    return statements;
}

}  // namespace

std::vector<std::string> create_statements(Flavour flavour, sync::Dsn::Kind engine,
                                           LogIndexes indexes) {
    std::vector<std::string> all;
    for (auto table : gateway_tables()) {
        if (!exists_in(flavour, table)) continue;
        if (table.name == "logs" && indexes == LogIndexes::none) table.indexes.clear();
        const auto statements = create_table(table, flavour, engine);
        all.insert(all.end(), statements.begin(), statements.end());
    }
    return all;
}

void create_gateway(sync::GatewaySession& session, Flavour flavour, LogIndexes indexes) {
    for (const auto& sql : create_statements(flavour, session.kind(), indexes))
        session.execute(sql);
}

bool has_column(Flavour flavour, std::string_view table, std::string_view column) {
    for (const auto& known : gateway_tables()) {
        if (known.name != table || !exists_in(flavour, known)) continue;
        return std::any_of(known.columns.begin(), known.columns.end(), [&](const TableColumn& c) {
            return c.name == column && exists_in(flavour, c);
        });
    }
    return false;
}

}  // namespace quotafuse::demo
