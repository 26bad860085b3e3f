#include "daemon/config.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <glob.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/failure.h"
#include "base/text.h"
#include "daemon/builtin_rules.h"
#include "daemon/config_notifiers.h"
#include "daemon/config_status.h"
#include "daemon/config_values.h"

namespace quotafuse::daemon {
namespace {

using base::yaml::Diagnostics;
using base::yaml::Mapping;
using base::yaml::Node;
using std::chrono::duration_cast;

constexpr auto kRulesFolder = "/etc/quotafuse/rules.d";
constexpr base::Milliseconds kLongestKept = std::chrono::hours{24 * 3660};
constexpr std::int64_t kSmallestStore = 50'000'000;
constexpr std::int64_t kLargestStore = 100'000'000'000'000;

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string{name.data()} : "gateway";
}

std::optional<sync::Dsn> read_dsn(Mapping& map, std::string_view key) {
    const auto* const node = map.find(key);
    if (node == nullptr || node->kind == Node::Kind::null) return std::nullopt;
    if (node->kind != Node::Kind::scalar) {
        map.error(node->place,
                  fmt::format("{} must be a DSN or {{file: path}}, not {}", key, node->describe()));
        return std::nullopt;
    }
    if (base::trim(node->text).empty()) return std::nullopt;
    auto result = sync::parse_dsn(node->text);
    if (!result.dsn) map.error(node->place, fmt::format("{}: {}", key, result.error));
    return std::move(result.dsn);
}

/// What `source` says about TLS holds for every account at the gateway, the breaker's too.
void apply_tls(const SourceConfig& source, std::optional<sync::Dsn>& dsn) {
    if (!dsn) return;
    if (source.tls) dsn->tls = *source.tls;
    if (!source.tls_ca.empty()) dsn->tls_ca = source.tls_ca;
}

void read_tls(Mapping& map, SourceConfig& source) {
    static const std::vector<std::string_view> kModes{"off", "required", "ca", "full"};
    if (const auto mode = map.choice("tls", kModes)) source.tls = static_cast<sync::Tls>(*mode);
    source.tls_ca = map.text("tls_ca").value_or("");
    apply_tls(source, source.main);
    apply_tls(source, source.logs);
}

void read_source(const std::string& file, const Node& node, SourceConfig& source,
                 Diagnostics& diagnostics) {
    using namespace std::chrono_literals;
    Mapping map{file, node, "source", diagnostics};
    source.main = read_dsn(map, "dsn");
    source.logs = read_dsn(map, "log_dsn");
    if (const auto gateway = map.choice("gateway", {"auto", "new-api", "one-api"});
        gateway && *gateway > 0) {
        source.gateway = *gateway == 1 ? sync::Gateway::new_api : sync::Gateway::one_api;
    }
    if (const auto interval = map.duration("poll_interval", 100ms, 60s))
        source.poll_interval = *interval;
    if (const auto since = map.duration("since", 1h, 24h * 3660))
        source.since = duration_cast<base::Seconds>(*since);
    if (const auto timeout = map.duration("gap_timeout", 5s, 10min))
        source.gap_timeout = duration_cast<base::Seconds>(*timeout);
    source.catch_up_rate =
        map.integer("catch_up_rate", 100, 10'000'000).value_or(source.catch_up_rate);
    if (const auto lag = map.duration("max_lag", 5s, 24h))
        source.max_lag = duration_cast<base::Seconds>(*lag);
    read_tls(map, source);
    map.refuse_unknown();
}

/// "forever" is a word of its own: no number of days says it as clearly.
void read_days(Mapping& map, sync::Keep& keep) {
    using namespace std::chrono_literals;
    const auto* const node = map.find("days");
    if (node == nullptr || node->text == "forever") return;
    if (node->kind == Node::Kind::scalar && !base::parse_duration(node->text)) {
        map.error(node->place,
                  fmt::format("days must be 'forever' or a duration such as 1000d, not {}",
                              node->describe()));
        return;
    }
    if (const auto days = map.duration("days", 24h, kLongestKept))
        keep.days = duration_cast<base::Seconds>(*days);
}

void read_keep(const std::string& file, const Node& node, sync::Keep& keep,
               Diagnostics& diagnostics) {
    using namespace std::chrono_literals;
    Mapping map{file, node, "store.keep", diagnostics};
    const auto read = [&](std::string_view key, base::Milliseconds least, base::Seconds& value) {
        if (const auto kept = map.duration(key, least, kLongestKept))
            value = duration_cast<base::Seconds>(*kept);
    };
    read("rows", 24h, keep.rows);
    read("texts", 1h, keep.texts);
    read("minutes", 1h, keep.minutes);
    read("hours", 24h, keep.hours);
    read_days(map, keep);
    map.refuse_unknown();
}

void read_store(const std::string& file, const Node& node, Config& config,
                Diagnostics& diagnostics) {
    Mapping map{file, node, "store", diagnostics};
    if (const auto path = map.text("path")) config.store = *path;
    if (const auto* const keep = map.find("keep");
        keep != nullptr && keep->kind != Node::Kind::null) {
        read_keep(file, *keep, config.keep, diagnostics);
    }
    if (const auto bytes = map.size("max_size", kSmallestStore, kLargestStore))
        config.keep.bytes = *bytes;
    map.refuse_unknown();
}

void read_control(const std::string& file, const Node& node, Config& config,
                  Diagnostics& diagnostics) {
    Mapping map{file, node, "control", diagnostics};
    if (const auto socket = map.text("socket")) config.control_socket = *socket;
    map.refuse_unknown();
}

std::vector<std::string> expand_pattern(const std::string& pattern) {
    std::vector<std::string> files;
    glob_t found{};
    if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
        for (std::size_t i = 0; i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
    }
    ::globfree(&found);
    return files;
}

/// Patterns are relative to the configuration; one without * must exist, one with it may match
/// nothing.
void read_rule_files(Mapping& map, Config& config) {
    const auto* const node = map.find("rules");
    if (node == nullptr || node->kind == Node::Kind::null) return;
    const auto patterns = map.texts("rules");
    if (!patterns) return;
    const auto folder = std::filesystem::path{config.file}.parent_path();
    for (const auto& pattern : *patterns) {
        const auto path = (folder / pattern).lexically_normal().string();
        const auto files = expand_pattern(path);
        if (files.empty() && !base::is_glob(pattern)) {
            map.error(node->place, fmt::format("rules: there is no file {}", path));
        }
        config.rule_files.insert(config.rule_files.end(), files.begin(), files.end());
    }
}

void read_general(Mapping& map, Config& config) {
    using namespace std::chrono_literals;
    if (const auto site = map.text("site"); site && !site->empty()) config.site = *site;
    if (const auto language = map.choice("language", {"zh", "en"}))
        config.language = static_cast<Language>(*language);
    if (const auto currency = map.choice("currency", {"auto", "USD", "CNY"}))
        config.currency = static_cast<CurrencyChoice>(*currency);
    if (const auto stale = map.duration("stale_after", 5s, 24h))
        config.stale_after = duration_cast<base::Seconds>(*stale);
    if (const auto name = map.text("timezone")) {
        const auto zone = base::TimeZone::find(*name);
        if (zone)
            config.timezone = *zone;
        else
            map.error(map.find("timezone")->place,
                      fmt::format("timezone: this host knows no zone '{}'; names look like "
                                  "Asia/Shanghai (package tzdata)",
                                  *name));
    }
}

void read_sections(Mapping& map, Config& config) {
    auto& diagnostics = map.diagnostics();
    const auto section = [&](std::string_view key, auto&& read) {
        const auto* const node = map.find(key);
        if (node != nullptr && node->kind != Node::Kind::null) read(*node);
    };
    section("source",
            [&](const Node& n) { read_source(map.file(), n, config.source, diagnostics); });
    section("store", [&](const Node& n) { read_store(map.file(), n, config, diagnostics); });
    section("status", [&](const Node& n) { read_status(map.file(), n, config, diagnostics); });
    section("control", [&](const Node& n) { read_control(map.file(), n, config, diagnostics); });
    section("breaker", [&](const Node& n) {
        config.breaker = circuit_breaker::read_settings(map.file(), n, diagnostics);
        apply_tls(config.source, config.breaker.dsn);
    });
}

/// Between two polls the gateway is not read, and that is no fault.
void settle_stale_after(Mapping& map, Config& config) {
    using namespace std::chrono_literals;
    const auto interval = std::chrono::ceil<base::Seconds>(config.source.poll_interval);
    const auto* const node = map.find("stale_after");
    if (node == nullptr) {
        config.stale_after = std::max(config.stale_after, 2 * interval);
    } else if (const auto least = interval + 3s; config.stale_after <= least) {
        map.error(node->place,
                  fmt::format("stale_after must be over {} with this source.poll_interval: the "
                              "gateway would count as unread between two polls",
                              base::format_duration(least)));
    }
}

void read_rules(Config& config, const std::vector<std::string>& notifier_names, bool builtin,
                Diagnostics& diagnostics) {
    const auto context = rule_context(config, notifier_names);
    std::vector<alerts::RuleText> texts;
    for (const auto& file : builtin_rules()) {
        texts.push_back({fmt::format("built-in {}", file.name), std::string{file.content}});
    }
    auto set = builtin ? alerts::parse_rules(texts, context, diagnostics)
                       : alerts::load_rules(config.rule_files, context, diagnostics);
    config.rules = std::move(set.rules);
    config.rule_tests = std::move(set.tests);
}

void load_file(Config& config, const base::Environment& environment, NotifierUse use,
               Diagnostics& diagnostics) {
    auto document = base::yaml::load(config.file, diagnostics);
    if (!document) return;
    fill_in_values(document->root, config.file, environment, diagnostics);
    Mapping map{config.file, document->root, "the configuration", diagnostics};
    std::vector<std::string> notifier_names;
    read_general(map, config);
    read_sections(map, config);
    settle_stale_after(map, config);
    read_notifiers(map, config, use, notifier_names);
    read_rule_files(map, config);
    map.refuse_unknown();
    read_rules(config, notifier_names, false, diagnostics);
}

void load_environment(Config& config, const base::Environment& environment, NotifierUse use,
                      Diagnostics& diagnostics) {
    const std::string name = "the environment";
    auto document = base::yaml::parse(name, from_environment(environment), diagnostics);
    if (!document) return;
    fill_in_values(document->root, name, environment, diagnostics);
    Mapping map{name, document->root, "the environment", diagnostics};
    std::vector<std::string> notifier_names;
    read_sections(map, config);
    read_notifiers(map, config, use, notifier_names);
    config.rule_files = expand_pattern(std::string{kRulesFolder} + "/*.yaml");
    read_rules(config, notifier_names, config.rule_files.empty(), diagnostics);
}

}  // namespace

Config load_config(const ConfigLocation& location, base::Environment environment,
                   Diagnostics& diagnostics, NotifierUse use) {
    Config config;
    config.site = host_name();
    std::error_code error;
    // A folder that this user may not enter is not the same as no file: that one is told.
    const bool exists = std::filesystem::exists(location.file, error) || error;
    environment.add_file(
        (std::filesystem::path{location.file}.parent_path() / "secrets.env").string());
    if (exists || location.named) {
        config.file = location.file;
        load_file(config, environment, use, diagnostics);
    } else {
        load_environment(config, environment, use, diagnostics);
    }
    return config;
}

}  // namespace quotafuse::daemon
