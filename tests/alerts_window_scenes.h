#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "alerts/window.h"
#include "alerts_window_fixture.h"
#include "base/time_zone.h"

namespace quotafuse::tests {

/// 2026-10-24 20:30:00 UTC: in Berlin the clock goes back in the night that follows.
inline const auto kBeforeAutumn = base::from_unix(1'792'873'800);
/// 2026-03-28 21:30:00 UTC: in Berlin it goes forward in the night that follows.
inline const auto kBeforeSpring = base::from_unix(1'774'733'400);

inline sync::Row plain_row(base::Second created) {
    sync::Row row;
    row.created_at = base::unix_seconds(created);
    row.seen_at = row.created_at;
    row.kind = sync::Kind::consume;
    row.channel = 3;
    row.user = 7;
    row.token = 12;
    row.prompt_tokens = 100;
    row.quota = 500;
    row.latency_ms = 900;
    return row;
}

/// Windows of every kind over random rows that come late, early and at once; and a check that they
/// say what the rows say.
class Scene {
public:
    Scene(unsigned seed, base::Second start) : random_(seed), now_(start) {
        name_channels();
        make_samples();
        add_history();
        open({});
        warm_up();
    }

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_()) % n; }
    base::Second now() const { return now_; }
    std::size_t checked() const { return checked_; }
    alerts::WindowSet& windows() { return *windows_; }
    const std::vector<Sample>& samples() const { return samples_; }

    /// As after a start.
    void open(const std::vector<alerts::WindowRecord>& records) {
        windows_ = std::make_unique<alerts::WindowSet>(rows, 300);
        shared_.clear();
        for (const auto& sample : samples_) {
            shared_.push_back(&windows_->share(sample.spec, sample.parts));
        }
        if (directory_.known) windows_->use(directory_);
        insist([&] { windows_->start(now_, records); });
    }
    void warm_up() {
        bool more = true;
        while (more)
            insist([&] { more = windows_->warm_up(std::chrono::milliseconds{50}, ignore); });
        for (const auto* const window : shared_) REQUIRE(window->warmed_up() == 1);
    }
    void prepare_a_little() {
        insist([&] { windows_->warm_up(std::chrono::milliseconds{0}, ignore); });
    }
    /// Mostly of now, sometimes minutes late, sometimes of a clock that is ahead.
    void add_rows() {
        for (auto n = below(4); n > 0; --n) {
            const auto when = below(20);
            auto created = now_ + std::chrono::seconds{when % 2};
            if (when > 14) created -= std::chrono::seconds{below(400)};
            if (when == 18) created -= std::chrono::hours{below(30)};
            if (when == 19) created = now_ + std::chrono::seconds{below(100)};
            feed(created);
        }
    }
    void advance_by(std::chrono::seconds step) {
        now_ += step;
        insist([&] { windows_->advance(now_, ignore); });
    }
    void advance_a_little() {
        const auto step = below(100);
        advance_by(std::chrono::seconds{step < 97 ? 1 : 2 + below(150)});
    }
    void check() {
        for (std::size_t i = 0; i < samples_.size(); ++i) {
            if (shared_[i]->warmed_up() < 1) continue;
            check_window(samples_[i], *shared_[i], rows, directory_, now_);
            ++checked_;
        }
        windows_->settle();
    }
    std::size_t full() const {
        return static_cast<std::size_t>(
            std::count_if(shared_.begin(), shared_.end(),
                          [](const auto* window) { return window->warmed_up() == 1; }));
    }
    std::size_t delete_rows_older_than(std::chrono::seconds age) {
        std::size_t held = 0;
        for (const auto& row : rows.remove_before(base::unix_seconds(now_ - age))) {
            held += row.created_at > base::unix_seconds(now_ - std::chrono::hours{3}) ? 1 : 0;
            windows_->forget(row);
        }
        return held;
    }
    void rename_a_channel() {
        const auto id = static_cast<std::int64_t>(1 + below(5));
        if (below(4) == 0) {
            directory_.channels.erase(id);
        } else {
            auto& channel = directory_.channels[id];
            channel.name = below(2) == 0 ? "azure-eu" : "openai";
            channel.provider = rows.text(below(2) == 0 ? "Azure" : "OpenAI");
            channel.tag = rows.text(below(2) == 0 ? "prod" : "");
        }
        windows_->use(directory_);
    }
    void forget_names() { directory_ = {}; }
    void name_channels() {
        directory_.known = true;
        const char* const names[] = {"azure-eu", "azure-us", "openai", "spare"};
        for (std::int64_t id = 1; id <= 4; ++id) {
            auto& channel = directory_.channels[id];
            channel.name = names[id - 1];
            channel.provider = rows.text(id <= 2 ? "Azure" : "OpenAI");
            channel.tag = rows.text(id % 2 == 0 ? "prod" : "");
        }
        if (windows_) windows_->use(directory_);
    }
    /// From now on each window's changes are written down, as somebody who keeps their values does.
    void follow_changes() {
        followed_.assign(shared_.size(), {});
        for (std::size_t i = 0; i < shared_.size(); ++i) {
            shared_[i]->each([&](const alerts::SeriesKey& key, const alerts::Measure& measure) {
                followed_[i][key] = measure.sums;
            });
        }
        windows_->settle();
    }
    void check_followed() {
        for (std::size_t i = 0; i < shared_.size(); ++i) {
            std::set<alerts::SeriesKey> told;
            std::optional<double> highest;
            shared_[i]->changed([&](const alerts::SeriesKey& key, const alerts::Measure* measure) {
                REQUIRE(told.insert(key).second);
                followed_[i].erase(key);
                const auto value =
                    value_of(alerts::Metric::tpm, measure, shared_[i]->span(), 1).value();
                highest = std::max(highest.value_or(value), value);
                if (measure != nullptr) followed_[i][key] = measure->sums;
            });
            for (int time = 0; time < 2; ++time) {
                REQUIRE(shared_[i]->highest_changed(alerts::Metric::tpm, 1) == highest);
            }
            std::map<alerts::SeriesKey, alerts::Sums> there;
            shared_[i]->each([&](const alerts::SeriesKey& key, const alerts::Measure& measure) {
                there[key] = measure.sums;
            });
            INFO(samples_[i].name);
            REQUIRE(followed_[i] == there);
        }
        windows_->settle();
    }

    static void ignore(const sync::Row&) {}

    StoredRows rows;

private:
    void feed(base::Second created) {
        auto row = random_row(created);
        row.seen_at = base::unix_seconds(now_);
        windows_->feed(rows.add(row));
    }
    sync::Row random_row(base::Second created) {
        using sync::Kind;
        auto row = plain_row(created);
        const Kind kinds[] = {Kind::consume, Kind::consume, Kind::consume, Kind::error,
                              Kind::error,   Kind::refund,  Kind::other,   Kind::test};
        const int statuses[] = {400, 429, 500, 503};
        row.kind = kinds[below(8)];
        row.channel = 1 + below(5);
        row.model = rows.text(below(2) == 0 ? "gpt-4o" : "claude-3");
        row.user = 1 + below(6);
        row.token = below(3) == 0 ? 0 : 1 + below(9);
        row.token_name = rows.text("k" + std::to_string(below(4)));
        row.ip = below(5);
        row.prompt_tokens = below(1000);
        row.completion_tokens = below(3) == 0 ? 0 : below(1000);
        row.cache_tokens = below(100);
        row.quota = below(3) == 0 ? 0 : below(5000);
        row.latency_ms = below(5) == 0 ? 0 : below(90'000);
        row.stream = below(2) == 0;
        row.first_token_ms = below(4) == 0 ? -1 : below(3000);
        row.channel_test = below(9) == 0;
        row.task = below(9) == 0;
        row.stream_end = static_cast<sync::StreamEnd>(below(4));
        if (row.kind == Kind::error) row.status = statuses[below(4)];
        // A request that was answered at the first attempt has an id of its own.
        row.attempts = 1 + static_cast<int>(below(2));
        const bool once = row.kind == Kind::consume && row.attempts == 1;
        row.request_id = below(6) == 0 ? 0 : once ? 1000 + ++requests_ : 1 + below(60);
        return row;
    }
    /// Some rows wherever a window may be.
    void add_history() {
        using std::chrono::hours;
        for (const int days : {0, 1, 7, 8, 14, 15, 21, 30, 31}) {
            for (int i = 0; i < 60; ++i) {
                rows.add(random_row(now_ - hours{24 * days} + hours{3} * (days == 0 ? -1 : 1) -
                                    std::chrono::seconds{below(8 * 3600)}));
            }
        }
    }

    Sample& sample(const std::string& name, const alerts::Frame& frame,
                   std::vector<alerts::Dimension> by = {}) {
        Sample made;
        made.name = name;
        made.spec.frame = frame;
        made.spec.by = std::move(by);
        return samples_.emplace_back(std::move(made));
    }
    void make_samples();

    std::mt19937 random_;
    base::Second now_;
    sync::Directory directory_;
    std::vector<Sample> samples_;
    std::unique_ptr<alerts::WindowSet> windows_;
    std::vector<alerts::Window*> shared_;
    std::vector<std::map<alerts::SeriesKey, alerts::Sums>> followed_;
    std::uint64_t requests_ = 0;
    std::size_t checked_ = 0;
};

inline void Scene::make_samples() {
    using namespace std::chrono_literals;
    using alerts::Comparison;
    using alerts::Dimension;
    using alerts::Frame;
    const auto berlin = *base::TimeZone::find("Europe/Berlin");
    const auto kolkata = *base::TimeZone::find("Asia/Kolkata");
    const auto of = [](Frame::Kind kind) { return Frame{kind, 0s, {}, {}}; };

    sample("a minute", Frame::rolling(60s), {Dimension::channel});
    auto& latency = sample("latency", Frame::rolling(301s), {Dimension::model});
    latency.spec.delay = 3s;
    latency.parts.latency = latency.parts.first_token = true;
    auto& distinct = sample("distinct", Frame::rolling(20min), {Dimension::channel});
    distinct.parts.ips = distinct.parts.tokens = distinct.parts.users = true;
    auto& requests = sample("requests", Frame::rolling(1h), {Dimension::channel, Dimension::model});
    requests.spec.of_attempts = true;
    requests.spec.delay = 10s;
    requests.parts.requests = true;
    auto& own = sample("own errors", Frame::rolling(30min), {Dimension::status});
    own.own_errors = true;
    own.parts.requests = true;
    own.spec.errors_when =
        alerts::ErrorsWhen{alerts::Condition{Dimension::status, {{false, 429, {}}}}, std::nullopt};
    auto& server = sample("5xx", Frame::rolling(10min), {});
    server.only_5xx = server.spec.of_attempts = true;
    server.spec.where = {{Dimension::status, {{false, std::nullopt, "5??"}}}};
    auto& azure = sample("azure", Frame::rolling(45min), {Dimension::token});
    azure.spec.where = {{Dimension::channel, {{false, std::nullopt, "azure-*"}, {true, 2, {}}}}};
    azure.chosen = [](const sync::Row& row, const sync::Directory& directory) {
        const auto known = directory.channels.find(row.channel);
        return known != directory.channels.end() && known->second.name.starts_with("azure-") &&
               row.channel != 2;
    };
    auto& tagged = sample("providers", Frame::rolling(2h), {Dimension::provider, Dimension::user});
    tagged.spec.where = {{Dimension::tag, {{true, std::nullopt, "prod"}}}};
    const auto prod = rows.text("prod");
    tagged.chosen = [prod](const sync::Row& row, const sync::Directory& directory) {
        const auto known = directory.channels.find(row.channel);
        return known == directory.channels.end() || known->second.tag != prod;
    };
    sample("a month", Frame::rolling(720h), {Dimension::ip}).parts.users = true;

    for (const auto comparison :
         {Comparison::previous, Comparison::yesterday, Comparison::last_week}) {
        auto& base = sample("compared", Frame::rolling(15min), {Dimension::channel});
        base.spec.base = comparison;
        base.spec.delay = 3s;
        base.parts.latency = true;
    }
    for (const int week : {1, 2, 3}) {
        auto& usual = sample("usual " + std::to_string(week), Frame::rolling(1h + 10min * week),
                             {Dimension::channel});
        usual.spec.base = Comparison::usual;
        usual.spec.week = week;
        usual.spec.zone = berlin;
        usual.parts.users = true;
    }
    int n = 0;
    for (const auto kind : {Frame::Kind::today, Frame::Kind::this_week, Frame::Kind::this_month}) {
        for (const auto comparison : {Comparison::none, Comparison::previous, Comparison::yesterday,
                                      Comparison::last_week}) {
            auto& calendar =
                sample("calendar " + std::to_string(n++), of(kind), {Dimension::channel});
            calendar.spec.base = comparison;
            calendar.spec.zone = n % 3 == 0 ? kolkata : berlin;
            calendar.spec.delay = n % 2 == 0 ? 0s : 3s;
            calendar.parts.ips = n % 4 == 0;
        }
    }
    sample("fixed", {Frame::Kind::fixed, 0s, now_ + 100s, now_ + 250s}, {Dimension::group});
    sample("over", {Frame::Kind::fixed, 0s, now_ - 2h, now_ - 1h}, {Dimension::channel});
}

}  // namespace quotafuse::tests
