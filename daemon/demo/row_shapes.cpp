#include "daemon/demo/row_shapes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "daemon/demo/json_text.h"

namespace quotafuse::demo {
namespace {

constexpr double kQuotaPerUsd = 500'000;
constexpr const char* kChannelTest = "模型测试";

/// New API names the channels of a request as texts: ["3","5"].
std::string channel_list(const std::vector<std::int64_t>& channels) {
    return fmt::format("[\"{}\"]", fmt::join(channels, "\",\""));
}

std::string admin_info(const std::vector<std::int64_t>& tried) {
    return JsonText{}.raw("use_channel", channel_list(tried)).object();
}

double cache_ratio_of(const DemoModel& model) {
    return model.kind == ModelKind::claude ? 0.1 : 0.5;
}

}  // namespace

struct RowShapes::Usage {
    std::int64_t prompt = 0;
    std::int64_t completion = 0;
    std::int64_t cached = 0;
    std::int64_t quota = 0;
    std::int64_t first_token_ms = -1000;  // "not measured"
    std::int64_t total_ms = 0;
};

const std::vector<Failure>& everyday_failures() {
    static const std::vector<Failure> kFailures{
        kOverloaded,
        {500, "new_api_error", "do_request_failed",
         "do request failed: Post \"https://***.com/***\": context deadline exceeded"},
        {502, "new_api_error", "bad_response_status_code", "bad response status code 502"},
        {400, "openai_error", "context_length_exceeded",
         "This model's maximum context length is 128000 tokens. However, your messages resulted in "
         "131072 tokens."},
        {400, "claude_error", "invalid_request_error",
         "messages.0.content: <text> & images cannot be empty"},
        {404, "openai_error", "model_not_found",
         "The model does not exist or you do not have access to it."},
    };
    return kFailures;
}

bool RowShapes::chance(double probability) {
    return std::bernoulli_distribution{probability}(random_);
}

double RowShapes::spread(double sigma) {
    return std::lognormal_distribution<double>{0, sigma}(random_);
}

std::string RowShapes::request_id(std::int64_t at) {
    static constexpr std::string_view kLetters =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    auto bits = random_();
    auto id = fmt::format("{:%Y%m%d%H%M%S}{:09}", fmt::gmtime(static_cast<std::time_t>(at)),
                          bits % 1'000'000'000);
    for (int i = 0; i < 8; ++i, bits /= kLetters.size()) id += kLetters[bits % kLetters.size()];
    return id;
}

const DemoChannel& RowShapes::channel(std::int64_t id) const {
    return gateway_.channels.at(static_cast<std::size_t>(id - 1));
}

std::string RowShapes::ip_of(const DemoUser& user) const {
    return user.records_ip ? fmt::format("203.0.113.{}", user.id % 250 + 1) : "";
}

std::string RowShapes::route_of(const Request& request) const {
    switch (request.model->kind) {
        case ModelKind::chat:
            return "/v1/chat/completions";
        case ModelKind::claude:
            return request.token->id % 2 == 0 ? "/v1/chat/completions" : "/v1/messages";
        case ModelKind::embedding:
            return "/v1/embeddings";
        case ModelKind::task:
            return "/v1/videos";
    }
    std::abort();
}

LogInsert RowShapes::row_of(const Request& request, std::int64_t type) {
    const auto& owner = gateway_.owner(*request.token);
    LogInsert row;
    row.user_id = owner.id;
    row.created_at = request.at;
    row.type = type;
    row.content = "";
    row.username = owner.name;
    row.token_name = request.token->name;
    row.token_id = request.token->id;
    row.model_name = request.model->name;
    row.group = owner.group;
    row.channel_id = request.tried.back();
    row.is_stream = request.stream ? 1 : 0;
    row.ip = ip_of(owner);
    row.request_id = request.id;
    row.upstream_request_id = "";
    row.quota = row.prompt_tokens = row.completion_tokens = row.use_time = row.elapsed_time = 0;
    return row;
}

RowShapes::Usage RowShapes::usage_of(const Request& request) {
    const auto& model = *request.model;
    const auto tokens = [&](int typical, double sigma) {
        return std::llround(typical * request.size * spread(sigma));
    };
    Usage usage;
    usage.prompt = std::max(1LL, tokens(model.prompt_tokens, 0.7));
    usage.completion =
        model.completion_tokens > 0 ? std::max(1LL, tokens(model.completion_tokens, 0.6)) : 0;
    if (model.kind != ModelKind::embedding && chance(0.4)) usage.cached = usage.prompt / 2;
    // Anthropic's prompt is what the cache did not hold; everybody else's is all of it.
    const auto fresh = static_cast<double>(usage.prompt - usage.cached);
    if (model.kind == ModelKind::claude) usage.prompt -= usage.cached;
    const auto weighted = fresh + static_cast<double>(usage.cached) * cache_ratio_of(model) +
                          static_cast<double>(usage.completion) * model.completion_ratio;
    const auto group_ratio = gateway_.group_ratio(gateway_.owner(*request.token).group);
    usage.quota = std::max(1LL, std::llround(weighted * model.ratio * group_ratio));

    const auto first_ms = request.waited_ms + std::llround(model.first_token_ms * spread(0.35));
    if (request.stream) usage.first_token_ms = first_ms;
    const auto writing = model.tokens_per_second > 0 ? static_cast<double>(usage.completion) *
                                                           1000 / model.tokens_per_second
                                                     : 0;
    usage.total_ms = first_ms + std::llround(writing * spread(0.2));
    return usage;
}

std::string RowShapes::stream_status() {
    const auto ended = [](std::string_view reason, std::string_view status) {
        return JsonText{}.text("end_reason", reason).text("status", status).object();
    };
    if (chance(0.015)) return ended("client_gone", "error");
    if (chance(0.005)) return ended("timeout", "error");
    return ended("done", "ok");
}

std::string RowShapes::consume_other(const Request& request, const Usage& usage) {
    const auto& model = *request.model;
    const bool claude = model.kind == ModelKind::claude;
    const bool newest = flavour_ == Flavour::new_api_2026;
    JsonText other;  // keys in the order of Go's maps: sorted
    other.raw("admin_info", admin_info(request.tried));
    if (newest) other.text("billing_source", "wallet");
    other.number("cache_ratio", cache_ratio_of(model)).number("cache_tokens", usage.cached);
    if (claude) other.flag("claude", true);
    other.number("completion_ratio", model.completion_ratio)
        .number("frt", usage.first_token_ms)
        .number("group_ratio", gateway_.group_ratio(gateway_.owner(*request.token).group))
        .number("model_price", -1)
        .number("model_ratio", model.ratio);
    if (!newest) return other.object();
    other
        .raw("request_conversion",
             claude ? R"(["OpenAI Compatible","Claude Messages"])" : R"(["OpenAI Compatible"])")
        .text("request_path", route_of(request));
    if (request.stream) other.raw("stream_status", stream_status());
    if (claude) other.text("usage_semantic", "anthropic");
    return other.number("user_group_ratio", -1).object();
}

LogInsert RowShapes::consume(const Request& request) {
    const auto usage = usage_of(request);
    auto row = row_of(request, log_type::kConsume);
    row.quota = usage.quota;
    row.prompt_tokens = usage.prompt;
    row.completion_tokens = usage.completion;
    row.use_time = usage.total_ms / 1000;
    row.elapsed_time = usage.total_ms;
    if (flavour_ != Flavour::new_api_2026) {
        row.content =
            fmt::format("模型倍率 {:.2f}，补全倍率 {:.2f}，分组倍率 {:.2f}", request.model->ratio,
                        request.model->completion_ratio, gateway_.group_ratio(*row.group));
    }
    row.other = consume_other(request, usage);
    return row;
}

std::string RowShapes::error_other(const Request& request, const Failure& failure) {
    const auto& failed = channel(request.tried.back());
    JsonText other;
    const bool newest = flavour_ == Flavour::new_api_2026;
    if (newest) other.raw("admin_info", admin_info(request.tried));
    other.number("channel_id", failed.id)
        .text("channel_name", failed.name)
        .number("channel_type", failed.type)
        .text("error_code", failure.code)
        .text("error_type", failure.type);
    if (newest) other.text("request_path", route_of(request));
    return other.number("status_code", failure.status).object();
}

LogInsert RowShapes::error(const Request& request, const Failure& failure) {
    auto row = row_of(request, log_type::kErrorOrTest);
    row.content = flavour_ == Flavour::new_api_2026
                      ? fmt::format("status_code={}, {}", failure.status, failure.content)
                      : std::string{failure.content};
    if (flavour_ == Flavour::new_api_2026) row.use_time = request.waited_ms / 1000;
    row.other = error_other(request, failure);
    return row;
}

LogInsert RowShapes::task(const Request& request) {
    auto row = row_of(request, log_type::kConsume);
    const auto group_ratio = gateway_.group_ratio(*row.group);
    row.quota = std::llround(request.model->ratio * group_ratio * kQuotaPerUsd);
    row.is_stream = 0;
    row.content = "操作 generate";
    JsonText other;
    other.raw("admin_info", admin_info(request.tried)).number("group_ratio", group_ratio);
    if (flavour_ == Flavour::new_api_2026) other.flag("is_task", true);
    other.number("model_price", request.model->ratio);
    if (flavour_ == Flavour::new_api_2026) other.text("request_path", route_of(request));
    row.other = other.object();
    return row;
}

LogInsert RowShapes::refund(const LogInsert& task, std::int64_t at) {
    auto row = task;
    row.created_at = at;
    row.type = log_type::kRefund;
    row.content = "";
    row.request_id = "";
    row.other = JsonText{}
                    .flag("is_task", true)
                    .number("pre_consumed_quota", task.quota.value_or(0))
                    .text("reason", "task failed: content policy")
                    .text("task_id", fmt::format("task_{}", random_() % 1'000'000'000))
                    .object();
    return row;
}

LogInsert RowShapes::channel_test(std::int64_t at, const DemoChannel& channel) {
    const auto ms = std::llround(600 * spread(0.4));
    auto row = note(at, gateway_.users.front(), log_type::kConsume, kChannelTest);
    row.channel_id = channel.id;
    row.model_name = channel.models.front();
    row.elapsed_time = ms;
    if (flavour_ == Flavour::one_api) {
        row.type = log_type::kErrorOrTest;
        row.user_id = 0;
        row.username = "";
        row.content = fmt::format("渠道 {} 测试成功，响应：Hi!", channel.name);
        return row;
    }
    row.token_name = kChannelTest;
    row.quota = 3;
    row.prompt_tokens = 8;
    row.completion_tokens = 9;
    row.use_time = ms / 1000;
    row.other =
        R"({"completion_ratio":4,"frt":-1000,"group_ratio":1,"model_price":-1,"model_ratio":1})";
    return row;
}

LogInsert RowShapes::failed_channel_test(std::int64_t at, const DemoChannel& channel,
                                         const Failure& failure) {
    auto row = channel_test(at, channel);
    row.type = log_type::kErrorOrTest;
    row.quota = row.prompt_tokens = row.completion_tokens = 0;
    if (flavour_ == Flavour::one_api) {
        row.content = fmt::format("渠道 {} 测试失败，错误：{}", channel.name, failure.content);
        return row;
    }
    const Request test{.at = at,
                       .token = &gateway_.tokens.front(),
                       .model = &gateway_.models.front(),
                       .tried = {channel.id},
                       .id = ""};
    row.token_name = "";
    row.content = std::string{failure.content};
    row.other = error_other(test, failure);
    return row;
}

LogInsert RowShapes::note(std::int64_t at, const DemoUser& user, std::int64_t type,
                          std::string content) {
    LogInsert row;
    row.user_id = user.id;
    row.username = user.name;
    row.created_at = at;
    row.type = type;
    row.content = std::move(content);
    row.token_name = row.model_name = row.group = row.ip = row.request_id =
        row.upstream_request_id = row.other = "";
    row.quota = row.prompt_tokens = row.completion_tokens = row.use_time = row.elapsed_time = 0;
    row.is_stream = row.channel_id = row.token_id = 0;
    return row;
}

LogInsert RowShapes::top_up(std::int64_t at, const DemoUser& user) {
    auto row =
        note(at, user, log_type::kTopUp,
             fmt::format("通过兑换码充值 ＄{:.6f} 额度，兑换码ID {}", 10.0, 1 + random_() % 500));
    row.ip = ip_of(user);
    if (flavour_ == Flavour::one_api) row.quota = std::llround(10 * kQuotaPerUsd);
    return row;
}

LogInsert RowShapes::manage(std::int64_t at, const DemoUser& user) {
    auto row = note(at, user, log_type::kManage, "管理员增加用户额度 ＄5.000000 额度");
    if (flavour_ == Flavour::new_api_2026) {
        row.other = R"({"admin_info":{"admin_id":1,"admin_username":"root"},"op":"quota_add"})";
    }
    return row;
}

LogInsert RowShapes::system(std::int64_t at, const DemoUser& user) {
    return note(at, user, log_type::kSystem, "新用户注册赠送 ＄0.200000 额度");
}

LogInsert RowShapes::login(std::int64_t at, const DemoUser& user) {
    auto row = note(at, user, log_type::kLogin, "登录成功");
    row.ip = fmt::format("198.51.100.{}", user.id % 250 + 1);
    return row;
}

}  // namespace quotafuse::demo
