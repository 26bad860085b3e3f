#include "daemon/config_values.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <sys/stat.h>

namespace quotafuse::daemon {
namespace {

using base::yaml::Node;

class Filler {
public:
    Filler(const std::string& file, const base::Environment& environment,
           base::yaml::Diagnostics& diagnostics)
        : file_(file), environment_(environment), diagnostics_(diagnostics) {}

    void fill(Node& node) {
        if (node.kind == Node::Kind::scalar) {
            expand(node);
        } else if (node.kind == Node::Kind::map && node.members.size() == 1 &&
                   node.members[0].key == "file") {
            expand(node.members[0].value);
            read_secret(node);
        }
        for (auto& item : node.items) fill(item);
        for (auto& member : node.members) fill(member.value);
    }

private:
    void expand(Node& node) {
        if (node.text.find('$') == std::string::npos) return;
        auto expanded = base::expand(node.text, environment_);
        if (!expanded.error.empty()) diagnostics_.error(file_, node.place, expanded.error);
        node.text = std::move(expanded.text);
    }

    void read_secret(Node& node) {
        const auto path = locate(node.members[0].value.text);
        const auto place = node.members[0].value.place;
        node.members.clear();
        node.kind = Node::Kind::scalar;
        node.quoted = true;
        struct stat st {};
        std::ifstream in{path, std::ios::binary};
        std::ostringstream text;
        if (::stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode) || !in) {
            diagnostics_.error(file_, place,
                               fmt::format("the secret file {} cannot be read", path));
            return;
        }
        if ((st.st_mode & S_IROTH) != 0) {
            diagnostics_.error(
                file_, place,
                fmt::format("the secret file {} can be read by everybody; chmod 0640 it", path));
        }
        text << in.rdbuf();
        node.text = text.str();
        if (node.text.ends_with('\n')) node.text.pop_back();
        if (node.text.ends_with('\r')) node.text.pop_back();
    }

    std::string locate(const std::string& name) const {
        if (const auto folder = environment_.get("CREDENTIALS_DIRECTORY")) {
            const auto credential = std::filesystem::path{*folder} / name;
            std::error_code error;
            if (name.find('/') == std::string::npos && std::filesystem::exists(credential, error))
                return credential;
        }
        return std::filesystem::path{file_}.parent_path() / name;
    }

    const std::string& file_;
    const base::Environment& environment_;
    base::yaml::Diagnostics& diagnostics_;
};

}  // namespace

void fill_in_values(Node& node, const std::string& config_file,
                    const base::Environment& environment, base::yaml::Diagnostics& diagnostics) {
    Filler{config_file, environment, diagnostics}.fill(node);
}

std::string from_environment(const base::Environment& environment) {
    const auto has = [&](const std::string& name) {
        return !environment.get(name).value_or("").empty();
    };
    std::string text =
        fmt::format("source: {{dsn: \"${{{}:-}}\", log_dsn: \"${{LOG_SQL_DSN:-}}\"}}\nnotifiers:\n",
                    has("SQL_DSN") ? "SQL_DSN" : "DATABASE_URL");
    if (has("TELEGRAM_BOT_TOKEN"))
        text +=
            "  telegram: {type: telegram, bot_token: \"${TELEGRAM_BOT_TOKEN}\", chat_id: "
            "\"${TELEGRAM_CHAT_ID:-}\"}\n";
    if (has("FEISHU_WEBHOOK"))
        text +=
            "  feishu: {type: feishu, webhook: \"${FEISHU_WEBHOOK}\", secret: "
            "\"${FEISHU_SECRET:-}\"}\n";
    if (has("WECOM_WEBHOOK")) text += "  wecom: {type: wecom, webhook: \"${WECOM_WEBHOOK}\"}\n";
    if (has("DINGTALK_WEBHOOK"))
        text +=
            "  dingtalk: {type: dingtalk, webhook: \"${DINGTALK_WEBHOOK}\", secret: "
            "\"${DINGTALK_SECRET:-}\"}\n";
    return text;
}

}  // namespace quotafuse::daemon
