#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "support/mariadb.h"
#include "sync/dialect.h"
#include "sync/gateway_session.h"

namespace quotafuse::tests {

/// A gateway's database with channels and abilities, in the shared MariaDB or as a SQLite file.
class TestGateway {
public:
    enum class Engine { mariadb, sqlite };
    TestGateway(Engine engine, const std::string& schema);

    bool new_api() const { return schema_ != "oneapi"; }
    sync::Gateway gateway() const {
        return new_api() ? sync::Gateway::new_api : sync::Gateway::one_api;
    }
    std::string describe() const;
    const std::string& database() const { return database_; }

    /// Statements of somebody who may do anything; the rows of the last one, NULL as "NULL".
    std::vector<std::vector<std::string>> sql(const std::string& text);
    std::string value(const std::string& text) { return sql(text).at(0).at(0); }
    /// The same rows at any time, for "nothing was written".
    std::string contents();

    /// An enabled channel with one ability for each group × model.
    void add_channel(std::int64_t id, const std::vector<std::string>& groups,
                     const std::vector<std::string>& models);
    /// Priority and weight, in both tables (One API's `abilities` have no weight).
    void set_rank(std::int64_t channel, std::int64_t priority, std::int64_t weight);
    /// An enabled API key.
    void add_token(std::int64_t id, std::int64_t user, const std::string& name);
    /// The channels among which the gateway would choose: by abilities with its cache off, by
    /// channels on.
    enum class Cache { off, on };
    std::set<std::int64_t> candidates(Cache cache, const std::string& group,
                                      const std::string& model);

    sync::Dsn dsn(const std::string& user = "root", const std::string& password = "") const;
    std::unique_ptr<sync::GatewaySession> session(const std::string& user = "root",
                                                  const std::string& password = "",
                                                  bool read_only = false) const;

private:
    Engine engine_;
    std::string schema_;
    std::string database_;
    TempDir folder_;
};

/// Every engine with every schema.
std::vector<std::unique_ptr<TestGateway>> every_gateway();

/// A session with accidents: what else happens just before a statement, and commits whose answer is
/// lost.
class AccidentSession final : public sync::GatewaySession {
public:
    explicit AccidentSession(std::unique_ptr<sync::GatewaySession> inner)
        : inner_(std::move(inner)) {}

    /// Before each statement, also "BEGIN" and "COMMIT"; may throw GatewayError.
    std::function<void(const std::string& sql)> before;
    std::function<void()> after_commit;
    enum class Lost { no, before_it_took_effect, after_it_took_effect, still_on_its_way };
    Lost lost_commit = Lost::no;
    /// still_on_its_way: the connection that holds the transaction goes here, to be ended by the
    /// test, and `reconnect` makes the next one.
    std::unique_ptr<sync::GatewaySession> dying;
    std::function<std::unique_ptr<sync::GatewaySession>()> reconnect;
    int writes = 0;

    sync::Dsn::Kind kind() const override { return inner_->kind(); }
    std::vector<sync::Cells> query(const std::string& sql,
                                   const std::vector<sync::Argument>& arguments) override;
    std::int64_t execute(const std::string& sql,
                         const std::vector<sync::Argument>& arguments) override;
    void begin() override;
    void commit() override;
    void rollback() noexcept override { inner_->rollback(); }
    void interrupt() noexcept override { inner_->interrupt(); }

private:
    std::unique_ptr<sync::GatewaySession> inner_;
};

}  // namespace quotafuse::tests
