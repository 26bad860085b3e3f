#include "alerts/rule_test_loader.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "alerts/rule_parts.h"
#include "alerts/rule_test_objects.h"
#include "alerts/stable_hash.h"
#include "base/duration.h"
#include "base/text.h"

namespace quotafuse::alerts {
namespace {

using base::yaml::Mapping;
using base::yaml::Node;
using namespace std::chrono_literals;

constexpr std::chrono::hours kLongest{62 * 24};
/// Eight weeks of `usual`, and the window of the first of them.
constexpr std::chrono::hours kLongestBefore{90 * 24};
constexpr std::int64_t kMostRows = 200'000;  // of one test
constexpr std::int64_t kMost = 1'000'000'000'000'000;
constexpr double kQuotaPerUnit = 500'000;

/// A time after the start of the test.
std::chrono::seconds read_at(Mapping& map) {
    const auto* const node = map.require("at");
    if (node != nullptr && node->text.starts_with('-')) {
        map.error(node->place, "only rows can be before the start of the test");
        return 0s;
    }
    return read_seconds(map, "at", 0s, kLongest).value_or(0s);
}

/// The same of rows, which may also be from before it: "-7d".
std::chrono::seconds read_at_of_rows(Mapping& map) {
    const auto* const node = map.find("at");
    if (node == nullptr || !node->text.starts_with('-')) return read_at(map);
    const auto ago = base::parse_duration(std::string_view{node->text}.substr(1));
    if (ago && *ago <= kLongestBefore) return -*ago;
    map.error(node->place, fmt::format("at must be from -90d to 62d, such as -7d or 90s, not {}",
                                       node->describe()));
    return 0s;
}

/// Reads one test of a rule.
class TestReader {
public:
    TestReader(Mapping& rule_map, const Node& node, const Rule& rule)
        : map_(rule_map.file(), node, "a test", rule_map.diagnostics()), rule_(rule) {}

    RuleTest read() {
        test_.file = map_.file();
        test_.place = map_.place();
        test_.rule = rule_.name;
        test_.name = map_.text("name").value_or("");
        read_starts();
        objects_.read(map_, test_);
        if (const auto* const rows = map_.find("rows")) test_.rows.reserve(rows->items.size());
        each("rows", [&](const Node& node) { read_rows(node); });
        each("gauges", [&](const Node& node) { read_gauge(node); });
        map_.require("expect");
        each("expect", [&](const Node& node) { read_expectation(node); });
        refuse_no_expectation();
        map_.refuse_unknown();
        return std::move(test_);
    }

private:
    template <class Read>
    void each(std::string_view key, Read read) {
        const auto* const node = map_.find(key);
        if (node == nullptr) return;
        if (node->kind != Node::Kind::list) {
            map_.error(node->place,
                       fmt::format("{} must be a list, not {}", key, node->describe()));
            return;
        }
        for (const auto& item : node->items) read(item);
    }

    void read_starts();
    void read_rows(const Node& node);
    void read_who(Mapping& map, sync::LogEntry& entry);
    void read_kind(Mapping& map, sync::LogEntry& entry);
    void read_tokens(Mapping& map, sync::LogEntry& entry);
    void read_quota(Mapping& map, sync::LogEntry& entry);
    void read_times(Mapping& map, sync::LogEntry& entry);
    void read_gauge(const Node& node);
    void check_object(Mapping& map, const Node& metric, const Node& object);
    void read_expectation(const Node& node);
    void refuse_no_expectation();
    void read_key(Mapping& map, RuleTest::Expectation& expectation);

    Mapping map_;
    const Rule& rule_;
    RuleTest test_;
    std::int64_t rows_ = 0;
    bool told_too_many_ = false;
    TestObjects objects_;
};

void TestReader::read_starts() {
    const auto* const node = map_.find("starts");
    // A Monday morning: nothing special about it.
    test_.starts = rule_.zone.at(base::from_unix(1'767'614'400), 0, 9h);
    if (node == nullptr) return;
    test_.starts = read_local_time(map_, "starts", rule_.zone).value_or(test_.starts);
}

void TestReader::read_rows(const Node& node) {
    Mapping map{map_.file(), node, "rows", map_.diagnostics()};
    RuleTest::Rows rows;
    if (node.kind == Node::Kind::map) rows.at = read_at_of_rows(map);
    rows.repeat = static_cast<int>(map.integer("repeat", 1, kMostRows).value_or(1));
    rows.every = read_seconds(map, "every", 0s, kLongest).value_or(1s);
    rows_ += rows.repeat;
    if (rows_ > kMostRows && !told_too_many_) {
        map.error(node.place, fmt::format("a test has at most {} rows", kMostRows));
        told_too_many_ = true;
    }
    if (rows.at + rows.every * (rows.repeat - 1) > kLongest) {
        map.error(node.place, "the last of these rows is more than 62d after the start");
    }
    read_who(map, rows.entry);
    read_kind(map, rows.entry);
    read_tokens(map, rows.entry);
    read_quota(map, rows.entry);
    read_times(map, rows.entry);
    map.refuse_unknown();
    // With a fault nothing of the file is used, and these are large.
    if (map_.diagnostics().ok()) test_.rows.push_back(std::move(rows));
}

void TestReader::read_who(Mapping& map, sync::LogEntry& entry) {
    entry.channel = map.integer("channel", 0, kMost).value_or(0);
    objects_.read_id(map, "token", entry.token, entry.token_name);
    objects_.read_id(map, "user", entry.user, entry.username);
    const auto text = [&](std::string_view key, std::string& into) {
        if (const auto value = map.text(key)) into = base::valid_utf8(*value);
    };
    text("model", entry.model);
    text("group", entry.group);
    text("route", entry.route);
    text("ip", entry.ip);
    if (const auto request = map.text("request_id")) {
        entry.request_id = std::max<std::uint64_t>(stable_hash(*request), 1);
    }
}

void TestReader::read_kind(Mapping& map, sync::LogEntry& entry) {
    const auto status = map.integer("status", 100, 599);
    const auto code = map.text("code");
    const auto kind = map.choice("kind", {"consume", "error", "refund"});
    entry.kind = status || code ? sync::Kind::error : sync::Kind::consume;
    if (kind) {
        static constexpr sync::Kind kKinds[] = {sync::Kind::consume, sync::Kind::error,
                                                sync::Kind::refund};
        entry.kind = kKinds[*kind];
        if (entry.kind != sync::Kind::error && (status || code)) {
            map.error(map.find("kind")->place, "only a row of kind error has a status or a code");
        }
    }
    entry.status = static_cast<int>(status.value_or(0));
    entry.error_code = base::valid_utf8(code.value_or(""));
    entry.attempts = static_cast<int>(map.integer("attempts", 1, 100).value_or(1));
}

void TestReader::read_tokens(Mapping& map, sync::LogEntry& entry) {
    const auto tokens = map.integer("tokens", 0, kMost);
    const auto prompt = map.integer("prompt_tokens", 0, kMost);
    const auto completion = map.integer("completion_tokens", 0, kMost);
    entry.cache_tokens = map.integer("cache_tokens", 0, kMost).value_or(0);
    const bool empty = map.boolean("empty").value_or(false);
    if (tokens && prompt && completion) {
        map.error(
            map.find("tokens")->place,
            "tokens is prompt_tokens and completion_tokens together: give two of them at most");
        return;
    }
    if (tokens) {
        entry.prompt_tokens =
            prompt.value_or(empty ? *tokens : *tokens - completion.value_or(*tokens));
        entry.completion_tokens = *tokens - entry.prompt_tokens;
    } else {
        entry.prompt_tokens = prompt.value_or(0);
        // An answer of one token, so that a row is no empty reply unless it says so.
        const bool plain = entry.kind == sync::Kind::consume && !empty && !prompt;
        entry.completion_tokens = completion.value_or(plain ? 1 : 0);
    }
    if (entry.prompt_tokens < 0 || entry.completion_tokens < 0) {
        map.error(map.find("tokens")->place,
                  "tokens is less than the part of it that stands beside");
    }
    if (empty && (entry.completion_tokens > 0 || entry.kind != sync::Kind::consume)) {
        map.error(map.find("empty")->place,
                  "an empty reply is an answer without completion_tokens");
    }
}

void TestReader::read_quota(Mapping& map, sync::LogEntry& entry) {
    const auto quota = map.integer("quota", 0, kMost);
    const auto cost = map.number("cost");
    if (quota && cost) {
        map.error(map.find("cost")->place, "a row has quota or cost, not both");
    } else if (cost && (*cost < 0 || *cost > 1e9)) {
        map.error(map.find("cost")->place, "cost must be from 0 to 1000000000 USD");
    } else if (cost) {
        entry.quota = std::llround(*cost * kQuotaPerUnit);
    } else {
        entry.quota = quota.value_or(0);
    }
    const auto* const empty = map.find("empty");
    if (empty != nullptr && empty->text == "true" && entry.quota > 0) {
        map.error(empty->place, "an empty reply costs nothing");
    }
}

void TestReader::read_times(Mapping& map, sync::LogEntry& entry) {
    if (const auto latency = map.duration("latency", 0ms, 24h)) entry.latency_ms = latency->count();
    const auto* const stream = map.find("stream");
    const auto first = map.duration("ttft", 1ms, 24h);
    if (first) entry.first_token_ms = first->count();
    entry.stream = first.has_value();
    if (stream == nullptr) return;
    if (stream->kind == Node::Kind::scalar && stream->text == "broken") {
        entry.stream = true;
        entry.stream_end = sync::StreamEnd::broken;
        return;
    }
    const auto value = base::yaml::as_boolean(*stream);
    if (!value) {
        map.error(stream->place,
                  fmt::format("stream must be true, false or broken, not {}", stream->describe()));
    } else if (!*value && first) {
        map.error(stream->place, "only a stream has a ttft");
    }
    entry.stream = value.value_or(false) || first;
}

void TestReader::read_gauge(const Node& node) {
    Mapping map{map_.file(), node, "gauges", map_.diagnostics()};
    RuleTest::Gauge gauge;
    if (node.kind == Node::Kind::map) gauge.at = read_at(map);
    const auto first = static_cast<std::ptrdiff_t>(Metric::channel_down);
    const std::vector<std::string_view> known{metric_names().begin() + first, metric_names().end()};
    map.require("metric");
    const auto metric = map.choice("metric", known);
    const auto* const object = map.require("object");
    if (metric) gauge.name = known[*metric];
    if (object != nullptr && metric) check_object(map, *map.find("metric"), *object);
    if (object != nullptr) gauge.object = base::valid_utf8(object->text);
    const auto* const value = map.require("value");
    if (value != nullptr && value->kind != Node::Kind::null) gauge.value = map.number("value");
    map.refuse_unknown();
    test_.gauges.push_back(std::move(gauge));
}

void TestReader::check_object(Mapping& map, const Node& metric, const Node& object) {
    if (metric.text == metric_name(Metric::healthy_channels)) {
        const auto slash = object.text.find('/');
        if (slash != std::string::npos && slash > 0 && slash + 1 < object.text.size()) return;
        map.error(object.place, fmt::format("object must be a group and a model, such as "
                                            "default/gpt-4o, not {}",
                                            object.describe()));
    } else if (const auto id = base::yaml::as_integer(object); !id || *id < 1) {
        map.error(object.place, fmt::format("object must be the id of what has the {}, not {}",
                                            metric.text, object.describe()));
    }
}

void TestReader::read_expectation(const Node& node) {
    Mapping map{map_.file(), node, "expect", map_.diagnostics()};
    RuleTest::Expectation expectation;
    expectation.place = node.place;
    if (node.kind == Node::Kind::map) expectation.at = read_at(map);
    read_key(map, expectation);
    if (const auto state = map.choice("state", {"inactive", "pending", "firing"})) {
        expectation.state = static_cast<Phase>(*state);
    }
    expectation.value = map.number("value");
    if (const auto notices = map.integer("notices", 0, 1'000'000)) {
        expectation.notices = static_cast<int>(*notices);
    }
    if (node.kind == Node::Kind::map && node.find("state") == nullptr &&
        node.find("value") == nullptr && node.find("notices") == nullptr) {
        map.error(node.place, "expect needs one of state, value and notices");
    }
    map.refuse_unknown();
    test_.expect.push_back(std::move(expectation));
}

/// Such a test could not fail.
void TestReader::refuse_no_expectation() {
    const auto* const node = map_.find("expect");
    if (node == nullptr || node->kind != Node::Kind::list || !node->items.empty()) return;
    map_.error(node->place, "expect is an empty list: a test that expects nothing proves nothing");
}

/// Names each dimension of `by`, and no other.
void TestReader::read_key(Mapping& map, RuleTest::Expectation& expectation) {
    const auto* const node = map.find("key");
    if (node != nullptr) {
        Mapping key{map_.file(), *node, "key", map_.diagnostics()};
        for (const auto dimension : rule_.by) {
            const auto value = key.text(dimension_name(dimension));
            if (!value) continue;
            expectation.key.emplace_back(dimension, *value);
            if (has_id(dimension)) objects_.check_name(key, dimension_name(dimension));
        }
        key.refuse_unknown();
        if (node->kind != Node::Kind::map) return;
    }
    if (expectation.key.size() == rule_.by.size()) return;
    const auto place = node == nullptr ? map.place() : node->place;
    map.error(place, fmt::format("key must name each dimension of by: {}", list_of(rule_.by)));
}

}  // namespace

std::vector<RuleTest> read_tests(Mapping& map, const Rule& rule) {
    std::vector<RuleTest> tests;
    const auto* const node = map.find("tests");
    if (node == nullptr || node->kind == Node::Kind::null) return tests;
    if (node->kind != Node::Kind::list) {
        map.error(node->place,
                  fmt::format("tests must be a list of tests, not {}", node->describe()));
        return tests;
    }
    for (const auto& item : node->items) {
        tests.push_back(TestReader{map, item, rule}.read());
        // Expectations must be in the order in which the test meets them.
        std::stable_sort(tests.back().expect.begin(), tests.back().expect.end(),
                         [](const auto& a, const auto& b) { return a.at < b.at; });
    }
    return tests;
}

}  // namespace quotafuse::alerts
