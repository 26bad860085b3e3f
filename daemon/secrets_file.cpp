#include "daemon/secrets_file.h"

#include <iostream>
#include <optional>

#include <fmt/format.h>

#include "base/environment.h"
#include "daemon/builtin_config.h"
#include "daemon/setup_files.h"

namespace quotafuse::daemon {
namespace {

constexpr const char* kGateway = "SQL_DSN";
constexpr const char* kGatewayToo = "DATABASE_URL";
/// Variables that a new secrets.env takes over.
constexpr const char* kSecrets[] = {kGateway,           "LOG_SQL_DSN",        "BREAKER_SQL_DSN",
                                    "ACCESS_PASSWORD",  "TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID",
                                    "FEISHU_WEBHOOK",   "FEISHU_SECRET",      "WECOM_WEBHOOK",
                                    "DINGTALK_WEBHOOK", "DINGTALK_SECRET"};

/// Empty for a value that is.
std::optional<std::string> find(const base::Environment& environment, const char* name) {
    auto value = environment.get(name);
    return value && !value->empty() ? std::move(value) : std::nullopt;
}

/// Of the quotes only the outer pair is taken off again, so that the value may have any sign but
/// the end of a line. Empty, and told, for one that has that.
std::string line_of(const std::string& name, const std::string& value, const std::string& path) {
    if (value.find('\n') == std::string::npos) return fmt::format("{}='{}'\n", name, value);
    std::cerr << fmt::format(
        "warning: {} is left out of {}: it has more than one line, and a value there has one\n",
        name, path);
    return {};
}

}  // namespace

void write_secrets(const std::string& path) {
    const auto environment = base::Environment::of_process();
    std::string taken;
    for (const auto* const name : kSecrets) {
        auto value = find(environment, name);
        if (!value && name == kGateway) value = find(environment, kGatewayToo);
        if (value) taken += line_of(name, *value, path);
    }
    std::string text;
    for (const auto& one : builtin_config()) {
        if (one.name == "secrets.env") text = one.content;
    }
    if (!taken.empty()) text += "\n# From the environment of `quotafuse init`.\n" + taken;
    write_file(path, text, 0600);
    std::cout << fmt::format(
        "written  {} (0600: `chown root:quotafuse` and 0640 for the service)\n", path);
}

void complete_secrets(const std::string& path, bool database_url) {
    base::Environment theirs;
    theirs.add_file(path);
    auto all = base::Environment::of_process();
    all.add_file(path);
    auto value = find(all, kGateway);
    if (!value && database_url) value = find(all, kGatewayToo);
    const auto line =
        find(theirs, kGateway) || !value ? std::string{} : line_of(kGateway, *value, path);
    if (line.empty()) {
        std::cout << fmt::format("kept     {}\n", path);
        return;
    }
    write_file(path, fmt::format("{}\n# From `quotafuse init`.\n{}", read_file(path), line), 0600);
    std::cout << fmt::format("added    {} to {}\n", kGateway, path);
}

}  // namespace quotafuse::daemon
