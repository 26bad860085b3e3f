#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "daemon/etag.h"
#include "daemon/http_message.h"

namespace quotafuse::daemon::api {

/// Replies that are costly to make, kept for some seconds: however many ask the same at once, it is
/// made once. Those who ask while it is made anew get the former one as long as that is no older
/// than twice its time; else they wait. One that took long to make is told for kTimesOfMaking times
/// as long, so that no page takes more than a hundredth of a core, up to kLongest. Only replies of
/// status 200 are kept. Thread-safe.
class ReplyCache {
public:
    static constexpr std::size_t kMostReplies = 200;
    static constexpr std::size_t kMostBytes = 8'000'000;  // of all bodies
    static constexpr int kTimesOfMaking = 100;
    static constexpr base::Milliseconds kLongest{15'000};

    /// `clock` outlives it.
    explicit ReplyCache(const base::Clock& clock) : clock_(clock) {}

    /// `good_for`: how long at least a reply is told. `make` runs on the thread of whoever comes
    /// first; its exception is everybody's.
    HttpReply get(const HttpRequest& request, base::Milliseconds good_for, const HttpHandler& make);

private:
    struct Entry;
    void file(const std::string& key, const std::shared_ptr<Entry>& entry,
              const std::shared_ptr<Entry>& former);
    void forget(const std::string& key);
    void make_room();

    const base::Clock& clock_;
    std::mutex mutex_;
    std::condition_variable made_;
    std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
    std::size_t bytes_ = 0;  // of those that are done
};

using daemon::with_etag;

}  // namespace quotafuse::daemon::api
