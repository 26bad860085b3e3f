#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/program.h"
#include "support/temp_dir.h"

using namespace quotafuse;
using namespace quotafuse::tests;
using Json = nlohmann::json;

namespace {

const std::string kRules = R"(rules:
  - name: burn
    metric: tokens
    by: [channel]
    window: 1h
    above: 400000
    tests:
      - rows: [{at: 1s, channel: 3, tokens: 400001}]
        expect: [{at: 1s, key: {channel: 3}, state: firing}]
  - {name: calm, metric: requests, window: 1h, above: 1000}
)";

/// A host with a configuration.
class Host {
public:
    explicit Host(const std::string& rules) {
        write_file(folder_.file("q.yaml"),
                   fmt::format("store: {{path: {}}}\nrules: [r.yaml]\n", folder_.file("store.db")));
        write_file(folder_.file("r.yaml"), rules);
    }
    std::string file(const std::string& name) const { return folder_.file(name); }
    Ran run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--config", folder_.file("q.yaml")});
        return run_program(std::move(arguments));
    }

private:
    TempDir folder_;
};

}  // namespace

TEST_CASE("test-rules runs what stands in the files, and fails with a readable difference") {
    const Host host{kRules};
    const auto fine = host.run({"test-rules"});
    CHECK(fine.code == 0);
    CHECK(fine.out == fmt::format("ok      burn ({}:8)\n1 test passed (1 of 2 rules has tests)\n",
                                  host.file("r.yaml")));

    auto broken = kRules;
    broken.replace(broken.find("state: firing"), 13, "state: pending");
    write_file(host.file("broken.yaml"), broken);
    const auto failed = host.run({"test-rules", host.file("broken.yaml")});
    CHECK(failed.code == 1);
    CHECK(failed.out ==
          fmt::format("FAILED  burn ({0}:8)\n"
                      "  {0}:9:18: at 1s channel 3: expected pending, got firing at 400,001: "
                      "told: it began to fire\n"
                      "1 of 1 test failed (1 of 2 rules has tests)\n",
                      host.file("broken.yaml")));

    write_file(host.file("none.yaml"),
               "rules: [{name: a, metric: requests, window: 1h, above: 5}]\n");
    const auto none = host.run({"test-rules", host.file("none.yaml")});
    CHECK(none.code == 0);
    CHECK(none.out.starts_with("no tests in 1 rule; "));
    CHECK(none.out.find("docs/rules.md") != std::string::npos);
}

TEST_CASE("test-rules says why in the words of status, and warns of a test that proves nothing") {
    const Host host{kRules};
    write_file(host.file("t.yaml"), R"(rules:
  - name: failing
    metric: error_rate
    window: 5m
    above: 20
    tests:
      - rows: [{at: 0s, repeat: 30, every: 0s}]
        expect: [{at: 1m, state: firing, value: 0.01, notices: 1}]
      - rows: [{at: 0s, repeat: 5, every: 0s, status: 500}]
        expect: [{at: 1m, state: firing}]
      - rows: [{at: 0s, repeat: 30, every: 0s, kind: refund}]
        expect: [{at: 1m, state: firing}]
  - name: azure
    metric: requests
    where: {provider: Azure}
    window: 1h
    above: 5
    tests: [{rows: [{at: 0s, channel: 3}], expect: [{at: 1m, state: inactive}]}]
  - name: rise
    metric: requests
    window: 1h
    compare_to: previous
    above: 5
    tests: [{rows: [{at: 0s, channel: 3}], expect: [{at: 1m, state: firing}]}]
)");
    const auto ran = host.run({"test-rules", host.file("t.yaml")});
    CHECK(ran.code == 1);
    for (const auto* const wanted :
         {"expected firing, got inactive: 0 % is not over 20 %\n", "expected value 0.01, got 0\n",
          "expected 1 notice, got 0; inactive: 0 % is not over 20 %",
          "got inactive at 100 %: 5 requests < min_requests 20\n",
          "got inactive: there is nothing to measure\n", "  warning: none of its rows",
          "nothing to measure, or too little to compare it with\n",
          "4 of 5 tests failed (3 of 3 rules have tests)\n"}) {
        INFO(ran.out);
        CHECK(ran.out.find(wanted) != std::string::npos);
    }
    const auto json = host.run({"test-rules", "--json", host.file("t.yaml")});
    CHECK(json.code == 1);
    const auto said = Json::parse(json.out);
    CHECK(said.at("rules") == 3);
    CHECK(said.at("rules_with_tests") == 3);
    CHECK(said.at("failed") == 4);
    const auto& first = said.at("tests").at(0);
    CHECK(first.at("rule") == "failing");
    CHECK(first.at("line") == 7);
    CHECK(first.at("passed") == false);
    CHECK(first.at("differences").at(0).at("line") == 8);
    CHECK(first.at("differences").at(0).at("at_seconds") == 60);
    CHECK(first.at("differences").at(0).at("text") ==
          "expected firing, got inactive: 0 % is not over 20 %");
    CHECK(said.at("tests").at(3).at("passed") == true);
    CHECK(said.at("tests").at(3).at("proves_nothing") == true);
    CHECK(host.run({"test-rules", host.file("missing.yaml")}).code == 66);
}
