#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "sync/row.h"

struct sqlite3_stmt;

namespace SQLite {
class Database;
}

namespace quotafuse::sync {

/// A prepared statement that reads rows of log. Millions of them go through it: SQLite hands the
/// columns of a row to a function of ours, all at once, because asking for each of them costs as
/// much again as reading them. One thread; not to be run again from within its own visit.
class RowQuery {
public:
    /// `from` is what comes after the columns, "FROM log …", with parameters ?1, ?2 … It must give
    /// its rows in the order of an index: SQLite may call functions before it sorts. Throws
    /// SQLite::Exception. The database must outlive it.
    RowQuery(SQLite::Database& database, const std::string& from);

    /// Binds the arguments in turn and visits every row of the result; returns how many there were.
    /// The row is only good during the visit. Throws SQLite::Exception and what visit throws; the
    /// statement, and with it the snapshot of a reader, is over in any case.
    std::size_t each(std::initializer_list<std::int64_t> arguments,
                     const std::function<void(const Row&)>& visit);

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace quotafuse::sync
