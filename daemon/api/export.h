#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/api/inquiry.h"
#include "daemon/producer.h"

namespace quotafuse::daemon::api {

/// /api/v1/export: what one of the pages answers, whole, as CSV (RFC 4180, UTF-8) or JSON. Rows of
/// the log come in slices, each on a snapshot of its own, so that no reader holds one for long:
/// what is written meanwhile does not appear, because the span ends before it.
class Export final : public Producer {
public:
    static constexpr std::int64_t kMostRows = 1'000'000;
    static constexpr std::size_t kPiece = 64 * 1024;  // bytes
    static constexpr base::Milliseconds kLongest{5 * 60'000};

    /// `sources` outlives it. Throws BadParameter, and SQLite::Exception where the store cannot be
    /// read.
    Export(const Sources& sources, HttpRequest request, std::int64_t most_rows = kMostRows);
    ~Export() override;

    /// Throws SQLite::Exception, and std::runtime_error when it takes longer than kLongest.
    std::string next() override;

    std::string content_type() const;
    /// "quotafuse-logs-2026-01-05-0800.csv", by the local time of now.
    std::string file_name() const;

    /// Gives rows as flat as a table, batch by batch.
    class Rows;

private:
    void add_head();
    void add_row(const Json& row);
    void add_foot();

    const Sources& sources_;
    const base::MonoTime deadline_;
    const std::int64_t most_rows_;
    std::string what_;
    bool csv_ = true;
    std::unique_ptr<Rows> rows_;
    std::vector<std::string> columns_;
    std::string buffer_;
    std::int64_t told_ = 0;
    bool cut_ = false;   // there are more rows than may be told
    bool over_ = false;  // everything is in the buffer
};

/// One field of CSV. Text that a spreadsheet would take for a formula gets an apostrophe.
std::string csv_field(const Json& value);
/// Objects within become columns of their own: {"a": {"b": 1}} is {"a_b": 1}. Lists are text.
Json flat(const Json& row);

}  // namespace quotafuse::daemon::api
