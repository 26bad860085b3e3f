#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "circuit_breaker/account_powers.h"
#include "circuit_breaker/accounts.h"
#include "support/test_gateway.h"

namespace quotafuse::tests::accounts {

using namespace circuit_breaker;
using Names = std::vector<std::string>;

/// A gateway with a reader and a breaker as grants_sql makes them, and what tests change of that.
struct Site {
    explicit Site(const std::string& schema = "newapi_2026", RuleGrants rules = {})
        : gateway{TestGateway::Engine::mariadb, schema} {
        wanted = {.gateway = gateway.gateway(),
                  .database = gateway.database(),
                  .reader = "acc_reader",
                  .breaker = "acc_breaker",
                  .host = "127.0.0.%",
                  .rules = rules};
        gateway.add_channel(1, {"default"}, {"gpt-4o"});
        gateway.sql(
            "DROP USER IF EXISTS acc_reader@'127.0.0.%', acc_breaker@'127.0.0.%';"
            "DROP ROLE IF EXISTS `acc role`, acc_inner");
        auto text = grants_sql(wanted);
        base::replace_all(text, "<choose a password>", "pw");
        gateway.sql(text);
    }
    /// {} stands for the gateway's database.
    void sql(std::string text) {
        base::replace_all(text, "{}", "`" + gateway.database() + "`");
        gateway.sql(text);
    }
    AccountFindings check(AccountUse use, const std::string& user) const {
        const auto session =
            gateway.session(user, user == "root" ? "" : "pw", use != AccountUse::breaker);
        return check_account(*session, wanted, use);
    }
    AccountFindings reader() const { return check(AccountUse::reader, "acc_reader"); }
    AccountFindings breaker() const { return check(AccountUse::breaker, "acc_breaker"); }
    /// With {} for the gateway's database, quoted.
    std::string text(std::string with) const {
        base::replace_all(with, "{}", "`" + gateway.database() + "`");
        return with;
    }

    TestGateway gateway;
    GrantsWanted wanted;
};

inline bool has(const Names& sentences, const std::string& sentence) {
    return std::ranges::find(sentences, sentence) != sentences.end();
}

inline std::string joined(const Names& sentences) {
    return fmt::format("{}", fmt::join(sentences, "\n"));
}

}  // namespace quotafuse::tests::accounts
