#include "daemon/demo/tables.h"

namespace quotafuse::demo {
namespace {

constexpr auto kOneApi = static_cast<unsigned>(Flavour::one_api);
constexpr auto k2025 = static_cast<unsigned>(Flavour::new_api_2025);
constexpr auto k2026 = static_cast<unsigned>(Flavour::new_api_2026);
constexpr auto kNewApi = k2025 | k2026;
constexpr auto kAll = kOneApi | kNewApi;

Table logs() {
    return {kAll,
            "logs",
            "`id`",
            {
                {kAll, "id", kSerial, ""},
                {kAll, "user_id", "bigint", ""},
                {kAll, "created_at", "bigint", ""},
                {kAll, "type", "bigint", ""},
                {kAll, "content", "longtext", ""},
                {kAll, "username", "varchar(191)", "DEFAULT ''"},
                {kAll, "token_name", "varchar(191)", "DEFAULT ''"},
                {kAll, "model_name", "varchar(191)", "DEFAULT ''"},
                {kAll, "quota", "bigint", "DEFAULT 0"},
                {kAll, "prompt_tokens", "bigint", "DEFAULT 0"},
                {kAll, "completion_tokens", "bigint", "DEFAULT 0"},
                {kNewApi, "use_time", "bigint", "DEFAULT 0"},
                {kOneApi | k2025, "is_stream", "boolean", "DEFAULT false"},
                {k2026, "is_stream", "boolean", ""},
                {kAll, "channel_id", "bigint", ""},
                {kOneApi, "request_id", "varchar(191)", "DEFAULT ''"},
                {kOneApi, "elapsed_time", "bigint", "DEFAULT 0"},
                {kOneApi, "system_prompt_reset", "boolean", "DEFAULT false"},
                {kNewApi, "channel_name", "longtext", ""},
                {kNewApi, "token_id", "bigint", "DEFAULT 0"},
                {kNewApi, "group", "varchar(191)", ""},
                {k2026, "ip", "varchar(191)", "DEFAULT ''"},
                {k2026, "request_id", "varchar(64)", "DEFAULT ''"},
                {k2026, "upstream_request_id", "varchar(128)", "DEFAULT ''"},
                {kNewApi, "other", "longtext", ""},
            },
            {
                {k2025, "idx_created_at_id", "`id`,`created_at`"},
                {k2026, "idx_created_at_id", "`created_at`,`id`"},
                {k2026, "idx_user_id_id", "`user_id`,`id`"},
                {k2026, "idx_logs_ip", "`ip`"},
                {k2026, "idx_logs_request_id", "`request_id`"},
                {k2026, "idx_logs_upstream_request_id", "`upstream_request_id`"},
                {kAll, "idx_logs_user_id", "`user_id`"},
                {kAll, "idx_created_at_type", "`created_at`,`type`"},
                {kNewApi, "idx_logs_username", "`username`"},
                {kAll, "index_username_model_name", "`model_name`,`username`"},
                {kAll, "idx_logs_token_name", "`token_name`"},
                {kAll, "idx_logs_model_name", "`model_name`"},
                {kAll, "idx_logs_channel_id", "`channel_id`"},
                {kNewApi, "idx_logs_token_id", "`token_id`"},
                {kNewApi, "idx_logs_group", "`group`"},
            }};
}

Table channels() {
    return {kAll,
            "channels",
            "`id`",
            {
                {kAll, "id", kSerial, ""},
                {kAll, "type", "bigint", "DEFAULT 0"},
                {kOneApi, "key", "text", ""},
                {kNewApi, "key", "longtext", "NOT NULL"},
                {kNewApi, "open_ai_organization", "longtext", ""},
                {kNewApi, "test_model", "longtext", ""},
                {kAll, "status", "bigint", "DEFAULT 1"},
                {kAll, "name", "varchar(191)", ""},
                {kAll, "weight", "bigint unsigned", "DEFAULT 0"},
                {kAll, "created_time", "bigint", ""},
                {kAll, "test_time", "bigint", ""},
                {kAll, "response_time", "bigint", ""},
                {kAll, "base_url", "varchar(191)", "DEFAULT ''"},
                {kAll, "other", "longtext", ""},
                {kAll, "balance", "double", ""},
                {kAll, "balance_updated_time", "bigint", ""},
                {kAll, "models", "longtext", ""},
                {kOneApi, "group", "varchar(32)", "DEFAULT 'default'"},
                {kNewApi, "group", "varchar(64)", "DEFAULT 'default'"},
                {kAll, "used_quota", "bigint", "DEFAULT 0"},
                {kOneApi, "model_mapping", "varchar(1024)", "DEFAULT ''"},
                {kNewApi, "model_mapping", "text", ""},
                {kNewApi, "status_code_mapping", "varchar(1024)", "DEFAULT ''"},
                {kAll, "priority", "bigint", "DEFAULT 0"},
                {kOneApi, "config", "longtext", ""},
                {kOneApi, "system_prompt", "text", ""},
                {kNewApi, "auto_ban", "bigint", "DEFAULT 1"},
                {kNewApi, "other_info", "longtext", ""},
                {kNewApi, "tag", "varchar(191)", ""},
                {kNewApi, "setting", "text", ""},
                {kNewApi, "param_override", "text", ""},
                {k2026, "header_override", "text", ""},
                {k2026, "remark", "varchar(255)", ""},
                {k2026, "channel_info", "json", ""},
                {k2026, "settings", "longtext", ""},
            },
            {
                {kAll, "idx_channels_name", "`name`"},
                {kNewApi, "idx_channels_tag", "`tag`"},
            }};
}

Table abilities() {
    return {kAll,
            "abilities",
            "`group`,`model`,`channel_id`",
            {
                {kOneApi, "group", "varchar(32)", ""},
                {kOneApi, "model", "varchar(191)", ""},
                {kNewApi, "group", "varchar(64)", ""},
                {kNewApi, "model", "varchar(255)", ""},
                {kAll, "channel_id", "bigint", ""},
                {kAll, "enabled", "boolean", ""},
                {kAll, "priority", "bigint", "DEFAULT 0"},
                {kNewApi, "weight", "bigint unsigned", "DEFAULT 0"},
                {kNewApi, "tag", "varchar(191)", ""},
            },
            {
                {kAll, "idx_abilities_channel_id", "`channel_id`"},
                {kAll, "idx_abilities_priority", "`priority`"},
                {kNewApi, "idx_abilities_weight", "`weight`"},
                {kNewApi, "idx_abilities_tag", "`tag`"},
            }};
}

Table tokens() {
    return {kAll,
            "tokens",
            "`id`",
            {
                {kAll, "id", kSerial, ""},
                {kAll, "user_id", "bigint", ""},
                {kOneApi | k2025, "key", "char(48)", ""},
                {k2026, "key", "varchar(128)", ""},
                {kAll, "status", "bigint", "DEFAULT 1"},
                {kAll, "name", "varchar(191)", ""},
                {kAll, "created_time", "bigint", ""},
                {kAll, "accessed_time", "bigint", ""},
                {kAll, "expired_time", "bigint", "DEFAULT -1"},
                {kAll, "remain_quota", "bigint", "DEFAULT 0"},
                {kOneApi | k2025, "unlimited_quota", "boolean", "DEFAULT false"},
                {k2025, "model_limits_enabled", "boolean", "DEFAULT false"},
                {k2025, "model_limits", "varchar(1024)", "DEFAULT ''"},
                {k2026, "unlimited_quota", "boolean", ""},
                {k2026, "model_limits_enabled", "boolean", ""},
                {k2026, "model_limits", "text", ""},
                {kNewApi, "allow_ips", "varchar(191)", "DEFAULT ''"},
                {kAll, "used_quota", "bigint", "DEFAULT 0"},
                {kOneApi, "models", "text", ""},
                {kOneApi, "subnet", "varchar(191)", "DEFAULT ''"},
                {kNewApi, "group", "varchar(191)", "DEFAULT ''"},
                {k2026, "cross_group_retry", "boolean", ""},
                {k2026, "auto_groups", "text", ""},
                {kNewApi, "deleted_at", "datetime(3)", ""},
            },
            {
                {kNewApi, "idx_tokens_user_id", "`user_id`"},
                {kAll, "idx_tokens_key", "`key`", true},
                {kAll, "idx_tokens_name", "`name`"},
                {kNewApi, "idx_tokens_deleted_at", "`deleted_at`"},
            }};
}

Table users() {
    return {kAll,
            "users",
            "`id`",
            {
                {kAll, "id", kSerial, ""},
                {kAll, "username", "varchar(191)", ""},
                {kAll, "password", "longtext", "NOT NULL"},
                {kAll, "display_name", "varchar(191)", ""},
                {kAll, "role", "bigint", "DEFAULT 1"},
                {kAll, "status", "bigint", "DEFAULT 1"},
                {kAll, "email", "varchar(191)", ""},
                {kAll, "github_id", "varchar(191)", ""},
                {kAll, "oidc_id", "varchar(191)", ""},
                {kAll, "wechat_id", "varchar(191)", ""},
                {kOneApi, "lark_id", "varchar(191)", ""},
                {kNewApi, "telegram_id", "varchar(191)", ""},
                {kAll, "access_token", "char(32)", ""},
                {kAll, "quota", "bigint", "DEFAULT 0"},
                {kAll, "used_quota", "bigint", "DEFAULT 0"},
                {kAll, "request_count", "bigint", "DEFAULT 0"},
                {kOneApi, "group", "varchar(32)", "DEFAULT 'default'"},
                {kNewApi, "group", "varchar(64)", "DEFAULT 'default'"},
                {kAll, "aff_code", "varchar(32)", ""},
                {kNewApi, "aff_count", "bigint", "DEFAULT 0"},
                {kNewApi, "aff_quota", "bigint", "DEFAULT 0"},
                {kNewApi, "aff_history", "bigint", "DEFAULT 0"},
                {kAll, "inviter_id", "bigint", ""},
                {kNewApi, "deleted_at", "datetime(3)", ""},
                {kNewApi, "linux_do_id", "varchar(191)", ""},
                {kNewApi, "setting", "text", ""},
                {k2026, "remark", "varchar(255)", ""},
                {k2026, "stripe_customer", "varchar(64)", ""},
                {k2026, "created_at", "bigint", ""},
                {k2026, "last_login_at", "bigint", "DEFAULT 0"},
                {k2026, "auth_version", "bigint", "NOT NULL DEFAULT 1"},
            },
            {
                {kAll, "uni_users_username", "`username`", true},
                {kAll, "idx_users_username", "`username`"},
                {kAll, "idx_users_display_name", "`display_name`"},
                {kAll, "idx_users_email", "`email`"},
                {kOneApi, "idx_users_git_hub_id", "`github_id`"},
                {kOneApi, "idx_users_we_chat_id", "`wechat_id`"},
                {kOneApi, "idx_users_lark_id", "`lark_id`"},
                {kOneApi, "idx_users_oidc_id", "`oidc_id`"},
                {kAll, "idx_users_access_token", "`access_token`", true},
                {kAll, "idx_users_aff_code", "`aff_code`", true},
                {kAll, "idx_users_inviter_id", "`inviter_id`"},
                {kNewApi, "idx_users_deleted_at", "`deleted_at`"},
            }};
}

Table options() {
    return {kAll,
            "options",
            "`key`",
            {
                {kAll, "key", "varchar(191)", ""},
                {kAll, "value", "longtext", ""},
            },
            {}};
}

Table quota_data() {
    return {kNewApi,
            "quota_data",
            "`id`",
            {
                {kNewApi, "id", kSerial, ""},
                {kNewApi, "user_id", "bigint", ""},
                {kNewApi, "username", "varchar(64)", "DEFAULT ''"},
                {kNewApi, "model_name", "varchar(64)", "DEFAULT ''"},
                {kNewApi, "created_at", "bigint", ""},
                {k2026, "use_group", "varchar(64)", "DEFAULT ''"},
                {k2026, "token_id", "bigint", "DEFAULT 0"},
                {k2026, "channel_id", "bigint", "DEFAULT 0"},
                {k2026, "node_name", "varchar(64)", "DEFAULT ''"},
                {kNewApi, "token_used", "bigint", "DEFAULT 0"},
                {kNewApi, "count", "bigint", "DEFAULT 0"},
                {kNewApi, "quota", "bigint", "DEFAULT 0"},
            },
            {
                {kNewApi, "idx_quota_data_user_id", "`user_id`"},
                {kNewApi, "idx_qdt_model_user_name", "`model_name`,`username`"},
                {kNewApi, "idx_qdt_created_at", "`created_at`"},
            }};
}

}  // namespace

const std::vector<Table>& gateway_tables() {
    static const std::vector<Table> kTables{logs(),  channels(), abilities(), tokens(),
                                            users(), options(),  quota_data()};
    return kTables;
}

}  // namespace quotafuse::demo
