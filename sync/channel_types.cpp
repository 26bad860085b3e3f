#include "sync/channel_types.h"

#include <array>
#include <cstdlib>
#include <span>

namespace quotafuse::sync {
namespace {

constexpr std::array<std::string_view, 61> kNewApi{
    // clang-format off
    "",           "OpenAI",     "Midjourney",     "Azure",       "Ollama",       "MidjourneyPlus",
    "OpenAIMax",  "OhMyGPT",    "Custom",         "AILS",        "AIProxy",      "PaLM",
    "API2GPT",    "AIGC2D",     "Anthropic",      "Baidu",       "Zhipu",        "Ali",
    "Xunfei",     "360",        "OpenRouter",     "AIProxyLibrary", "FastGPT",   "Tencent",
    "Gemini",     "Moonshot",   "ZhipuV4",        "Perplexity",  "",             "",
    "",           "LingYiWanWu", "",              "AWS",         "Cohere",       "MiniMax",
    "SunoAPI",    "Dify",       "Jina",           "Cloudflare",  "SiliconFlow",  "VertexAI",
    "Mistral",    "DeepSeek",   "MokaAI",         "VolcEngine",  "BaiduV2",      "Xinference",
    "xAI",        "Coze",       "Kling",          "Jimeng",      "Vidu",         "Submodel",
    "DoubaoVideo", "Sora",      "Replicate",      "Codex",       "AdvancedCustom", "Sub2API",
    "NewAPI",
    // clang-format on
};

constexpr std::array<std::string_view, 52> kOneApi{
    // clang-format off
    "",           "OpenAI",     "API2D",          "Azure",       "CloseAI",      "OpenAISB",
    "OpenAIMax",  "OhMyGPT",    "Custom",         "AILS",        "AIProxy",      "PaLM",
    "API2GPT",    "AIGC2D",     "Anthropic",      "Baidu",       "Zhipu",        "Ali",
    "Xunfei",     "360",        "OpenRouter",     "AIProxyLibrary", "FastGPT",   "Tencent",
    "Gemini",     "Moonshot",   "Baichuan",       "MiniMax",     "Mistral",      "Groq",
    "Ollama",     "LingYiWanWu", "StepFun",       "AWS",         "Coze",         "Cohere",
    "DeepSeek",   "Cloudflare", "DeepL",          "TogetherAI",  "Doubao",       "Novita",
    "VertexAI",   "Proxy",      "SiliconFlow",    "xAI",         "Replicate",    "BaiduV2",
    "XunfeiV2",   "AliBailian", "OpenAICompatible", "GeminiOpenAICompatible",
    // clang-format on
};

std::span<const std::string_view> names_of(Gateway gateway) {
    switch (gateway) {
        case Gateway::new_api:
            return kNewApi;
        case Gateway::one_api:
            return kOneApi;
    }
    std::abort();
}

}  // namespace

std::string_view channel_type_name(Gateway gateway, int type) {
    const auto names = names_of(gateway);
    const auto at = static_cast<std::size_t>(type);
    return type >= 0 && at < names.size() ? names[at] : std::string_view{};
}

}  // namespace quotafuse::sync
