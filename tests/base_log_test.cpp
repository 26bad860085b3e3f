#include <doctest/doctest.h>

#include "base/log.h"

using quotafuse::base::Log;

TEST_CASE("no line shows a secret, in either of its forms, nor breaks in two") {
    Log log;
    log.hide({"tok/en:1", "tok/en:1-longer", "ab", "hook-secret"});
    CHECK(log.clean("POST /bottok/en:1-longer/x") == "POST /bot***/x");
    CHECK(log.clean("key=tok%2Fen%3A1&x") == "key=***&x");
    CHECK(log.clean("absolute") == "absolute");  // too short to be replaced everywhere
    CHECK(log.clean("a\nhook-secret\x1b[31m") == "a *** [31m");
}
