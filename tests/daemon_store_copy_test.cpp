#include <filesystem>
#include <fstream>
#include <future>

#include <SQLiteCpp/Statement.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/failure.h"
#include "daemon/progress_line.h"
#include "daemon/schemas.h"
#include "daemon/store_check.h"
#include "daemon/store_copy.h"
#include "support/fake_clock.h"
#include "support/logged.h"
#include "support/program.h"
#include "support/small_disk.h"
#include "sync/store.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kStart = 1'767'000'000;

/// Writes rows as the daemon does, on its only connection.
class Writer {
public:
    explicit Writer(const std::string& path) : database_(path, all_schemas()), store_(database_) {
        database_.set_durable(false);
    }

    void write(int rows) {
        sync::Batch batch;
        batch.position = store_.position();
        for (int i = 0; i < rows; ++i) {
            sync::LogEntry entry;
            entry.id = ++batch.position.cursor;
            entry.created_at = kStart + entry.id;
            entry.kind = sync::Kind::consume;
            entry.quota = 2;
            entry.prompt_tokens = 1;
            entry.model = fmt::format("model-{}", entry.id % 7);
            batch.entries.push_back(entry);
        }
        store_.append(batch, base::from_unix(kStart));
    }
    std::int64_t rows() const { return store_.rows(); }

private:
    base::Database database_;
    sync::Store store_;
};

/// Rows, their sums, what is on record of them, and the same of the rollups: as one text.
std::string sums(const std::string& path) {
    SQLite::Database db{path, SQLite::OPEN_READWRITE};
    std::string text;
    for (const auto* const sql :
         {"SELECT count(*), sum(id), sum(quota), sum(prompt_tokens) FROM log",
          "SELECT rows, cursor, rows FROM position", "SELECT count(*) FROM hour_channel_model"}) {
        SQLite::Statement query{db, sql};
        REQUIRE(query.executeStep());
        for (int i = 0; i < query.getColumnCount(); ++i)
            text += query.getColumn(i).getString() + " ";
    }
    return text;
}

base::ExitCode refusal(const std::string& store, const std::string& file, bool force = false) {
    try {
        copy_store(store, file, force, [](double) {}, {});
    } catch (const base::Failure& e) {
        return e.code();
    }
    return base::ExitCode::ok;
}

std::size_t files_in(const std::string& folder) {
    const std::filesystem::directory_iterator files{folder};
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

}  // namespace

TEST_CASE("a copy is one sound file with the same sums and the same rights") {
    const tests::TempDir folder;
    const tests::TempDir elsewhere;
    Writer writer{folder.file("s.db")};
    writer.write(20'000);
    REQUIRE(::chmod(folder.file("s.db").c_str(), 0640) == 0);
    std::vector<double> shares;
    const auto copied = copy_store(folder.file("s.db"), elsewhere.file("copy.db"), false,
                                   [&](double share) { shares.push_back(share); }, {});
    REQUIRE(copied.has_value());
    CHECK(copied->bytes ==
          static_cast<std::int64_t>(std::filesystem::file_size(elsewhere.file("copy.db"))));
    CHECK(files_in(elsewhere.path()) == 1);
    CHECK(std::is_sorted(shares.begin(), shares.end()));
    struct stat like {};
    REQUIRE(::stat(elsewhere.file("copy.db").c_str(), &like) == 0);
    CHECK((like.st_mode & 0777) == 0640);
    CHECK_FALSE(base::check_file(elsewhere.file("copy.db"), {}).has_value());
    CHECK(files_in(elsewhere.path()) == 1);  // it is no WAL file: it can be read where it lies
    CHECK(sums(elsewhere.file("copy.db")) == sums(folder.file("s.db")));
    // The daemon goes on with it as with its own.
    Writer restored{elsewhere.file("copy.db")};
    CHECK(restored.rows() == 20'000);
    restored.write(5);
    CHECK(restored.rows() == 20'005);
}

TEST_CASE("a copy under writes is the store of one moment, made in one pass") {
    const tests::TempDir folder;
    const tests::TempDir elsewhere;
    Writer writer{folder.file("s.db")};
    writer.write(50'000);
    // Writes between any two steps: a backup that noticed them would begin anew and never end.
    int steps = 0;
    const auto copied = copy_store(folder.file("s.db"), elsewhere.file("copy.db"), false,
                                   [&](double) {
                                       writer.write(100);
                                       REQUIRE(++steps < 100);
                                   },
                                   {});
    REQUIRE(copied.has_value());
    CHECK(writer.rows() > 50'000);
    const auto text = sums(elsewhere.file("copy.db"));
    CHECK(text.starts_with(fmt::format("50000 {} 100000 50000 50000 50000 50000 ",
                                       std::int64_t{50'000} * 50'001 / 2)));
}

TEST_CASE("a copy overwrites nothing that it was not told to, and never the store") {
    const tests::TempDir folder;
    const auto store = folder.file("s.db");
    CHECK(refusal(store, folder.file("c.db")) == base::ExitCode::no_input);
    Writer{store}.write(10);
    tests::write_file(folder.file("c.db"), "precious");
    CHECK(refusal(store, folder.file("c.db")) == base::ExitCode::io_error);
    CHECK(tests::read_file(folder.file("c.db")) == "precious");
    CHECK(refusal(store, store, true) == base::ExitCode::io_error);
    std::filesystem::create_symlink(store, folder.file("other-name.db"));
    CHECK(refusal(store, folder.file("other-name.db"), true) == base::ExitCode::io_error);
    CHECK(refusal(store, folder.path(), true) == base::ExitCode::io_error);
    CHECK(refusal(store, folder.file("no-folder/c.db")) == base::ExitCode::io_error);
    CHECK(refusal(store, folder.file("c.db"), true) == base::ExitCode::ok);
    CHECK(sums(folder.file("c.db")) == sums(store));
    tests::write_file(folder.file("text.db"), std::string(5000, 'x'));
    CHECK(refusal(folder.file("text.db"), folder.file("t.db")) == base::ExitCode::io_error);
    CHECK_FALSE(std::filesystem::exists(folder.file("t.db.part")));
}

TEST_CASE("a copy that is stopped or finds no room leaves nothing behind") {
    const tests::TempDir folder;
    const tests::TempDir elsewhere;
    const auto store = folder.file("s.db");
    Writer{store}.write(50'000);  // more than one step
    std::stop_source stop;
    const auto copied = copy_store(
        store, elsewhere.file("c.db"), false, [&](double) { stop.request_stop(); },
        stop.get_token());
    CHECK_FALSE(copied.has_value());
    CHECK(files_in(elsewhere.path()) == 0);
    {
        const tests::SmallDisk disk{1'000'000};
        CHECK(refusal(store, elsewhere.file("c.db")) == base::ExitCode::io_error);
    }
    CHECK(files_in(elsewhere.path()) == 0);
    CHECK(refusal(store, elsewhere.file("c.db")) == base::ExitCode::ok);
}

TEST_CASE("the background check tells a sound file from a damaged one") {
    const tests::TempDir folder;
    const auto path = folder.file("s.db");
    Writer{path}.write(50'000);
    const tests::FakeClock clock{kStart};
    const base::Log log;
    tests::Logged logged;
    const auto check = [&] {
        std::promise<StoreVerdict> verdict;
        const StoreCheck checking{path, clock, log,
                                  [&](StoreVerdict one) { verdict.set_value(std::move(one)); }};
        return verdict.get_future().get();
    };
    CHECK(check().kind == StoreVerdict::Kind::sound);
    auto lines = logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("the file is sound") != std::string::npos);

    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    for (int page = 40; page < 60; ++page) {
        file.seekp(page * 4096);
        file << std::string(4096, 'x');
    }
    file.close();
    const auto verdict = check();
    CHECK(verdict.kind == StoreVerdict::Kind::damaged);
    CHECK_FALSE(verdict.text.empty());
    lines = logged.take();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("the file is damaged") != std::string::npos);
    CHECK(lines[0].find("restore a backup") != std::string::npos);
}

TEST_CASE("progress is read at a glance") {
    CHECK(progress_bar(0) == "[--------------------]   0 %");
    CHECK(progress_bar(0.505) == "[##########----------]  50 %");
    CHECK(progress_bar(7) == "[####################] 100 %");
    CHECK(progress_bar(-1) == progress_bar(0));
    CHECK(time_left(0, 10) == "?");
    CHECK(time_left(0.25, 10) == "30s");
    CHECK(time_left(1, 10) == "0s");
    CHECK(copy_progress(1'234'567, 0.5, 10) ==
          "[##########----------]  50 %  1,234,567 rows, 123,457 rows/s, 10s left");
}
