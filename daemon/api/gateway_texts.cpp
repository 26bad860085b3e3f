#include "daemon/api/gateway_texts.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "sync/cells.h"
#include "sync/dialect.h"

namespace quotafuse::daemon::api {
namespace {

using sync::GatewayError;

constexpr int kMostOfText = 100'000;  // characters

std::vector<sync::Cells> row_of(sync::GatewaySession& session, std::int64_t id) {
    const auto select = [&](const std::string& other) {
        return session.query(fmt::format("SELECT `created_at`, SUBSTR(`content`, 1, {}), {} "
                                         "FROM `logs` WHERE `id` = ?",
                                         kMostOfText, other),
                             {id});
    };
    try {
        return select(fmt::format("SUBSTR(`other`, 1, {})", kMostOfText));
    } catch (const GatewayError& e) {
        // One API has no such column, which servers call denied where rights are on columns.
        const bool none =
            e.kind() == GatewayError::Kind::schema || e.kind() == GatewayError::Kind::denied;
        if (!none) throw;
        return select("''");
    }
}

}  // namespace

GatewayTexts read_texts(GatewayDesk& desk, const sync::Row& row) {
    using From = GatewayTexts::From;
    std::vector<sync::Cells> found;
    try {
        desk.ask([&](sync::GatewaySession& session) {
            found = row_of(session, sync::gateway_id(row.id));
        });
    } catch (const GatewayError& e) {
        return {From::unavailable, {}, {}, base::valid_utf8(e.what())};
    }
    if (found.empty()) return {From::gone, {}, {}, "the gateway has deleted the row"};
    const auto& cells = found.front();
    sync::RawRow raw;
    raw.numbers[static_cast<std::size_t>(sync::Column::created_at)] = sync::to_integer(cells[0]);
    // Ids are given again where a table is truncated, which the mirror notices a little later.
    if (raw.created_at() != row.created_at)
        return {From::gone, {}, {}, "the gateway has another row under this id by now"};
    return {From::gateway, cells[1].value_or(""), cells[2].value_or(""), {}};
}

}  // namespace quotafuse::daemon::api
