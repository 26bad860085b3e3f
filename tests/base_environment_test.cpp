#include <fstream>

#include <doctest/doctest.h>

#include "base/environment.h"
#include "base/failure.h"
#include "support/temp_dir.h"

using namespace quotafuse::base;

TEST_CASE("variables are expanded, and a missing one is named") {
    const Environment environment{{{"A", "x"}, {"EMPTY", ""}}};
    CHECK(expand("1${A}2", environment).text == "1x2");
    CHECK(expand("cost $$5", environment).text == "cost $5");
    CHECK(expand("a$b", environment).text == "a$b");
    CHECK(expand("${NONE:-}", environment).text.empty());
    CHECK(expand("${NONE:-a:-b}", environment).text == "a:-b");
    CHECK(expand("${EMPTY:-z}", environment).text == "z");
    CHECK(expand("${NONE}", environment).error ==
          "environment variable NONE is not set or empty (${NONE:-} would allow it)");
    CHECK_FALSE(expand("${EMPTY}", environment).error.empty());
    CHECK_FALSE(expand("${A", environment).error.empty());
    CHECK_FALSE(expand("${}", environment).error.empty());
    CHECK_FALSE(expand("${a b}", environment).error.empty());
}

TEST_CASE("a file of variables adds what the environment does not have") {
    const quotafuse::tests::TempDir folder;
    std::ofstream{folder.file("e")} << "# secrets\n\nA=file\n B = \"a b\" \nB=second\nC='q'\n";
    Environment environment{{{"A", "process"}}};
    CHECK_THROWS_AS(environment.add_file(folder.file("e")), Failure);  // " B =" is no name
    std::ofstream{folder.file("e")}
        << "# secrets\n\nA=file\nB=first\nB=\"a b\"\nC='q'\nD=x=y # not a comment\n";
    environment.add_file(folder.file("e"));
    environment.add_file(folder.file("missing"));
    CHECK(environment.get("A") == "process");
    CHECK(environment.get("B") == "a b");
    CHECK(environment.get("C") == "q");
    CHECK(environment.get("D") == "x=y # not a comment");
}
