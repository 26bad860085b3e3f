#pragma once

#include <cstdint>
#include <memory>

#include "sync/dialect.h"
#include "sync/log_entry.h"

namespace quotafuse::sync {

/// Turns raw rows into log entries by the meaning that the gateway's program gives them. Never
/// fails: what cannot be read (a broken `other`) leaves its fields unknown and is counted. Used by
/// one thread.
class RowDecoder {
public:
    explicit RowDecoder(Gateway gateway);
    ~RowDecoder();
    RowDecoder(const RowDecoder&) = delete;
    RowDecoder& operator=(const RowDecoder&) = delete;

    Gateway gateway() const { return gateway_; }
    LogEntry decode(const RawRow& raw);
    /// Rows whose `other` was neither empty, null nor a JSON object.
    std::int64_t broken_others() const { return broken_others_; }

private:
    void read_other(std::string_view other, LogEntry& entry);
    struct Json;
    Gateway gateway_;
    std::unique_ptr<Json> json_;
    std::int64_t broken_others_ = 0;
};

}  // namespace quotafuse::sync
