#include "daemon/api/log_json.h"

#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "sync/address.h"

namespace quotafuse::daemon::api {
namespace {

std::string_view kind_name(sync::Kind kind) {
    switch (kind) {
        case sync::Kind::consume:
            return "answer";
        case sync::Kind::error:
            return "error";
        case sync::Kind::refund:
            return "refund";
        case sync::Kind::test:
            return "test";
        case sync::Kind::other:
            return "other";
    }
    std::abort();
}

Json stream_end(sync::StreamEnd end) {
    switch (end) {
        case sync::StreamEnd::unknown:
            return nullptr;
        case sync::StreamEnd::complete:
            return "complete";
        case sync::StreamEnd::broken:
            return "broken";
        case sync::StreamEnd::client_gone:
            return "client_gone";
    }
    std::abort();
}

Json known(std::int64_t value) {
    return value == sync::LogEntry::kUnknown ? Json(nullptr) : Json(value);
}

}  // namespace

Json log_json(const Inquiry& inquiry, const sync::Row& row) {
    // Clients write model names and routes as they please.
    const auto text = [&](sync::TextId id) { return base::valid_utf8(inquiry.texts().text(id)); };
    const auto object = [&](NameBook::Of of, std::int64_t id, sync::TextId otherwise) {
        const auto& name = inquiry.name(of, id);
        return Json{{"id", id}, {"name", name.empty() ? text(otherwise) : name}};
    };
    const auto charged = row.kind == sync::Kind::refund ? -row.quota : row.quota;
    return {{"id", sync::gateway_id(row.id)},
            {"epoch", sync::epoch_of(row.id)},
            {"at", row.created_at},
            {"kind", kind_name(row.kind)},
            {"channel", object(NameBook::Of::channel, row.channel, 0)},
            {"model", text(row.model)},
            {"token", object(NameBook::Of::token, row.token, row.token_name)},
            {"user", object(NameBook::Of::user, row.user, row.username)},
            {"group", text(row.group)},
            {"route", text(row.route)},
            {"status", row.status == 0 ? Json(nullptr) : Json(row.status)},
            {"code", text(row.error_code)},
            {"ip", sync::format_address(row.ip)},
            {"prompt_tokens", row.prompt_tokens},
            {"completion_tokens", row.completion_tokens},
            {"cache_tokens", row.cache_tokens},
            {"quota", row.quota},
            {"cost", inquiry.amount(charged)},
            {"latency_ms", known(row.latency_ms)},
            {"first_token_ms", known(row.first_token_ms)},
            {"stream", row.stream},
            {"stream_end", stream_end(row.stream_end)},
            {"attempts", row.attempts},
            {"test", row.channel_test || row.kind == sync::Kind::test},
            {"task", row.task}};
}

}  // namespace quotafuse::daemon::api
