#include <fstream>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/failure.h"
#include "base/yaml.h"
#include "support/temp_dir.h"

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
    // What yaml-cpp would hold in memory before it tells of the first of them.
    CHECK(
        faults("a: 1\n" + std::string(200'000, '[')) ==
        std::vector<std::string>{"f.yaml:2:150000: more than 150000 of the characters [ { , : ?"});
    CHECK(faults(std::string(150, '[') + std::string(150, ']')).size() == 1);
}

TEST_CASE("text that aliases multiply is refused before it fills the memory") {
    const auto repeated = [](std::string_view what, int times) {
        std::string list;
        for (int i = 0; i < times; ++i) list += fmt::format(", {}", what);
        return list;
    };
    const std::string text(10'000, 'x');
    const std::string refused = "more than 4 MB of text, aliases expanded";
    CHECK(good(fmt::format("- &a {}\n- [z{}]\n", text, repeated("*a", 390))).root.items.size() ==
          2);
    CHECK(faults(fmt::format("- &a {}\n- [z{}]\n", text, repeated("*a", 410)))
              .at(0)
              .ends_with(refused));
    // The anchor of what holds copies, keys, and merged maps.
    CHECK(faults(fmt::format("- &a {}\n- &b [z{}]\n- [*b]\n", text, repeated("*a", 150)))
              .at(0)
              .ends_with(refused));
    CHECK(faults(fmt::format("- &a {{? {} : 1}}\n- [z{}]\n", text, repeated("*a", 410)))
              .at(0)
              .ends_with(refused));
    CHECK(faults(fmt::format("- &a {{k: {}}}\n- [z{}]\n", text, repeated("{<<: *a}", 410)))
              .at(0)
              .ends_with(refused));
}

TEST_CASE("a thousand faults are listed, each once, and the others counted") {
    Diagnostics diagnostics;
    for (int line = 1; line <= 1500; ++line) diagnostics.warning("f.yaml", {line, 1}, "odd");
    for (int line = 1; line <= 1200; ++line) {
        for (int again = 0; again < 2 && line <= 100; ++again) {
            diagnostics.error("f.yaml", {line, 1}, "wrong");
        }
        diagnostics.error("f.yaml", {line, 1}, "also wrong");
    }
    CHECK(diagnostics.errors() == 1300);
    const auto lines = diagnostics.lines();
    REQUIRE(lines.size() == 2002);
    CHECK(lines[0] == "f.yaml:1:1: warning: odd");
    CHECK(lines[1] == "f.yaml:1:1: wrong");
    CHECK(lines[2] == "f.yaml:1:1: also wrong");
    CHECK(lines[2000] == "and 300 more errors");
    CHECK(lines[2001] == "and 500 more warnings");
}

TEST_CASE("what is wrong with something long is told in few words") {
    const std::string key(5000, 'k');
    const auto document = good(fmt::format("? {}\n: 1\n", key));
    Diagnostics diagnostics;
    Mapping{"f.yaml", document.root, "a rule", diagnostics}.refuse_unknown();
    diagnostics.error("g.yaml", key);
    const auto lines = diagnostics.lines();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] ==
          fmt::format("f.yaml:1:3: unknown key '{}…' in a rule; known are ", key.substr(0, 57)));
    CHECK(lines[1].size() <= 2010);
    const auto twice = faults(fmt::format("? {0}\n: 1\n? {0}\n: 2\n", key));
    CHECK(twice.at(0) ==
          fmt::format("f.yaml:3:3: duplicate key '{}…', first on line 1", key.substr(0, 57)));
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

TEST_CASE("only a file of a sane size is read, and what is something else makes nobody wait") {
    const quotafuse::tests::TempDir folder;
    const auto fault_of = [](const std::string& file) {
        Diagnostics diagnostics;
        CHECK_FALSE(load(file, diagnostics).has_value());
        REQUIRE(diagnostics.lines().size() == 1);
        const auto line = diagnostics.lines().front();
        REQUIRE(line.starts_with(file + ": "));
        return line.substr(file.size() + 2);
    };
    const auto pipe = folder.file("pipe.yaml");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(fault_of(pipe) == "a pipe or device, not a file of text");
    CHECK(fault_of("/dev/zero") == "a pipe or device, not a file of text");
    CHECK(fault_of("/tmp") == "a folder, not a file of text");
    const auto write = [&](std::size_t size) {
        std::ofstream{folder.file("f.yaml")} << "#" << std::string(size - 1, ' ');
        return folder.file("f.yaml");
    };
    CHECK(fault_of(write(1'000'001)) == "larger than 1 MB: that cannot be meant");
    Diagnostics diagnostics;
    CHECK(load(write(1'000'000), diagnostics).has_value());
    CHECK(diagnostics.ok());
}

TEST_CASE("a file that cannot be read to its end is a failure of the disk, not of the file") {
    // Nothing is mapped at its beginning.
    const std::string file = "/proc/self/mem";
    Diagnostics diagnostics;
    try {
        load(file, diagnostics);
        FAIL("it was read");
    } catch (const quotafuse::base::Failure& e) {
        CHECK(e.code() == quotafuse::base::ExitCode::io_error);
        CHECK(std::string{e.what()} == "/proc/self/mem: cannot be read: Input/output error");
    }
    CHECK(diagnostics.ok());
}
