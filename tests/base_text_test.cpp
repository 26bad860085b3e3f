#include <doctest/doctest.h>

#include "base/text.h"

using namespace quotafuse::base;

TEST_CASE("invalid UTF-8 becomes replacement characters, valid text stays") {
    CHECK(valid_utf8("磁盘 ok 😀") == "磁盘 ok 😀");
    CHECK(valid_utf8("a\xff"
                     "b") ==
          "a\xEF\xBF\xBD"
          "b");
    CHECK(valid_utf8("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");          // overlong
    CHECK(valid_utf8("\xED\xA0\x80").find("\xED") == std::string::npos);  // a surrogate
    CHECK(valid_utf8("\xE7\xA3") == "\xEF\xBF\xBD\xEF\xBF\xBD");          // cut short
    CHECK(valid_utf8("\xF5\x80\x80\x80").find("\xF5") == std::string::npos);
}

TEST_CASE("a cut falls between characters and counts its ellipsis") {
    CHECK(cut_bytes("short", 10) == "short");
    CHECK(cut_bytes("0123456789", 9) == "012345…");
    const std::string text = "磁盘磁盘磁盘";
    for (std::size_t limit = 3; limit < text.size(); ++limit) {
        const auto cut = cut_bytes(text, limit);
        CHECK(cut.size() <= limit);
        CHECK(valid_utf8(cut) == cut);
    }
    CHECK(count_code_points("磁盘a😀") == 4);
}

TEST_CASE("globs match whole texts") {
    CHECK(glob_match("azure-*", "azure-eu"));
    CHECK(glob_match("*", ""));
    CHECK(glob_match("a*b*c", "aXXbYYbc"));
    CHECK(glob_match("?盘", "磁盘"));
    CHECK_FALSE(glob_match("azure-*", "my-azure-eu"));
    CHECK_FALSE(glob_match("a?", "a"));
    CHECK_FALSE(glob_match("", "a"));
    CHECK_FALSE(glob_match(std::string(50, '*') + "x", std::string(2000, 'y')));
}

TEST_CASE("the nearest known word is offered, and none that is far") {
    CHECK(nearest("widnow", {"window", "where"}) == "window");
    CHECK(nearest("cooldwon", {"cooldown", "for"}) == "cooldown");
    CHECK(nearest("xyz", {"for", "by"}).empty());
    CHECK(nearest("windows_of_time", {"window", "windows_of_tim"}) == "windows_of_tim");
    const std::string long_word(64, 'x');
    CHECK(nearest(long_word, {long_word + "y"}) == long_word + "y");
    CHECK(nearest(long_word + "x", {long_word + "y"}).empty());  // no slip of the pen
}

TEST_CASE("small helpers do what they say") {
    CHECK(trim("  a b\r\n") == "a b");
    CHECK(trim(" \t") == "");
    CHECK(split("a,,b", ',') == std::vector<std::string_view>{"a", "", "b"});
    CHECK(percent_encode("a b/磁") == "a%20b%2F%E7%A3%81");
    std::string text = "aaa";
    replace_all(text, "a", "aa");
    CHECK(text == "aaaaaa");
}
