#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace quotafuse::base {

/// The variables that a configuration may name. A value, so that tests need not change the process.
class Environment {
public:
    Environment() = default;
    explicit Environment(std::map<std::string, std::string> values) : values_(std::move(values)) {}
    /// That of this process.
    static Environment of_process();

    std::optional<std::string> get(const std::string& name) const;
    /// Adds KEY=VALUE lines of a file in systemd's EnvironmentFile= form (comments, blank lines,
    /// one pair of quotes around a value, the last of two equal names counts). What is already set
    /// wins. A missing file adds nothing; one that cannot be read or parsed throws Failure(config)
    /// with file:line.
    void add_file(const std::string& path);

private:
    std::map<std::string, std::string> values_;
};

/// What became of a text with ${NAME} and ${NAME:-default} in it. "$$" is a dollar sign.
struct Expanded {
    std::string text;
    std::string error;  // empty when all is well: "SQL_DSN is not set"
};
/// An unset or empty ${NAME} is an error; ${NAME:-x} then stands for x, which may be empty.
Expanded expand(std::string_view text, const Environment& environment);

}  // namespace quotafuse::base
