#include "daemon/api/inquiry.h"

#include <cstdlib>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "base/text.h"
#include "daemon/api/parameters.h"

namespace quotafuse::daemon::api {
namespace {

double read_quota_per_dollar(SQLite::Database& database) {
    SQLite::Statement query{database, "SELECT quota_per_unit FROM gateway_state"};
    query.executeStep();
    return query.getColumn(0).getDouble();
}

const char* statement_of(NameBook::Of of) {
    switch (of) {
        case NameBook::Of::channel:
            return "SELECT name FROM gateway_channel WHERE id = ?";
        case NameBook::Of::token:
            return "SELECT name FROM gateway_token WHERE id = ?";
        case NameBook::Of::user:
            return "SELECT name FROM gateway_user WHERE id = ?";
        case NameBook::Of::provider:
            return "SELECT value FROM gateway_channel CROSS JOIN text ON text.id = provider "
                   "WHERE gateway_channel.id = ?";
        case NameBook::Of::tag:
            return "SELECT value FROM gateway_channel CROSS JOIN text ON text.id = tag "
                   "WHERE gateway_channel.id = ?";
    }
    std::abort();
}

}  // namespace

const std::string& NameBook::name(Of of, std::int64_t id) {
    auto& book = books_[static_cast<std::size_t>(of)];
    const auto known = book.names.find(id);
    if (known != book.names.end()) return known->second;
    if (!book.query) book.query.emplace(database_, statement_of(of));
    book.query->bind(1, id);
    auto name = book.query->executeStep() ? book.query->getColumn(0).getString() : std::string{};
    book.query->reset();
    // Gateways store what people wrote, or a part of it.
    return book.names[id] = base::valid_utf8(name);
}

Inquiry::Inquiry(const Sources& sources, const HttpRequest& request)
    : sources_(sources),
      request_(request),
      now_(sources.clock.now()),
      lease_(sources.reads.take()),
      reader_(lease_.database(), sources.zone),
      names_(lease_.database()),
      currency_(sources.currency()),
      quota_per_dollar_(read_quota_per_dollar(lease_.database())) {}

sync::TrafficAnswer Inquiry::traffic(const sync::TrafficQuestion& question) const {
    return reader_.answer(question, now_);
}

std::optional<sync::TrafficAnswer> Inquiry::traffic_in_steps(const sync::TrafficQuestion& question,
                                                             base::Seconds step) const {
    return reader_.answer_in_steps(question, step);
}

double Inquiry::amount(std::int64_t quota) const {
    return static_cast<double>(quota) / quota_per_dollar_ * currency_.per_dollar;
}

HttpReply answer(const Sources& sources, const HttpRequest& request,
                 const std::function<Json(const Inquiry&)>& make) {
    return answer([&] {
        const Inquiry inquiry{sources, request};
        return json_reply(make(inquiry));
    });
}

HttpReply answer(const std::function<HttpReply()>& make) {
    try {
        return make();
    } catch (const BadParameter& wrong) {
        return error_reply(400, wrong.message);
    } catch (const SQLite::Exception& e) {
        if (e.getErrorCode() == SQLITE_INTERRUPT)
            return unavailable("this takes too long; ask for a shorter span or fewer filters");
        return unavailable(fmt::format("the store cannot be read: {}", e.what()));
    }
}

HttpReply unavailable(const std::string& why) {
    auto reply = error_reply(503, why);
    reply.headers.emplace_back("Retry-After", "2");
    return reply;
}

HttpReply json_reply(const Json& body) {
    return {.content_type = "application/json",
            .body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

}  // namespace quotafuse::daemon::api
