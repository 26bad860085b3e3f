#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include <SQLiteCpp/Statement.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/time_zone.h"
#include "daemon/api/read_pool.h"
#include "daemon/http_message.h"
#include "daemon/number_format.h"
#include "sync/traffic_reader.h"

namespace quotafuse::daemon::api {

using Json = nlohmann::ordered_json;

/// What all answers are made of; all of it outlives the server. Thread-safe.
struct Sources {
    ReadPool& reads;
    const base::Clock& clock;
    base::TimeZone zone;
    std::function<Currency()> currency;  // in which amounts are shown, as of now
};

/// What the gateway calls its objects now. One thread.
class NameBook {
public:
    explicit NameBook(SQLite::Database& database) : database_(database) {}

    enum class Of { channel, token, user, provider, tag };  // the last two: of a channel
    /// Empty for one that is gone, was never seen, or has none.
    const std::string& name(Of of, std::int64_t id);

private:
    struct Book {
        std::optional<SQLite::Statement> query{};
        std::unordered_map<std::int64_t, std::string> names{};
    };
    SQLite::Database& database_;
    std::array<Book, 5> books_;
};

/// One request while it is answered, on one snapshot of the store. One thread.
class Inquiry {
public:
    Inquiry(const Sources& sources, const HttpRequest& request);

    const HttpRequest& request() const { return request_; }
    base::Second now() const { return now_; }
    const base::TimeZone& zone() const { return sources_.zone; }
    SQLite::Database& database() const { return lease_.database(); }
    TextBook& texts() const { return lease_.texts(); }
    sync::TrafficAnswer traffic(const sync::TrafficQuestion& question) const;
    /// See TrafficReader::answer_in_steps().
    std::optional<sync::TrafficAnswer> traffic_in_steps(const sync::TrafficQuestion& question,
                                                        base::Seconds step) const;

    /// See NameBook; good as long as this is.
    const std::string& name(NameBook::Of of, std::int64_t id) const { return names_.name(of, id); }

    /// Quota as an amount of currency().
    double amount(std::int64_t quota) const;
    const Currency& currency() const { return currency_; }
    double quota_per_dollar() const { return quota_per_dollar_; }

private:
    const Sources& sources_;
    const HttpRequest& request_;
    base::Second now_;
    ReadPool::Lease lease_;
    sync::TrafficReader reader_;
    mutable NameBook names_;
    Currency currency_;
    double quota_per_dollar_;
};

/// Answers with what `make` gives, or with what is wrong: 400 for a BadParameter, 503 where the
/// store is busy or the question took too long.
HttpReply answer(const Sources& sources, const HttpRequest& request,
                 const std::function<Json(const Inquiry&)>& make);

/// The same of a reply that is made in any other way.
HttpReply answer(const std::function<HttpReply()>& make);

/// A body of JSON with a line feed; invalid UTF-8 becomes U+FFFD.
HttpReply json_reply(const Json& body);
/// 503 with the time after which to ask again.
HttpReply unavailable(const std::string& why);

}  // namespace quotafuse::daemon::api
