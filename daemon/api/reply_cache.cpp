#include "daemon/api/reply_cache.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/text.h"

namespace quotafuse::daemon::api {
namespace {

/// The same for all requests that ask the same: multimap has the parameters in order.
std::string key_of(const HttpRequest& request) {
    std::string key = request.path;
    for (const auto& [name, value] : request.query)
        key += '&' + base::percent_encode(name) + '=' + base::percent_encode(value);
    return key;
}

base::Milliseconds told_for(base::Milliseconds least, base::MonoTime::duration making) {
    const auto worth =
        std::chrono::duration_cast<base::Milliseconds>(making * ReplyCache::kTimesOfMaking);
    return std::max(least, std::min(worth, ReplyCache::kLongest));
}

}  // namespace

struct ReplyCache::Entry {
    bool done = false;
    bool is_renewed = false;  // by somebody, at the moment
    base::MonoTime::duration making{};
    base::Milliseconds good_for{};
    base::MonoTime good_until{};
    HttpReply reply;
    std::exception_ptr failure;
};

struct ReplyCache::Renewal {
    std::string key;
    HttpRequest request;
    base::Milliseconds good_for;
    HttpHandler make;
    std::shared_ptr<Entry> former;  // others get it meanwhile; null for none
};

ReplyCache::ReplyCache(const base::Clock& clock)
    : clock_(clock), thread_([this](const std::stop_token& stop) { renew(stop); }) {}

ReplyCache::~ReplyCache() = default;

HttpReply ReplyCache::get(const HttpRequest& request, base::Milliseconds good_for,
                          const HttpHandler& make) {
    const auto key = key_of(request);
    std::shared_ptr<Entry> former;
    const auto entry = std::make_shared<Entry>();
    {
        std::unique_lock lock{mutex_};
        if (const auto found = entries_.find(key); found != entries_.end()) {
            const auto kept = found->second;
            const bool was_done = kept->done;
            made_.wait(lock, [&] { return kept->done; });
            if (kept->failure) std::rethrow_exception(kept->failure);
            const auto now = clock_.mono();
            if (!was_done || now < kept->good_until) return kept->reply;
            if (now < kept->good_until + kept->good_for) {
                if (kept->is_renewed) return kept->reply;
                kept->is_renewed = true;
                if (kept->making >= kLongWait) {
                    renewals_.push_back({key, request, good_for, make, kept});
                    due_.notify_one();
                    return kept->reply;
                }
                former = kept;
            }
        }
        if (!former) {
            forget(key);
            entries_.emplace(key, entry);
        }
    }
    fill({key, request, good_for, make, former}, entry);
    if (entry->failure) std::rethrow_exception(entry->failure);
    return entry->reply;
}

void ReplyCache::fill(const Renewal& renewal, const std::shared_ptr<Entry>& entry) {
    const auto began = clock_.mono();
    try {
        entry->reply = renewal.make(renewal.request);
    } catch (...) {
        entry->failure = std::current_exception();
    }
    const std::scoped_lock lock{mutex_};
    entry->done = true;
    const auto now = clock_.mono();
    entry->making = now - began;
    entry->good_for = told_for(renewal.good_for, entry->making);
    entry->good_until = now + entry->good_for;
    file(renewal.key, entry, renewal.former);
    made_.notify_all();
    make_room();
}

/// A failure here is forgotten with the reply that was to be replaced: who asks next makes it, and
/// hears.
void ReplyCache::renew(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (due_.wait(lock, stop, [this] { return !renewals_.empty(); })) {
        const auto renewal = std::move(renewals_.front());
        renewals_.pop_front();
        lock.unlock();
        fill(renewal, std::make_shared<Entry>());
        lock.lock();
        if (stop.stop_requested()) return;
    }
}

/// One that is made anew takes the place of the former, if that is still there.
void ReplyCache::file(const std::string& key, const std::shared_ptr<Entry>& entry,
                      const std::shared_ptr<Entry>& former) {
    const bool is_good = !entry->failure && entry->reply.status == 200;
    if (former) {
        const auto found = entries_.find(key);
        if (found == entries_.end() || found->second != former) return;
        forget(key);
        if (is_good) entries_.emplace(key, entry);
    } else if (!is_good) {
        entries_.erase(key);
    }
    if (is_good) bytes_ += entry->reply.body.size();
}

void ReplyCache::forget(const std::string& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    if (found->second->done) bytes_ -= found->second->reply.body.size();
    entries_.erase(found);
}

/// Those that are made at the moment stay.
void ReplyCache::make_room() {
    while (entries_.size() > kMostReplies || bytes_ > kMostBytes) {
        const auto oldest =
            std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
                return std::pair{!a.second->done, a.second->good_until} <
                       std::pair{!b.second->done, b.second->good_until};
            });
        if (!oldest->second->done) return;
        forget(std::string{oldest->first});
    }
}

}  // namespace quotafuse::daemon::api
