#include <cerrno>
#include <chrono>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/text.h"
#include "notifiers/child_process.h"
#include "notifiers/event_json.h"
#include "notifiers/providers.h"
#include "notifiers/safe_text.h"

// A program of the operator's own, started for each message without a shell. It gets the JSON of a
// webhook on stdin; of the environment PATH, LANG, QUOTAFUSE_EVENT_ID, QUOTAFUSE_KIND,
// QUOTAFUSE_SEVERITY and what `env` says, and nothing else. Exit code 0 means delivered, 75
// (EX_TEMPFAIL) try again later, any other one that it will never work. The first line of stderr
// says why; stdout goes nowhere.
namespace quotafuse::notifiers {
namespace {

using namespace std::chrono_literals;
using Kind = Outcome::Kind;
using End = ChildProcess::Result::End;

constexpr int kTemporaryFailure = 75;
constexpr int kTriesOfCrashes = 5;
constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct ExecSettings {
    std::vector<std::string> command;
    std::map<std::string, base::Secret> environment;
    std::chrono::milliseconds timeout{15s};
};

std::vector<std::string> secrets_of(const ExecSettings& settings) {
    std::vector<std::string> secrets;
    for (const auto& [name, value] : settings.environment) {
        if (may_be_secret(name, value.reveal())) secrets.push_back(value.reveal());
    }
    return secrets;
}

/// The system's, not the program's, fault: it may pass.
bool may_start_later(int error) {
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE ||
           error == ETXTBSY || error == ECANCELED;
}

class Exec final : public Provider {
public:
    explicit Exec(ExecSettings settings)
        : settings_(std::move(settings)), safe_(secrets_of(settings_)) {}

    Outcome send(const Mail& mail) override {
        const auto event = event_json(mail);
        return judge(child_.run(settings_.command, environment(event), event, settings_.timeout));
    }
    void interrupt() noexcept override { child_.interrupt(); }

private:
    std::map<std::string, std::string> environment(const std::string& event) const {
        const auto json = nlohmann::json::parse(event);
        std::map<std::string, std::string> variables = {
            {"PATH", kPath},
            {"LANG", "C.UTF-8"},
            {"QUOTAFUSE_EVENT_ID", json.at("event_id")},
            {"QUOTAFUSE_KIND", json.at("kind")},
            {"QUOTAFUSE_SEVERITY", json.at("severity")},
        };
        for (const auto& [name, value] : settings_.environment) variables[name] = value.reveal();
        return variables;
    }

    Outcome judge(const ChildProcess::Result& result) const {
        Outcome outcome;
        switch (result.end) {
            case End::exited:
                return exited(result);
            case End::signalled:
                outcome.kind = Kind::ambiguous;
                outcome.why = why(result, fmt::format("ended by signal {}", result.code));
                outcome.most_attempts = kTriesOfCrashes;
                return outcome;
            case End::timed_out:
                outcome.kind = Kind::ambiguous;
                outcome.why =
                    fmt::format("did not end within {} s and was stopped",
                                std::chrono::ceil<std::chrono::seconds>(settings_.timeout).count());
                outcome.advice = "give it more time with `timeout`, or see what it waits for";
                return for_a_day(std::move(outcome));
            case End::interrupted:
                outcome.kind = Kind::ambiguous;
                outcome.why = "interrupted, the program stops";
                return outcome;
            case End::not_started:
                break;
        }
        outcome.kind = may_start_later(result.code) ? Kind::transient : Kind::permanent;
        outcome.why = fmt::format("{} cannot be started: {}", settings_.command.front(),
                                  std::strerror(result.code));
        if (outcome.kind == Kind::permanent)
            outcome.advice =
                "check that the service's user may execute it, and that it begins with #! if it is "
                "a script";
        return outcome;
    }

    Outcome exited(const ChildProcess::Result& result) const {
        Outcome outcome;
        if (result.code == 0) return outcome;
        outcome.kind = result.code == kTemporaryFailure ? Kind::transient : Kind::permanent;
        outcome.why = why(result, fmt::format("exit code {}", result.code));
        outcome.of_this_text = outcome.kind == Kind::permanent;  // for all that is known
        if (outcome.kind == Kind::permanent)
            outcome.advice =
                "the program says that this will never work; with exit code 75 it would be tried "
                "again";
        return outcome;
    }

    /// The first line that it wrote, behind how it ended.
    std::string why(const ChildProcess::Result& result, std::string ended) const {
        const auto errors = base::trim(result.errors);
        const auto line = base::trim(errors.substr(0, errors.find('\n')));
        return safe_(line.empty() ? ended : fmt::format("{}: {}", ended, line));
    }

    ExecSettings settings_;
    ChildProcess child_;
    SafeText safe_;
};

class ExecRecipe final : public Recipe {
public:
    explicit ExecRecipe(ExecSettings settings) : settings_(std::move(settings)) {}

    std::unique_ptr<Provider> make(const Tools&) const override {
        return std::make_unique<Exec>(settings_);
    }
    Pace pace() const override { return {robot_of(settings_.command.front())}; }
    std::vector<std::string> secrets() const override { return secrets_of(settings_); }
    std::string route() const override {
        return fmt::format("by the program {}", settings_.command.front());
    }

private:
    ExecSettings settings_;
};

std::vector<std::string> read_command(EntryReader& entry) {
    if (entry.map().require("command") == nullptr) return {};
    const auto command = entry.map().texts("command").value_or(std::vector<std::string>{});
    if (command.empty() || !command.front().starts_with('/')) {
        entry.error(entry.place_of("command"),
                    "command must be a list: the program with its whole path, then its arguments");
    } else if (::access(command.front().c_str(), X_OK) != 0) {
        entry.error(entry.place_of("command"),
                    fmt::format("the program '{}' cannot be executed: {}", command.front(),
                                std::strerror(errno)));
    }
    return command;
}

std::map<std::string, base::Secret> read_environment(EntryReader& entry) {
    using Node = base::yaml::Node;
    std::map<std::string, base::Secret> environment;
    const auto* const map = entry.map().find("env");
    if (map == nullptr) return environment;
    if (map->kind != Node::Kind::map) {
        entry.error(map->place, "env must be a map of names and texts");
        return environment;
    }
    for (const auto& [name, name_place, value] : map->members) {
        if (name.empty() || name.find_first_of("=\n") != std::string::npos)
            entry.error(name_place, "env has a name that no variable can have");
        if (value.kind != Node::Kind::scalar)
            entry.error(value.place, fmt::format("the variable {} must be a text", name));
        environment[name] = base::Secret{value.text};
    }
    return environment;
}

}  // namespace

std::shared_ptr<const Recipe> read_exec(EntryReader& entry) {
    ExecSettings settings;
    settings.command = read_command(entry);
    settings.environment = read_environment(entry);
    settings.timeout = entry.map().duration("timeout", 1s, 300s).value_or(15s);
    return std::make_shared<ExecRecipe>(std::move(settings));
}

}  // namespace quotafuse::notifiers
