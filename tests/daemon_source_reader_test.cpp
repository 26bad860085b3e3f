#include <atomic>
#include <ctime>
#include <mutex>

#include <SQLiteCpp/Exception.h>
#include <doctest/doctest.h>

#include "base/guarded.h"
#include "daemon/schemas.h"
#include "daemon/source_reader.h"
#include "support/fake_clock.h"
#include "support/mariadb.h"
#include "support/program.h"
#include "support/simulated_source.h"
#include "support/temp_dir.h"
#include "sync/store.h"

using namespace quotafuse;
using namespace quotafuse::daemon;
using namespace std::chrono_literals;

namespace {

/// The store's mirror on a disk that fails as long as it is told to.
class FailingMirror final : public sync::Mirror {
public:
    FailingMirror(std::unique_ptr<sync::Mirror> real, const std::atomic<bool>& fails)
        : real_(std::move(real)), fails_(fails) {}
    std::optional<sync::Fingerprint> find(std::int64_t id) override {
        look();
        return real_->find(id);
    }
    std::optional<std::int64_t> lowest() override {
        look();
        return real_->lowest();
    }
    std::int64_t kept_since() override {
        look();
        return real_->kept_since();
    }

private:
    void look() const {
        if (fails_) throw SQLite::Exception("disk I/O error");
    }
    std::unique_ptr<sync::Mirror> real_;
    const std::atomic<bool>& fails_;
};

/// A simulated gateway that another thread may read while the test changes it.
class Gateway {
public:
    explicit Gateway(int rows) {
        gateway_.calm();
        write(rows);
    }
    /// Other rows under the same ids and more, from one moment to the next.
    void begin_anew(int rows) {
        const std::scoped_lock lock{mutex_};
        gateway_.truncate();
        commit(rows);
    }
    void write(int rows) {
        const std::scoped_lock lock{mutex_};
        commit(rows);
    }
    std::unique_ptr<sync::LogSource> connect() {
        return std::make_unique<Source>(gateway_.connect(), mutex_);
    }

private:
    class Source final : public sync::LogSource {
    public:
        Source(std::unique_ptr<sync::LogSource> source, std::mutex& mutex)
            : source_(std::move(source)), mutex_(mutex) {}
        const sync::Dialect& dialect() override { return source_->dialect(); }
        std::size_t fetch(std::int64_t first, std::int64_t last, std::size_t limit,
                          const Visit& visit) override {
            const std::scoped_lock lock{mutex_};
            return source_->fetch(first, last, limit, visit);
        }
        std::size_t fetch_gaps(std::span<const sync::Gap> gaps, std::size_t limit,
                               const Visit& visit) override {
            const std::scoped_lock lock{mutex_};
            return source_->fetch_gaps(gaps, limit, visit);
        }
        std::size_t fetch_down(std::int64_t last, std::size_t limit, const Visit& visit) override {
            const std::scoped_lock lock{mutex_};
            return source_->fetch_down(last, limit, visit);
        }
        std::int64_t last_id() override {
            const std::scoped_lock lock{mutex_};
            return source_->last_id();
        }
        bool steps_ids() override { return source_->steps_ids(); }
        void interrupt() noexcept override {}

    private:
        std::unique_ptr<sync::LogSource> source_;
        std::mutex& mutex_;
    };

    void commit(int rows) {
        gateway_.write(rows);
        clock_.advance(10s);  // by then all of them are committed
    }

    std::mutex mutex_;
    tests::FakeClock clock_{std::time(nullptr)};
    tests::SimulatedGateway gateway_{clock_, 5, {.faults = 0}};
};

/// A gateway and a reader of it in real time; the test stores what it reads.
class Desk {
public:
    Desk(int rows, double rate) : gateway(rows), rate_(rate) { database_.set_durable(false); }

    void start() {
        ReaderOptions options;
        options.poll_interval = 20ms;
        options.first_backoff = options.longest_backoff = 20ms;
        options.catch_up_rate = rate_;
        options.info_interval = info_interval;
        options.needs = needs;
        sync::FollowOptions follow;
        follow.batch = 100;
        SourceReader::Origin origin{
            gateway.connect(),
            std::make_unique<FailingMirror>(sync::make_mirror(folder_.file("s.db")), mirror_fails),
            sync::make_session(*sync::parse_dsn(folder_.file("main.db")).dsn, {}), ""};
        reader_ = std::make_unique<SourceReader>(
            std::move(origin), store_.position(), follow, options, clock_, [this](SourceNews one) {
                news_.with([&](auto& all) { all.push_back(std::move(one)); });
            });
    }
    void stop() { reader_.reset(); }
    /// The gateway's own tables, which are not there at first.
    SQLite::Database create_main() {
        SQLite::Database db{folder_.file("main.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                            5000};
        db.exec(tests::sqlite_ddl("newapi_2026"));
        return db;
    }
    /// Waits for a look at the gateway's objects that is as `wanted`.
    bool look_until(const std::function<bool(const sync::GatewayInfo&)>& wanted) {
        return tests::eventually([&] {
            bool found = false;
            for (const auto& one : news_.with([](auto& all) { return std::exchange(all, {}); })) {
                if (std::holds_alternative<sync::Poll>(one)) reader_->stored();
                const auto* const info = std::get_if<sync::GatewayInfo>(&one);
                found = found || (info && wanted(*info));
            }
            return found;
        });
    }

    /// Stores polls until there are so many rows. False when they do not come.
    bool store_until(std::int64_t rows) {
        return tests::eventually([&] {
            for (const auto& one : news_.with([](auto& all) { return std::exchange(all, {}); })) {
                if (const auto* const poll = std::get_if<sync::Poll>(&one)) {
                    store_.append(poll->batch, clock_.now());
                    reader_->stored();
                } else if (const auto* const trouble = std::get_if<MirrorTrouble>(&one)) {
                    mirror_troubles.push_back(trouble->text);
                    mirror_fails = false;
                }
            }
            return store_.rows() >= rows;
        });
    }
    sync::Store& store() { return store_; }
    Gateway gateway;
    std::atomic<bool> mirror_fails = false;
    std::vector<std::string> mirror_troubles;
    base::Seconds info_interval{30};
    sync::InfoNeeds needs;

private:
    base::SystemClock clock_;
    tests::TempDir folder_;
    base::Database database_{folder_.file("s.db"), {sync::Store::schema()}};
    sync::Store store_{database_};
    double rate_;
    base::Guarded<std::vector<SourceNews>> news_{{}};
    std::unique_ptr<SourceReader> reader_;
};

}  // namespace

TEST_CASE("a backlog is read at the rate that was asked for, and what comes then at once") {
    Desk desk{2000, 5000};
    const base::SystemClock clock;
    const auto start = clock.mono();
    desk.start();
    REQUIRE(desk.store_until(2000));
    CHECK(clock.mono() - start >= 380ms);  // 19 waits of 20 ms
    // 40 rows are no backlog: a rate would not hold them up.
    const auto then = clock.mono();
    for (int i = 1; i <= 5; ++i) {
        desk.gateway.write(40);
        REQUIRE(desk.store_until(2000 + 40 * i));
    }
    CHECK(clock.mono() - then < 5s);
    desk.stop();
}

TEST_CASE("a mirror that cannot be read is told as such, tried again, and costs no row") {
    Desk desk{250, 1e6};
    desk.start();
    REQUIRE(desk.store_until(250));
    desk.mirror_fails = true;
    desk.gateway.begin_anew(330);
    const bool all = desk.store_until(580);
    INFO("epoch " << desk.store().position().epoch << ", cursor " << desk.store().position().cursor
                  << ", rows " << desk.store().rows());
    REQUIRE(all);
    REQUIRE_FALSE(desk.mirror_troubles.empty());
    CHECK(desk.mirror_troubles.front() == "disk I/O error");
    CHECK(desk.store().position().epoch == 1);
    CHECK(desk.store().rows() == 580);
    desk.stop();
}

TEST_CASE("of the gateway's objects only what rules need is looked at") {
    Desk desk{10, 1e6};
    desk.info_interval = 0s;
    auto gateway = desk.create_main();
    gateway.exec("INSERT INTO channels(id, `key`, name, type) VALUES(3, '', 'azure', 3)");
    gateway.exec("INSERT INTO tokens(id, user_id, `key`, name) VALUES(7, 1, 'sk', 'n')");
    desk.start();
    CHECK(desk.look_until([](const sync::GatewayInfo& info) {
        CHECK(info.tokens.empty());
        CHECK(info.gateway == sync::Gateway::new_api);
        return info.channels.contains(3);
    }));
    desk.stop();
    desk.needs.tokens = true;
    desk.start();
    CHECK(desk.look_until([](const sync::GatewayInfo& info) { return info.tokens.contains(7); }));
    desk.stop();
}
