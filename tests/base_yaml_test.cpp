#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/yaml.h"

using namespace quotafuse::base::yaml;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> faults(const std::string& text) {
    Diagnostics diagnostics;
    parse("f.yaml", text, diagnostics);
    return diagnostics.lines();
}

Document good(const std::string& text) {
    Diagnostics diagnostics;
    auto document = parse("f.yaml", text, diagnostics);
    REQUIRE_MESSAGE(diagnostics.ok(), diagnostics.lines().front());
    return *document;
}

}  // namespace

TEST_CASE("values keep their places") {
    const auto document = good("a: 1\nb:\n  - x\n  - {c: \"7\"}\n");
    CHECK(document.root.find("a")->place == Place{1, 4});
    const auto& list = *document.root.find("b");
    CHECK(list.items[1].find("c")->place == Place{4, 9});
    CHECK(list.items[1].find("c")->quoted);
    CHECK_FALSE(document.root.find("a")->quoted);
    CHECK(document.root.members[1].key_place == Place{2, 1});
}

TEST_CASE("an empty file is an empty root") {
    CHECK(good("").root.kind == Node::Kind::null);
    CHECK(good("# only a comment\n").root.kind == Node::Kind::null);
}

TEST_CASE("what yaml-cpp lets pass is told with its place") {
    CHECK(faults("a: 1\nb: 2\na: 3\n") ==
          std::vector<std::string>{"f.yaml:3:1: duplicate key 'a', first on line 1"});
    CHECK(faults("a: 1\n---\nb: 2\n") ==
          std::vector<std::string>{"f.yaml:3:1: a second document; one file holds one document"});
    CHECK(faults("[a, b]: 1\n") ==
          std::vector<std::string>{"f.yaml:1:1: a key must be plain text"});
    CHECK(faults("a: *nowhere\n").size() == 1);
    CHECK(faults("a: &x [1, *x]\n").size() == 1);
    CHECK(faults("a: [1\n").size() == 1);
    CHECK(faults("\t- a\n").size() == 1);
}

TEST_CASE("merge keys are resolved, and a map's own keys win") {
    const auto document =
        good("base: &b {x: 1, y: 2}\nmore: &m {z: 3}\nown: {<<: [*b, *m], y: 7}\n");
    const auto& own = *document.root.find("own");
    CHECK(own.find("x")->text == "1");
    CHECK(own.find("y")->text == "7");
    CHECK(own.find("z")->text == "3");
    CHECK(own.find("<<") == nullptr);
    CHECK(faults("a: {<<: 5}\n").size() == 1);
}

TEST_CASE("an alias bomb and a deep nest are refused quickly") {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int k = 0; k < 10; ++k)
            bomb += std::string{k > 0 ? ", " : ""} + "*a" + std::to_string(i - 1);
        bomb += "]\n";
    }
    CHECK(faults(bomb).at(0).find("more than 100000 values") != std::string::npos);
    CHECK(faults(std::string(5000, '[')).size() == 1);
    CHECK(faults(std::string(150, '[') + std::string(150, ']')).size() == 1);
}

TEST_CASE("a mapping tells every wrong value at once, in order of place") {
    const auto document = good(
        "number: many\ntime: 5\nword: gren\nwidnow: 1h\nflag: \"true\"\nlist: {a: b}\nlong: "
        "400d\n");
    Diagnostics diagnostics;
    Mapping map{"f.yaml", document.root, "a rule", diagnostics};
    CHECK_FALSE(map.integer("number", 1, 9).has_value());
    CHECK_FALSE(map.duration("time", 1s, 1h).has_value());
    CHECK_FALSE(map.duration("long", 1s, 24h).has_value());
    CHECK_FALSE(map.choice("word", {"red", "green"}).has_value());
    CHECK_FALSE(map.boolean("flag").has_value());
    CHECK_FALSE(map.texts("list").has_value());
    map.find("window");
    map.require("name");
    map.refuse_unknown();
    const auto joined = fmt::format("{}", fmt::join(diagnostics.lines(), "\n"));
    CHECK(
        joined ==
        fmt::format(
            "{}",
            fmt::join(
                std::vector<std::string>{
                    "f.yaml:1:1: a rule needs the key 'name'",
                    "f.yaml:1:9: number must be a whole number from 1 to 9, not 'many'",
                    "f.yaml:2:7: time must be a duration with its unit, such as 90s, 5m or 1h30m, "
                    "not '5'",
                    "f.yaml:3:7: word must be one of red, green, not 'gren'; did you mean 'green'?",
                    "f.yaml:4:1: unknown key 'widnow' in a rule; did you mean 'window'?",
                    "f.yaml:5:7: flag must be true or false, not the quoted text 'true'",
                    "f.yaml:6:7: list must be a text or a list of texts, not a map",
                    "f.yaml:7:7: long must be from 1s to 1d, not '400d'"},
                "\n")));
}

TEST_CASE("sizes are whole numbers with a unit of 1000s or of 1024s") {
    const auto document = good(
        "a: 5GB\nb: 3MiB\nc: 50MB\nd: 1GiB\nbare: 5\nhalf: 1.5GB\nsmall: 5kB\nbelow: "
        "49MB\nhuge: 9223372036854775807GB\nlist: [5GB]\n");
    Diagnostics diagnostics;
    Mapping map{"f.yaml", document.root, "a store", diagnostics};
    constexpr std::int64_t kLeast = 50'000'000;
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    CHECK(map.size("a", kLeast, kMost) == 5'000'000'000);
    CHECK(map.size("b", 1, kMost) == 3 * 1024 * 1024);
    CHECK(map.size("c", kLeast, kMost) == kLeast);
    CHECK(map.size("d", kLeast, kMost) == 1024 * 1024 * 1024);
    CHECK_FALSE(map.size("none", kLeast, kMost).has_value());
    CHECK(diagnostics.ok());
    for (const auto* const key : {"bare", "half", "small", "below", "huge", "list"})
        CHECK_FALSE(map.size(key, kLeast, kMost).has_value());
    const auto lines = diagnostics.lines();
    REQUIRE(lines.size() == 6);
    CHECK(lines[0] ==
          "f.yaml:5:7: bare must be a whole number with its unit (MB, GB, MiB, GiB), such as 500MB "
          "or 5GB, not '5'");
    CHECK(lines[3] == "f.yaml:8:8: below must be from 50MB to 1024GiB, not '49MB'");
    CHECK(lines[5] == "f.yaml:10:7: list must be a size such as 500MB or 5GB, not a list");
}

TEST_CASE("numbers are read whole or not at all") {
    Node node;
    node.kind = Node::Kind::scalar;
    const auto integer = [&](const char* text) {
        node.text = text;
        return as_integer(node);
    };
    CHECK(integer("010") == 10);  // not octal
    CHECK(integer("-3") == -3);
    CHECK_FALSE(integer("3.0").has_value());
    CHECK_FALSE(integer("0x10").has_value());
    CHECK_FALSE(integer("99999999999999999999").has_value());
    node.text = ".inf";
    CHECK_FALSE(as_number(node).has_value());
    node.text = "1e3";
    CHECK(as_number(node) == 1000.0);
    node.text = "nan";
    CHECK_FALSE(as_number(node).has_value());
}

TEST_CASE("a file that cannot be read is told by its name") {
    Diagnostics diagnostics;
    CHECK_FALSE(load("/nowhere/x.yaml", diagnostics).has_value());
    CHECK_FALSE(load("/tmp", diagnostics).has_value());
    CHECK(diagnostics.lines().at(0) ==
          "/nowhere/x.yaml: cannot be read (is it there, and may this user read it?)");
    CHECK(diagnostics.lines().size() == 2);
}
