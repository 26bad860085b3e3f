#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "daemon/etag.h"
#include "daemon/http_message.h"

namespace quotafuse::daemon::api {

/// Replies that are costly to make, kept for some seconds: however many ask the same at once, it is
/// made once. One that took long to make is told for kTimesOfMaking times as long, so that no page
/// takes more than a hundredth of a core, up to kLongest. Until it is twice as old as it may be it
/// is still told while it is made anew: by whoever asks first, who waits, or, where that took
/// kLongWait, by a thread of the cache, for which nobody waits. Only replies of status 200 are
/// kept. Thread-safe.
class ReplyCache {
public:
    static constexpr std::size_t kMostReplies = 200;
    static constexpr std::size_t kMostBytes = 8'000'000;  // of all bodies
    static constexpr int kTimesOfMaking = 100;
    static constexpr base::Milliseconds kLongest{15'000};
    static constexpr base::Milliseconds kLongWait{20};

    /// `clock` outlives it.
    explicit ReplyCache(const base::Clock& clock);
    /// Waits for what its thread makes at the moment.
    ~ReplyCache();
    ReplyCache(const ReplyCache&) = delete;
    ReplyCache& operator=(const ReplyCache&) = delete;

    /// `good_for`: how long at least a reply is told. `make` is copied, and outlives the call by as
    /// much as the cache; its exception is everybody's who waits.
    HttpReply get(const HttpRequest& request, base::Milliseconds good_for, const HttpHandler& make);

private:
    struct Entry;
    struct Renewal;
    void fill(const Renewal& renewal, const std::shared_ptr<Entry>& entry);
    void renew(const std::stop_token& stop);
    void file(const std::string& key, const std::shared_ptr<Entry>& entry,
              const std::shared_ptr<Entry>& former);
    void forget(const std::string& key);
    void make_room();

    const base::Clock& clock_;
    std::mutex mutex_;
    std::condition_variable made_;
    std::condition_variable_any due_;
    std::list<Renewal> renewals_;
    std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
    std::size_t bytes_ = 0;  // of those that are done
    std::jthread thread_;    // last: it uses all of the above
};

using daemon::with_etag;

}  // namespace quotafuse::daemon::api
