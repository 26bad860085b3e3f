#pragma once
// A gateway's tables as the reader of channels, keys and users sees them.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/test_gateway.h"
#include "sync/info_reader.h"

namespace quotafuse::tests {

using namespace quotafuse::sync;
using Engine = TestGateway::Engine;

constexpr InfoNeeds kAll{
    .balances = true, .keys = true, .abilities = true, .tokens = true, .users = true};
constexpr int kNoLimit = 1000;

/// Counts what is asked, and refuses what the test says.
class Counted final : public GatewaySession {
public:
    explicit Counted(std::unique_ptr<GatewaySession> inner) : inner_(std::move(inner)) {}

    std::vector<std::string> asked;
    std::size_t most_rows = 0;
    std::string refuse;  // statements with this in them
    GatewayError::Kind kind_of_refusal = GatewayError::Kind::denied;

    Dsn::Kind kind() const override { return inner_->kind(); }
    std::vector<Cells> query(const std::string& sql,
                             const std::vector<Argument>& arguments) override {
        asked.push_back(sql);
        if (!refuse.empty() && sql.find(refuse) != std::string::npos)
            throw GatewayError(kind_of_refusal, "the gateway refused " + refuse);
        auto rows = inner_->query(sql, arguments);
        most_rows = std::max(most_rows, rows.size());
        return rows;
    }
    std::int64_t execute(const std::string&, const std::vector<Argument>&) override {
        FAIL("a reader writes nothing");
        return 0;
    }
    void begin() override { FAIL("a reader holds no transaction"); }
    void commit() override {}
    void rollback() noexcept override {}
    void interrupt() noexcept override { inner_->interrupt(); }

private:
    std::unique_ptr<GatewaySession> inner_;
};

inline GatewayInfo read_all(const TestGateway& gateway, InfoNeeds needs = kAll) {
    const auto session = gateway.session();
    InfoReader reader{*session, gateway.database(), needs, kNoLimit};
    return reader.read();
}

inline std::string insert_tokens(int first, int last) {
    auto text = fmt::format(
        "INSERT INTO tokens(id, user_id, `key`, name) VALUES({0}, 1, 'k{0}', 'n')", first);
    for (int id = first + 1; id <= last; ++id) text += fmt::format(", ({0}, 1, 'k{0}', 'n')", id);
    return text;
}

inline std::string insert_abilities(const std::string& model, int first, int last) {
    auto text = fmt::format(
        "INSERT INTO abilities(`group`, model, channel_id, enabled) VALUES('g', '{}', {}, 1)",
        model, first);
    for (int id = first + 1; id <= last; ++id)
        text += fmt::format(", ('g', '{}', {}, 1)", model, id);
    return text;
}

}  // namespace quotafuse::tests
