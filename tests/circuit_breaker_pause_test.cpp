#include "circuit_breaker/pause.h"
#include "circuit_breaker_memory_fixture.h"

using namespace quotafuse;
using namespace quotafuse::tests::memory;

TEST_CASE_FIXTURE(Fixture, "a pause holds until its end, or until it is taken back") {
    PauseBook book{store};
    CHECK_FALSE(book.at(kNow));
    const Pause short_one{kNow, kNow + 2h, "moving house"};
    book.set(short_one);
    CHECK(book.at(kNow) == short_one);
    CHECK(book.at(kNow + 2h - 1s) == short_one);
    CHECK_FALSE(book.at(kNow + 2h));

    const Pause endless{kNow + 1s, {}, ""};
    book.set(endless);  // in place of the other
    CHECK(book.at(kNow + 24h * 9000) == endless);
    book.clear();
    CHECK_FALSE(book.at(kNow));
    book.clear();
    CHECK_FALSE(book.at(kNow));
}

TEST_CASE_FIXTURE(Fixture, "a pause survives a restart, and is undone with its transaction") {
    PauseBook book{store};
    book.set({kNow, {}, "so"});
    {
        base::WriteTransaction transaction{store};
        book.clear();
    }
    base::Database again{store.path(), {Audit::schema()}};
    CHECK(PauseBook{again}.at(kNow) == Pause{kNow, {}, "so"});
}
