#pragma once

#include <cstdint>
#include <string>

#include <SQLiteCpp/Statement.h>

#include "base/clock.h"
#include "circuit_breaker/action.h"
#include "circuit_breaker/target.h"
#include "sync/dialect.h"

namespace quotafuse::circuit_breaker {

/// Binds the values of a statement one after the other.
class Binder {
public:
    explicit Binder(SQLite::Statement& statement) : statement_(statement) {}
    Binder& operator()(std::int64_t value);
    Binder& operator()(const std::string& value);
    Binder& operator()(base::Second t);
    /// The six columns of kTargetColumns.
    Binder& operator()(const Target& target);

private:
    SQLite::Statement& statement_;
    int next_ = 1;
};

/// Reads the columns of a row one after the other.
class RowReader {
public:
    explicit RowReader(SQLite::Statement& statement) : statement_(statement) {}
    std::int64_t number();
    std::string text();
    base::Second time();
    Target target();

private:
    SQLite::Statement& statement_;
    int next_ = 0;
};

/// A target in every table that has one.
inline constexpr const char* kTargetColumns =
    "target_kind, channel, model, token, user, token_name";

Mode mode_from(const std::string& name);  // off where it is no mode's
sync::Gateway gateway_from(const std::string& name);

}  // namespace quotafuse::circuit_breaker
