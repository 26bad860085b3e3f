#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/demo/schema.h"

namespace quotafuse::demo {

enum class ModelKind {
    chat,
    claude,     // chat in Anthropic's terms: prompt tokens exclude what the cache holds
    embedding,  // no completion, no stream
    task,       // asynchronous (video): a price for the call, no tokens
};

/// A model, its price and how its answers usually look.
struct DemoModel {
    std::string name;
    ModelKind kind = ModelKind::chat;
    double popularity = 1;        // its share of the traffic, relative to the others
    double ratio = 1;             // 1 = 2 US dollars a million tokens; of a task: US dollars a call
    double completion_ratio = 1;  // how much dearer a completion token is
    int prompt_tokens = 1500;
    int completion_tokens = 300;
    int first_token_ms = 600;
    int tokens_per_second = 60;
};

struct DemoChannel {
    std::int64_t id = 0;
    std::string name;
    int type = 1;  // New API's number
    std::int64_t priority = 0;
    std::int64_t weight = 0;
    std::vector<std::string> groups;
    std::vector<std::string> models;
    int status = 1;
    /// As the gateway last asked the provider, so many seconds ago; 0 = it never did.
    double balance = 0;
    std::int64_t balance_age = 0;
    /// Of a channel with several keys (New API since 2025-07); 1 is none.
    int keys = 1;
    int dead_keys = 0;
};

struct DemoUser {
    std::int64_t id = 0;
    std::string name;
    std::string group;
    int role = 1;
    bool records_ip = false;  // New API writes a client's address only for users who asked for it
    std::int64_t remaining = 500'000'000'000;  // quota
    std::int64_t used = 0;                     // quota
};

/// An API key.
struct DemoToken {
    std::int64_t id = 0;
    std::string name;
    std::int64_t user = 0;
    double popularity = 1;
    std::int64_t remaining = 50'000'000'000;  // quota
    std::int64_t used = 0;                    // quota
    std::int64_t expires_in = 0;              // seconds; 0 = never
};

/// How big a made-up gateway is.
struct GatewayShape {
    int channels = 12;
    int tokens = 40;
    int models = 20;
    int users = 15;
    int groups = 2;
};

/// The objects of a gateway before they are rows. Ids count from 1 in each list.
struct DemoGateway {
    std::vector<DemoChannel> channels;
    std::vector<DemoModel> models;
    std::vector<DemoUser> users;
    std::vector<DemoToken> tokens;

    /// The gateway of the demo's story: twelve channels, at least two for each model but
    /// kLonelyModel.
    static DemoGateway of_story();
    /// One of any size, for tests and benchmarks: a few hot keys and models and a long tail. Every
    /// group can reach every model, over two channels or more where the shape has them. All numbers
    /// ≥ 1.
    static DemoGateway of_shape(const GatewayShape& shape);

    const DemoUser& owner(const DemoToken& token) const;
    double group_ratio(const std::string& group) const;
};

// Who plays in the story.
inline constexpr std::int64_t kFailingChannel = 3;  // azure-eu-1
inline constexpr std::int64_t kBurningChannel = 6;  // claude-aws: the leaked key's first victim
inline constexpr std::int64_t kLonelyChannel = 12;  // ollama-lab, the only one with kLonelyModel
inline constexpr const char* kLonelyModel = "llama3.3-70b";
inline constexpr const char* kLeakedToken = "ci-pipeline";
inline constexpr const char* kLeakedModel = "claude-sonnet-4-5";

/// Writes users, keys, channels, their abilities and a few options into the tables of
/// create_gateway(), as created at `now` (unix seconds). What looks like a secret says "demo" in
/// its text. Throws sync::GatewayError.
void fill_gateway(sync::GatewaySession& session, Flavour flavour, const DemoGateway& gateway,
                  std::int64_t now);

}  // namespace quotafuse::demo
