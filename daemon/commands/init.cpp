#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

#include "alerts/replay.h"
#include "base/duration.h"
#include "base/failure.h"
#include "base/lock_file.h"
#include "base/text.h"
#include "daemon/builtin_config.h"
#include "daemon/builtin_rules.h"
#include "daemon/commands/commands.h"
#include "daemon/engine_file.h"
#include "daemon/progress_line.h"
#include "daemon/questions.h"
#include "daemon/replay_report.h"
#include "daemon/schemas.h"
#include "daemon/secrets_file.h"
#include "daemon/setup_files.h"
#include "daemon/tuned_rules.h"
#include "sync/gateway_session.h"
#include "sync/gauges.h"
#include "sync/history.h"
#include "sync/info_reader.h"
#include "sync/log_source.h"
#include "sync/store.h"

namespace quotafuse::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kMonth{30 * 24};
constexpr auto kDefaultStore = "/var/lib/quotafuse/quotafuse.db";

/// A first configuration, step by step; what a person wrote stays.
class Setup {
public:
    explicit Setup(const Arguments& arguments)
        : arguments_(arguments),
          folder_(arguments.init.folder),
          location_{folder_ + "/quotafuse.yaml", false} {}
    int run();

private:
    std::string file(const std::string& name) const { return folder_ + '/' + name; }
    Config load(bool named);
    void ask_to_go_on();
    [[noreturn]] void refuse_blind() const;
    void find_gateway();
    void write_configuration();
    void mirror();
    void read_objects() const;
    void choose_files();
    void check_store() const;
    void check_together() const;
    void propose(sync::History& history);
    void write_rules();
    void show_replay(sync::History& history);

    const Arguments& arguments_;
    const std::string folder_;
    const ConfigLocation location_;
    Config config_;
    sync::Gateway gateway_{};  // as its log says
    alerts::ReplayOptions span_;
    std::vector<alerts::Rule> rules_;      // the defaults
    std::vector<alerts::RuleText> files_;  // to be written
    std::vector<std::string> kept_;        // what a person edited
    std::vector<Tuning> tunings_;
    std::set<std::string> said_;
};

/// What it has to say is said once, though it is read again and again.
Config Setup::load(bool named) {
    base::yaml::Diagnostics diagnostics;
    auto config =
        load_config({location_.file, named}, base::Environment::of_process(), diagnostics);
    for (const auto& line : diagnostics.lines()) {
        if (said_.insert(line).second) std::cerr << line << '\n';
    }
    if (!diagnostics.ok())
        throw base::Failure(base::ExitCode::config, "the configuration has faults");
    return config;
}

void Setup::ask_to_go_on() {
    if (arguments_.init.yes) return;
    if (!on_a_terminal()) {
        throw base::Failure(base::ExitCode::usage,
                            "init asks before it writes, and this is no terminal: add --yes");
    }
    const auto answer = ask(
        fmt::format("This writes quotafuse.yaml, secrets.env and rules.d into {} and copies the "
                    "gateway's log into a store of its own. What you wrote stays. Go on? [Y/n] ",
                    folder_),
        false);
    if (answer && (answer->empty() || answer->starts_with('y') || answer->starts_with('Y'))) return;
    throw base::Failure(base::ExitCode::failed, "nothing was written");
}

void Setup::refuse_blind() const {
    const auto again = fmt::format("quotafuse init --dir {}", folder_);
    throw base::Failure(
        base::ExitCode::config,
        fs::exists(location_.file)
            ? fmt::format("{} names no gateway, and nothing was written: set SQL_DSN in {}, then "
                          "`{}`",
                          location_.file, file("secrets.env"), again)
            : fmt::format("no gateway is known, and nothing was written: `SQL_DSN='user:password@"
                          "tcp(127.0.0.1:3306)/new-api' {}`",
                          again));
}

/// By the configuration that is there, else the environment, else who sits before it.
void Setup::find_gateway() {
    config_ = load(fs::exists(location_.file));
    if (!config_.source.main && on_a_terminal()) {
        const auto dsn =
            ask("The gateway's database as in its SQL_DSN, e.g. "
                "user:password@tcp(127.0.0.1:3306)/new-api (not shown): ",
                true);
        if (dsn && !dsn->empty() && ::setenv("SQL_DSN", dsn->c_str(), 1) == 0) {
            config_ = load(fs::exists(location_.file));
        }
    }
    if (!config_.source.main) refuse_blind();
    const auto& dsn = *config_.source.main;
    try {
        const auto source =
            sync::make_source(*config_.source.log_source(), config_.source.gateway, {});
        const auto last = source->last_id();
        gateway_ = source->dialect().gateway();
        std::cout << fmt::format("gateway  {}: {}, {}\n", dsn.describe(),
                                 sync::gateway_name(gateway_),
                                 last == 0 ? "no rows yet" : fmt::format("rows up to id {}", last));
    } catch (const sync::GatewayError& e) {
        throw base::Failure(base::ExitCode::unavailable, fmt::format("the gateway: {}", e.what()));
    }
}

void Setup::write_configuration() {
    make_folder(folder_);
    make_folder(file("rules.d"));
    const bool is_configured = fs::exists(location_.file);
    if (fs::exists(file("secrets.env"))) {
        complete_secrets(file("secrets.env"), !is_configured);
    } else {
        write_secrets(file("secrets.env"));
    }
    if (is_configured) {
        std::cout << fmt::format("kept     {}\n", location_.file);
    } else {
        std::string text;
        for (const auto& one : builtin_config()) {
            if (one.name == "quotafuse.yaml") text = one.content;
        }
        if (!arguments_.init.store.empty()) {
            base::replace_all(text, kDefaultStore, fs::absolute(arguments_.init.store).string());
        }
        write_file(location_.file, text, 0640);
        std::cout << fmt::format("written  {}\n", location_.file);
    }
    config_ = load(true);
    require_source(config_);
}

/// What channels and keys are called, and what a dollar is, once: the replay wants to know.
void Setup::read_objects() const {
    const base::LockFile lock{config_.store + ".lock"};
    base::Database database{config_.store, all_schemas()};
    sync::Store store{database, config_.keep, config_.timezone};
    sync::Gauges gauges{database, store};
    const auto& dsn = *config_.source.main;
    const base::SystemClock clock;
    try {
        const auto session = sync::make_session(dsn, {});
        constexpr sync::InfoNeeds kAll{true, true, true, true, true};
        sync::InfoReader reader{*session, dsn.database, kAll, std::numeric_limits<int>::max()};
        reader.set_gateway(gateway_);
        gauges.record(reader.read(), clock.now());
    } catch (const sync::GatewayError& e) {
        std::cout << fmt::format("names    not known: {}\n", e.what());
    }
}

/// Beside a daemon its store is read as it is.
void Setup::mirror() {
    std::cout << "mirror   " << std::flush;
    own_store(config_.store);
    try {
        if (const auto code = copy_rows(config_, false); code != 0) {
            throw base::Failure(base::ExitCode::failed, "the copy was stopped");
        }
        read_objects();
    } catch (const base::LockHeld& e) {
        std::cout << fmt::format("{}; going by what is stored\n", e.what());
    } catch (const base::Failure& e) {
        if (e.code() != base::ExitCode::unavailable) throw;
        throw base::Failure(e.code(),
                            fmt::format("{}; what was copied is kept, and the limits are not "
                                        "proposed yet: `quotafuse init --dir {}` goes on from here",
                                        e.what(), folder_));
    }
}

void Setup::propose(sync::History& history) {
    std::vector<alerts::RuleText> texts;
    for (const auto& one : builtin_rules()) {
        texts.push_back({std::string{one.name}, std::string{one.content}});
    }
    base::yaml::Diagnostics diagnostics;
    rules_ = alerts::parse_rules(texts, rule_context(config_, {}), diagnostics).rules;
    if (!diagnostics.ok()) throw base::Failure(base::ExitCode::config, diagnostics.lines().front());
    const auto range = history.range();
    const base::SystemClock clock;
    span_.zone = config_.timezone;
    span_.until = clock.now();
    span_.from = span_.until - kMonth;
    const auto usual = engine_options(config_.keep);
    span_.weeks = usual.weeks;
    span_.kept = usual.kept;
    const auto known = range ? span_.until - std::max(range->first, span_.from) : base::Seconds{0};
    if (known < kEnoughHistory) {
        std::cout << fmt::format(
            "limits   those of the defaults: only {} of history is known, of {} "
            "that it takes: run init again then\n",
            base::format_duration(known), base::format_duration(kEnoughHistory));
        return;
    }
    std::vector<alerts::Rule> wanted;
    for (const auto& rule : rules_) {
        const bool is_written = std::any_of(files_.begin(), files_.end(), [&](const auto& one) {
            return with_limit(one.text, rule, rule.limit).has_value();
        });
        if (is_written && can_be_tuned(rule)) wanted.push_back(rule);
    }
    if (wanted.empty()) return;
    ProgressLine line{clock};
    auto options = span_;
    options.progress = [&](double share) {
        line.show([&] { return progress_bar(share) + " looking for limits"; });
    };
    const auto found = alerts::suggest_limits(wanted, history, options, {1}, kTunedRange);
    line.clear();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        tunings_.push_back(tune(wanted[i], found[i].front()));
    }
}

/// A default that nobody touched is as good as none, and so is one that init tuned.
void Setup::choose_files() {
    for (const auto& one : builtin_rules()) {
        const auto path = file(fmt::format("rules.d/{}", one.name));
        const auto there = read_file(path);
        if (fs::exists(path) && there != one.content && !is_marked(there)) {
            kept_.push_back(path);
        } else {
            files_.push_back({path, std::string{one.content}});
        }
    }
}

/// Before anything is written, like the next one.
void Setup::check_store() const {
    const auto& asked = arguments_.init.store;
    if (!asked.empty() && fs::exists(location_.file) &&
        fs::weakly_canonical(asked) != fs::weakly_canonical(config_.store)) {
        throw base::Failure(base::ExitCode::usage,
                            fmt::format("{} has the store {} and is not changed by init: leave out "
                                        "--store, or edit store.path there; nothing was written",
                                        location_.file, config_.store));
    }
    const auto folder = fs::absolute(asked.empty() ? config_.store : asked).parent_path().string();
    if (fs::is_directory(folder) && ::access(folder.c_str(), W_OK | X_OK) == 0) return;
    throw base::Failure(
        base::ExitCode::io_error,
        fmt::format("the store cannot be made in {}, and nothing was written: {}", folder,
                    fs::is_directory(folder)
                        ? "this user may not write there; run init as root"
                        : "there is no such folder; make it, or choose another by --store FILE"));
}

/// Before anything is written: two rules of one name would leave a configuration that no daemon
/// takes.
void Setup::check_together() const {
    const auto texts = with_others(files_, file("rules.d"));
    // As the configuration that it writes.
    std::vector<std::string> notifiers{"telegram", "feishu", "wecom", "dingtalk"};
    for (const auto& rule : config_.rules)
        notifiers.insert(notifiers.end(), rule.notify.begin(), rule.notify.end());
    for (const auto& one : config_.notifiers) notifiers.push_back(one.name);
    base::yaml::Diagnostics diagnostics;
    alerts::parse_rules(texts, rule_context(config_, notifiers), diagnostics);
    if (diagnostics.ok()) return;
    for (const auto& line : diagnostics.lines()) std::cerr << line << '\n';
    throw base::Failure(base::ExitCode::config,
                        fmt::format("the rules in {} and the defaults do not load together, and "
                                    "nothing was written: mend or rename them, then `quotafuse "
                                    "init --dir {}`",
                                    file("rules.d"), folder_));
}

void Setup::write_rules() {
    for (auto& one : files_) {
        bool tuned = false;
        for (const auto& tuning : tunings_) {
            if (!tuning.changed()) continue;
            const auto& rule = rule_or_fail(rules_, tuning.rule);
            auto text = with_limit(one.text, rule, tuning.limit);
            if (!text) continue;
            one.text = std::move(*text);
            tuned = true;
        }
        write_file(one.file, tuned ? marked(one.text) : one.text, 0640);
        std::cout << fmt::format("written  {}\n", one.file);
    }
    for (const auto& path : kept_) std::cout << fmt::format("kept     {} (edited)\n", path);
    std::vector<std::vector<std::string>> rows;
    for (const auto& tuning : tunings_) {
        const auto& rule = rule_or_fail(rules_, tuning.rule);
        rows.push_back(
            {"  " + rule.name, limit_text(rule, tuning.limit),
             tuning.changed() ? fmt::format("(default {})", limit_text(rule, tuning.was)) : "",
             tuning.why});
    }
    if (!rows.empty()) std::cout << in_columns(rows);
}

void Setup::show_replay(sync::History& history) {
    if (!history.range()) {
        std::cout << "\nThere is no history yet to replay.\n";
        return;
    }
    config_ = load(true);
    const base::SystemClock clock;
    ProgressLine line{clock};
    auto options = span_;
    options.progress = [&](double share) {
        line.show([&] { return progress_bar(share) + " replaying what is stored"; });
    };
    const auto result = alerts::replay(config_.rules, history, options);
    const auto seconds = line.seconds();
    line.clear();
    std::cout << fmt::format("\nWhat these rules would have said since {}:\n",
                             config_.timezone.format(result.from))
              << ReplayReport{config_.rules, result, config_.timezone}.text(seconds) << '\n';
}

int Setup::run() {
    ask_to_go_on();
    find_gateway();
    check_store();
    choose_files();
    check_together();
    write_configuration();
    mirror();
    sync::History history{config_.store};
    propose(history);
    write_rules();
    show_replay(history);
    std::cout << fmt::format(
        "\nNext: look over {}, then `quotafuse check --config {}` and start the service. Actions "
        "stay in shadow until breaker.mode and a rule say live.\n",
        folder_, location_.file);
    return 0;
}

}  // namespace

int init_command(const Arguments& arguments) {
    return Setup{arguments}.run();
}

}  // namespace quotafuse::daemon
