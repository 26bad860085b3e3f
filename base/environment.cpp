#include "base/environment.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/text.h"

namespace quotafuse::base {
namespace {

std::string unquote(std::string_view value) {
    const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                        value.back() == value.front();
    return std::string{quoted ? value.substr(1, value.size() - 2) : value};
}

bool is_name(std::string_view name) {
    constexpr std::string_view kLetters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return !name.empty() && name.find_first_not_of(kLetters) == std::string_view::npos &&
           (name.front() < '0' || name.front() > '9');
}

}  // namespace

Environment Environment::of_process() {
    std::map<std::string, std::string> values;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view line{*entry};
        const auto equals = line.find('=');
        if (equals != std::string_view::npos) {
            values.emplace(line.substr(0, equals), line.substr(equals + 1));
        }
    }
    return Environment{std::move(values)};
}

std::optional<std::string> Environment::get(const std::string& name) const {
    const auto at = values_.find(name);
    if (at == values_.end()) return std::nullopt;
    return at->second;
}

void Environment::add_file(const std::string& path) {
    if (::access(path.c_str(), F_OK) != 0) return;
    std::ifstream in{path};
    if (!in) throw Failure(ExitCode::config, fmt::format("{}: {}", path, std::strerror(errno)));
    std::map<std::string, std::string> found;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        const auto text = trim(line);
        if (text.empty() || text.front() == '#' || text.front() == ';') continue;
        const auto equals = text.find('=');
        if (equals == std::string_view::npos || !is_name(text.substr(0, equals))) {
            throw Failure(
                ExitCode::config,
                fmt::format("{}:{}:1: expected NAME=value (no 'export', no space before =)", path,
                            number));
        }
        found[std::string{text.substr(0, equals)}] = unquote(trim(text.substr(equals + 1)));
    }
    values_.merge(found);  // what is set already stays
}

Expanded expand(std::string_view text, const Environment& environment) {
    Expanded result;
    for (std::size_t i = 0; i < text.size();) {
        if (text.substr(i).starts_with("$$")) {
            result.text += '$';
            i += 2;
        } else if (text.substr(i).starts_with("${")) {
            const auto end = text.find('}', i);
            const auto inside =
                text.substr(i + 2, end == std::string_view::npos ? end : end - i - 2);
            const auto split_at = inside.find(":-");
            const auto name = inside.substr(0, split_at);
            if (end == std::string_view::npos || !is_name(name)) {
                result.error =
                    "a ${ must be followed by NAME} or NAME:-default} ($$ is a plain dollar sign)";
                return result;
            }
            const auto value = environment.get(std::string{name}).value_or("");
            if (!value.empty()) {
                result.text += value;
            } else if (split_at != std::string_view::npos) {
                result.text += inside.substr(split_at + 2);
            } else {
                result.error = fmt::format(
                    "environment variable {} is not set or empty (${{{}:-}} would allow it)", name,
                    name);
                return result;
            }
            i = end + 1;
        } else {
            result.text += text[i++];
        }
    }
    return result;
}

}  // namespace quotafuse::base
