#include "daemon/demo/gateway.h"

namespace quotafuse::demo {
namespace {

std::vector<DemoModel> story_models() {
    using enum ModelKind;
    // popularity, ratio, completion ratio, prompt, completion, first token in ms, tokens per second
    return {
        {"gpt-4o-mini", chat, 24, 0.075, 4, 1200, 250, 380, 110},
        {"gpt-4o", chat, 18, 1.25, 4, 1800, 420, 520, 80},
        {"gpt-4.1", chat, 9, 1, 4, 2600, 500, 610, 75},
        {"text-embedding-3-small", embedding, 6, 0.01, 1, 700, 0, 120, 0},
        {kLeakedModel, claude, 11, 1.5, 5, 3200, 600, 950, 65},
        {"claude-haiku-4-5", claude, 6, 0.5, 5, 1500, 300, 480, 140},
        {"gemini-2.5-flash", chat, 8, 0.15, 8.33, 1700, 350, 420, 180},
        {"gemini-2.5-pro", chat, 4, 0.625, 8, 4200, 900, 2400, 90},
        {"deepseek-chat", chat, 7, 0.135, 4.07, 1400, 400, 900, 45},
        {"deepseek-reasoner", chat, 3, 0.275, 3.98, 1600, 1800, 1300, 40},
        {"qwen3-235b-a22b", chat, 4, 0.1, 4, 1300, 500, 800, 55},
        {kLonelyModel, chat, 9, 0.05, 1, 900, 300, 300, 35},
        {"sora-2", task, 0.3, 0.8, 1, 0, 0, 0, 0},
    };
}

std::vector<DemoChannel> story_channels() {
    const std::vector<std::string> all{"default", "vip"};
    const std::vector<std::string> gpt{"gpt-4o-mini", "gpt-4o", "gpt-4.1"};
    const std::vector<std::string> openai{"gpt-4o-mini", "gpt-4o", "gpt-4.1",
                                          "text-embedding-3-small", "sora-2"};
    const std::vector<std::string> claude{kLeakedModel, "claude-haiku-4-5"};
    const std::vector<std::string> gemini{"gemini-2.5-flash", "gemini-2.5-pro"};
    const std::vector<std::string> deepseek{"deepseek-chat", "deepseek-reasoner"};
    constexpr std::int64_t kHour = 3600;
    // type, priority, weight. A channel of the lower priority receives only retries. Some have a
    // balance: of openai-backup nobody has asked for long, siliconflow has little left.
    return {
        {1, "openai-main", 1, 10, 20, all, openai},
        {2, "openai-backup", 1, 0, 10, all, openai, 1, 412.5, 480 * kHour},
        {kFailingChannel, "azure-eu-1", 3, 10, 60, all, gpt},
        {4, "azure-us-1", 3, 10, 30, all, gpt},
        {5, "claude-direct", 14, 0, 10, all, claude},
        {kBurningChannel, "claude-aws", 33, 10, 30, all, claude},
        {7, "gemini-vertex", 41, 10, 30, all, gemini},
        {8, "gemini-studio", 24, 10, 10, all, gemini, 1, 0, 0, 3, 1},
        {9, "deepseek-main", 43, 10, 20, all, deepseek, 1, 846.2, kHour},
        {10, "deepseek-volc", 45, 10, 20, all, deepseek},
        {11, "siliconflow", 40, 10, 10, all, {"qwen3-235b-a22b", "deepseek-chat"}, 1, 3.2, kHour},
        {kLonelyChannel, "ollama-lab", 4, 10, 10, all, {"qwen3-235b-a22b", kLonelyModel}},
    };
}

std::vector<DemoUser> story_users() {
    return {
        {1, "root", "default", 100, true, 1'000'000'000},
        {2, "platform", "vip", 1, true, 1'500'000'000},
        {3, "alice", "default", 1, false, 250'000'000},
        {4, "bob", "default", 1, false, 250'000'000},
        {5, "小林", "default", 1, true, 150'000'000},
        {6, "data-team", "vip", 1, false, 500'000'000},
        {7, "support-bot", "default", 1, false, 105'000'000, 40'000'000},
    };
}

std::vector<DemoToken> story_tokens() {
    return {
        {1, "prod-web", 2, 30, 600'000'000},
        {2, "prod-batch", 2, 18, 400'000'000},
        {3, kLeakedToken, 2, 3, 400'000'000},
        {4, "alice-laptop", 3, 5, 100'000'000},
        {5, "bob-cursor", 4, 8, 100'000'000},
        {6, "小林的脚本", 5, 4, 100'000'000},
        {7, "notebooks", 6, 6, 150'000'000},
        {8, "nightly-eval", 6, 4, 24'000'000, 48'000'000},
        {9, "helpdesk", 7, 12, 105'000'000, 40'000'000},
        {10, "playground", 3, 1, 9'000'000, 0, 2 * 86'400},
    };
}

}  // namespace

DemoGateway DemoGateway::of_story() {
    return {story_channels(), story_models(), story_users(), story_tokens()};
}

}  // namespace quotafuse::demo
