#include "daemon/password.h"

#include <iostream>

#include <fmt/format.h>

#include "base/failure.h"
#include "base/text.h"
#include "daemon/commands/commands.h"
#include "daemon/questions.h"

namespace quotafuse::daemon {
namespace {

[[noreturn]] void refuse(const std::string& why) {
    throw base::Failure(base::ExitCode::usage, why);
}

std::string read_password() {
    if (!on_a_terminal()) {
        std::string line;
        if (!std::getline(std::cin, line)) refuse("there is no password on the standard input");
        if (line.ends_with('\r')) line.pop_back();
        return line;
    }
    const auto first = ask("Password of the status page: ", true);
    const auto second = first ? ask("Once more: ", true) : std::nullopt;
    if (!second) refuse("no password was typed");
    if (*first != *second) refuse("the two are not the same");
    return *first;
}

}  // namespace

int password_command(const Arguments&) {
    const auto password = read_password();
    if (base::count_code_points(base::valid_utf8(password)) < kShortestPassword)
        refuse(fmt::format("a password has at least {} characters", kShortestPassword));
    if (password.size() > kLongestPassword)
        refuse(fmt::format("a password has at most {} bytes", kLongestPassword));
    const auto hash = hash_password(password);
    std::cout << hash << '\n';  // alone, so that a script can take it
    std::cerr << fmt::format("For quotafuse.yaml, below status:\n  password: '{}'\n", hash);
    return 0;
}

}  // namespace quotafuse::daemon
