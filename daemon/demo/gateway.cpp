#include "daemon/demo/gateway.h"

#include <fmt/format.h>

#include "daemon/demo/transaction.h"

namespace quotafuse::demo {
namespace {

std::string group_name(int index) {
    return index == 0 ? "default" : fmt::format("group-{}", index);
}

/// Zipf: the n-th is asked for 1/n as often as the first.
double popularity_of(int index) {
    return 1.0 / (index + 1);
}

DemoModel numbered_model(int index) {
    static const auto kPatterns = DemoGateway::of_story().models;
    const auto patterns = static_cast<int>(kPatterns.size());
    auto model = kPatterns[static_cast<std::size_t>(index % patterns)];
    if (index >= patterns) model.name += fmt::format("-v{}", index / patterns + 1);
    model.popularity = popularity_of(index);
    return model;
}

/// Half of the channels serve a model, so that it has two or more from four channels on.
bool serves(int channel, int model, int channels) {
    return channels < 4 || (channel + model) % 4 < 2;
}

std::string joined(const std::vector<std::string>& texts) {
    return fmt::format("{}", fmt::join(texts, ","));
}

/// Tags group channels of one supplier: "azure" of azure-eu-1.
std::string tag_of(const DemoChannel& channel) {
    return channel.name.substr(0, channel.name.find('-'));
}

/// New API's word on a channel's keys: the last ones are switched off.
std::string channel_info_of(const DemoChannel& channel) {
    if (channel.keys <= 1) return R"({"is_multi_key":false})";
    std::string dead;
    for (int key = channel.keys - channel.dead_keys; key < channel.keys; ++key)
        dead += fmt::format("{}\"{}\":3", dead.empty() ? "" : ",", key);
    return fmt::format(
        R"({{"is_multi_key":true,"multi_key_size":{},"multi_key_status_list":{{{}}},)"
        R"("multi_key_mode":"random"}})",
        channel.keys, dead);
}

using Value = std::pair<std::string_view, sync::Argument>;

/// Leaves out what this flavour's table does not have.
void insert_row(sync::GatewaySession& session, Flavour flavour, std::string_view table,
                const std::vector<Value>& values) {
    std::vector<std::string> names;
    std::vector<std::string> marks;
    std::vector<sync::Argument> arguments;
    for (const auto& [name, argument] : values) {
        if (!has_column(flavour, table, name)) continue;
        names.push_back(fmt::format("`{}`", name));
        marks.emplace_back("?");
        arguments.push_back(argument);
    }
    session.execute(fmt::format("INSERT INTO `{}` ({}) VALUES ({})", table, fmt::join(names, ","),
                                fmt::join(marks, ",")),
                    arguments);
}

struct Filler {
    sync::GatewaySession& session;
    Flavour flavour;
    const DemoGateway& gateway;
    std::int64_t now;

    void users() const {
        for (const auto& user : gateway.users) {
            insert_row(session, flavour, "users",
                       {{"id", user.id},
                        {"username", user.name},
                        {"password", "demo, no hash"},
                        {"display_name", user.name},
                        {"role", std::int64_t{user.role}},
                        {"status", std::int64_t{1}},
                        {"email", ""},
                        {"quota", user.remaining},
                        {"used_quota", user.used},
                        {"group", user.group},
                        {"aff_code", fmt::format("demo{}", user.id)},
                        {"setting", user.records_ip ? R"({"record_ip_log":true})" : "{}"},
                        {"created_at", now - 90 * 86'400}});
        }
    }

    void tokens() const {
        for (const auto& token : gateway.tokens) {
            insert_row(session, flavour, "tokens",
                       {{"id", token.id},
                        {"user_id", token.user},
                        {"key", fmt::format("demo{:0>44}", token.id)},
                        {"status", std::int64_t{1}},
                        {"name", token.name},
                        {"created_time", now - 60 * 86'400},
                        {"accessed_time", now},
                        {"expired_time", token.expires_in > 0 ? now + token.expires_in : -1},
                        {"remain_quota", token.remaining},
                        {"used_quota", token.used},
                        {"unlimited_quota", std::int64_t{0}},
                        {"model_limits_enabled", std::int64_t{0}},
                        {"group", ""}});
        }
    }

    void channel(const DemoChannel& channel) const {
        insert_row(
            session, flavour, "channels",
            {{"id", channel.id},
             {"type", std::int64_t{channel.type}},
             {"key", fmt::format("sk-demo-not-a-real-key-{:0>4}", channel.id)},
             {"status", std::int64_t{channel.status}},
             {"name", channel.name},
             {"weight", channel.weight},
             {"created_time", now - 60 * 86'400},
             {"test_time", now - 600},
             {"response_time", 400 + 37 * channel.id},
             {"models", joined(channel.models)},
             {"group", joined(channel.groups)},
             {"priority", channel.priority},
             {"auto_ban", std::int64_t{1}},
             {"other_info", ""},
             {"tag", tag_of(channel)},
             {"balance", fmt::format("{}", channel.balance)},
             {"balance_updated_time", channel.balance_age > 0 ? now - channel.balance_age : 0},
             {"channel_info", channel_info_of(channel)}});
        for (const auto& group : channel.groups) {
            for (const auto& model : channel.models) {
                insert_row(session, flavour, "abilities",
                           {{"group", group},
                            {"model", model},
                            {"channel_id", channel.id},
                            {"enabled", std::int64_t{channel.status == 1}},
                            {"priority", channel.priority},
                            {"weight", channel.weight},
                            {"tag", tag_of(channel)}});
            }
        }
    }

    /// Options exist only once an administrator has saved them.
    void options() const {
        const std::vector<std::pair<std::string, std::string>> saved{
            {"QuotaPerUnit", "500000"},
            {"RetryTimes", "1"},
            {"LogConsumeEnabled", "true"},
            {"AutomaticDisableChannelEnabled", "false"},
            {"AutomaticEnableChannelEnabled", "false"},
            {"SystemName", "quotafuse demo"},
        };
        for (const auto& [key, value] : saved) {
            insert_row(session, flavour, "options", {{"key", key}, {"value", value}});
        }
    }
};

}  // namespace

DemoGateway DemoGateway::of_shape(const GatewayShape& shape) {
    DemoGateway gateway;
    std::vector<std::string> groups;
    for (int g = 0; g < shape.groups; ++g) groups.push_back(group_name(g));
    for (int m = 0; m < shape.models; ++m) gateway.models.push_back(numbered_model(m));
    for (int c = 0; c < shape.channels; ++c) {
        auto name = fmt::format("channel-{}", c + 1);
        gateway.channels.push_back({c + 1, std::move(name), 1, 0, 10 + c % 3 * 10, groups, {}});
        for (int m = 0; m < shape.models; ++m) {
            if (!serves(c, m, shape.channels)) continue;
            gateway.channels.back().models.push_back(
                gateway.models[static_cast<std::size_t>(m)].name);
        }
    }
    for (int u = 0; u < shape.users; ++u) {
        const auto& group = groups[static_cast<std::size_t>(u % shape.groups)];
        gateway.users.push_back({u + 1, fmt::format("user-{}", u + 1), group, 1, u % 3 == 0});
    }
    for (int t = 0; t < shape.tokens; ++t) {
        gateway.tokens.push_back(
            {t + 1, fmt::format("key-{}", t + 1), t % shape.users + 1, popularity_of(t)});
    }
    return gateway;
}

const DemoUser& DemoGateway::owner(const DemoToken& token) const {
    return users.at(static_cast<std::size_t>(token.user - 1));
}

double DemoGateway::group_ratio(const std::string& group) const {
    return group == "vip" ? 0.8 : 1;
}

void fill_gateway(sync::GatewaySession& session, Flavour flavour, const DemoGateway& gateway,
                  std::int64_t now) {
    const Filler fill{session, flavour, gateway, now};
    Transaction transaction{session};
    fill.users();
    fill.tokens();
    for (const auto& channel : gateway.channels) fill.channel(channel);
    fill.options();
    transaction.commit();
}

}  // namespace quotafuse::demo
