#include "daemon/api/gateway_tokens.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "sync/cells.h"
#include "sync/gateway_options.h"

namespace quotafuse::daemon::api {
namespace {

using sync::GatewayError;

constexpr std::size_t kLongestMask = 16;  // bytes; a view of somebody's own may show more

constexpr auto kColumns =
    "`id`, `user_id`, `name`, `status`, `created_time`, `accessed_time`, `expired_time`, "
    "`remain_quota`, `unlimited_quota`, `used_quota`";

GatewayToken token_of(const sync::Cells& cells) {
    GatewayToken token;
    token.id = sync::to_integer(cells[0]);
    token.user = sync::to_integer(cells[1]);
    token.name = base::valid_utf8(cells[2].value_or(""));
    token.status = sync::to_integer(cells[3]);
    token.created_at = sync::to_time(cells[4]);
    token.last_used = sync::to_time(cells[5]);
    token.expires_at = sync::to_time(cells[6]);
    token.remaining = sync::to_integer(cells[7]);
    token.unlimited = sync::to_integer(cells[8]) != 0;
    token.used = sync::to_integer(cells[9]);
    return token;
}

/// The newest below `below`, in the order of the primary key, so that no page costs a scan.
std::string slice(std::string_view columns, std::string_view marks) {
    return fmt::format("(SELECT {}{} FROM `tokens` WHERE `id` < ? ORDER BY `id` DESC LIMIT {})",
                       columns, marks, kMostTokensLookedAt);
}

/// What the account finds: with grants on columns nothing else may be named.
struct Found {
    bool deleted_at = false;  // One API deletes its keys, New API marks them
    bool masks = false;
};

Found look_up(sync::GatewaySession& session, const std::string& database) {
    const bool mysql = session.kind() == sync::Dsn::Kind::mysql;
    const auto rows =
        mysql ? session.query(
                    "SELECT column_name FROM information_schema.columns WHERE table_schema = "
                    "DATABASE() AND table_name = 'tokens' AND column_name = 'deleted_at' UNION ALL "
                    "SELECT column_name FROM information_schema.columns WHERE table_schema = "
                    "'quotafuse' AND table_name = ? AND column_name = 'masked'",
                    {database + "_token_masks"})
              : session.query(
                    "SELECT name FROM pragma_table_info('tokens') WHERE name = 'deleted_at'");
    Found found;
    for (const auto& row : rows) (row[0] == "masked" ? found.masks : found.deleted_at) = true;
    return found;
}

std::vector<sync::Cells> rows_of(sync::GatewaySession& session, const TokenQuestion& question,
                                 std::int64_t below, bool deleted_at) {
    const auto most = static_cast<std::int64_t>(question.most) + 1;
    return session.query(
        fmt::format("SELECT {} FROM {} AS t WHERE INSTR(LOWER(`name`), LOWER(?)) > 0 {}"
                    "ORDER BY `id` DESC LIMIT ?",
                    kColumns, slice(kColumns, deleted_at ? ", `deleted_at`" : ""),
                    deleted_at ? "AND `deleted_at` IS NULL " : ""),
        {below, question.search, most});
}

/// Where to go on when all that was looked at is told.
std::optional<std::int64_t> end_of_slice(sync::GatewaySession& session, std::int64_t below) {
    const auto rows = session.query(
        fmt::format("SELECT COUNT(*), MIN(`id`) FROM {} AS t", slice("`id`", "")), {below});
    if (sync::to_integer(rows.at(0)[0]) < kMostTokensLookedAt) return std::nullopt;
    return sync::to_integer(rows.at(0)[1]);
}

bool is_mask(const std::string& text) {
    return text.size() <= kLongestMask && text.find('*') != std::string::npos;
}

void add_masks(sync::GatewaySession& session, const std::string& database, bool found,
               TokenPage& page) {
    if (session.kind() == sync::Dsn::Kind::sqlite) {
        page.no_masks_code = "sqlite";
        page.why_no_masks = "a SQLite file has no accounts, and keys themselves are never read";
        return;
    }
    if (!found) {
        page.no_masks_code = "no_view";
        page.why_no_masks =
            "the account finds no view of masked keys; `quotafuse grants` prints the statements "
            "that make it";
        return;
    }
    std::vector<sync::Argument> ids{std::int64_t{0}};  // so that there is one
    for (const auto& token : page.tokens) ids.emplace_back(token.id);
    const std::vector<std::string_view> places(ids.size(), "?");
    std::map<std::int64_t, std::string> masks;
    for (const auto& row :
         session.query(fmt::format("SELECT `id`, `masked` FROM {} WHERE `id` IN ({})",
                                   sync::token_masks_view(database), fmt::join(places, ", ")),
                       ids))
        masks[sync::to_integer(row[0])] = row[1].value_or("");
    page.masks = true;
    for (auto& token : page.tokens) {
        const auto mask = masks.find(token.id);
        if (mask != masks.end() && is_mask(mask->second)) token.masked = mask->second;
    }
}

TokenPage page_of(sync::GatewaySession& session, const std::string& database,
                  const TokenQuestion& question) {
    TokenPage page;
    const auto below = question.below.value_or(std::numeric_limits<std::int64_t>::max());
    const auto found = look_up(session, database);
    const auto rows = rows_of(session, question, below, found.deleted_at);
    for (const auto& row : rows) {
        if (page.tokens.size() == question.most) break;
        page.tokens.push_back(token_of(row));
    }
    if (rows.size() > question.most)
        page.next = page.tokens.back().id;
    else
        page.next = end_of_slice(session, below);
    add_masks(session, database, found.masks, page);
    page.available = true;
    return page;
}

}  // namespace

TokenPage read_tokens(GatewayDesk& desk, const TokenQuestion& question) {
    TokenPage page;
    try {
        desk.ask([&](sync::GatewaySession& session) {
            page = page_of(session, desk.dsn().database, question);
        });
    } catch (const GatewayError& e) {
        page = {};
        page.why = base::valid_utf8(e.what());
        if (e.kind() == GatewayError::Kind::denied)
            page.why += "; `quotafuse grants` prints what this page needs";
        page.why_no_masks = "the keys themselves could not be read";
        page.no_masks_code = "unreadable";
    }
    return page;
}

}  // namespace quotafuse::daemon::api
