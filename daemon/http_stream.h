#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "daemon/http_message.h"

namespace quotafuse::daemon {

/// The places for streamed replies, of which there are few: each holds a snapshot of the store.
/// Thread-safe; outlives what it gave.
class StreamPlaces {
public:
    explicit StreamPlaces(std::size_t most) : free_(static_cast<std::ptrdiff_t>(most)) {}

    /// `stream` in the framing that its client understands (chunked, or until the connection ends),
    /// in a place that it leaves when it is destroyed; null where all are taken.
    std::unique_ptr<Producer> take(std::shared_ptr<Producer> stream, bool chunked);

private:
    class Framed;
    std::atomic<std::ptrdiff_t> free_;
};

/// The head of a reply whose length is not known: status line and headers, up to the empty line.
/// Throws std::invalid_argument for a header that would be more than one.
std::string stream_head(const HttpReply& reply, bool chunked);

}  // namespace quotafuse::daemon
