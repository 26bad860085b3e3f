#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "circuit_breaker/statements.h"
#include "circuit_breaker/target.h"
#include "sync/dialect.h"
#include "sync/gateway_session.h"

namespace quotafuse::circuit_breaker {

/// `tokens.status`.
inline constexpr int kKeyEnabled = 1;
inline constexpr int kKeyDisabled = 2;
inline constexpr int kKeyExpired = 3;
inline constexpr int kKeyUsedUp = 4;

struct TokenRow {
    std::int64_t id = 0;
    std::string name;  // as stored, whatever bytes
    int status = 0;
    std::int64_t user = 0;  // its owner
};

/// The statements on the gateway's `tokens`. The key itself is never read. All throw GatewayError.
class TokenTable {
public:
    TokenTable(sync::GatewaySession& session, sync::Gateway gateway)
        : session_(session), new_api_(gateway == sync::Gateway::new_api) {}

    /// The rows that a target may mean, deleted ones left out: by its id; without one (One API's
    /// logs have none) by owner and exact name, of which there may be several.
    std::vector<TokenRow> find(const Target& target, Lock lock);
    /// Of many ids, without locks; those that are gone, or deleted, are left out.
    std::map<std::int64_t, TokenRow> read(const std::vector<std::int64_t>& tokens);
    /// False when the status is another meanwhile, or the key is deleted.
    bool set_status(std::int64_t token, int before, int after);

private:
    /// New API marks what is deleted.
    const char* not_deleted() const { return new_api_ ? " AND `deleted_at` IS NULL" : ""; }
    std::vector<TokenRow> query(const std::string& which,
                                const std::vector<sync::Argument>& arguments, Lock lock);

    sync::GatewaySession& session_;
    bool new_api_;
};

}  // namespace quotafuse::circuit_breaker
