#pragma once

namespace quotafuse::daemon {

// What stands below the options in the help of commands.

inline constexpr auto kReplayJson =
    "--json gives one object: from, until, rows, seconds; rules: [{rule, episodes, "
    "longest_seconds, worst, limit, notices, disabled: [{kind, channel, model, token, at, "
    "cost_usd}]}]; "
    "episodes: "
    "[{rule, key: {dimension: text}, began, fired, over (null while it fires), ending, worst, "
    "notices, trips: as disabled}]; notes: [text]; silent: [rule that "
    "lacked rows, names or gauges]. Times are unix seconds. With --suggest: {rule, limit, "
    "from, until, suggestions: [{per_month, limit (null for none), firings}]}. With "
    "--compare: {from, until, same, differences: [{only (daemon or replay), at, rule, key, "
    "what, reason, value}], notes}.";

inline constexpr auto kNotifyJson =
    "Sending ends with 0 where the service took the message, else with 1. --json gives for --list "
    "{letters: [{id, event_id, notifier, title, state (waiting, delivered or dead), put_at, "
    "ended_at, attempts, error, sent_with (the letter in whose message it went out)}]}, times in "
    "unix seconds; for --retry {retried, not_configured}; else {notifier, route, result (ok, "
    "transient, permanent "
    "or ambiguous), text, advice, chats: [line]}.";

inline constexpr auto kTestRulesJson =
    "Ends with 1 where a test fails. --json gives one object: rules, rules_with_tests, failed; "
    "tests: [{rule, name, file, line, passed, proves_nothing, differences: [{line, column, "
    "at_seconds, key: {dimension: text}, text}]}].";

inline constexpr auto kBreakerReportJson =
    "--json gives one object: from, until, mode, cache_lag_seconds, complete, more_trips, "
    "would_save_usd; rules: [{rule (\"\" for people), mode, would_trip, earlier (shadow trips from "
    "before, which save on), earlier_tripped, earlier_refused (the same of the others), "
    "would_save_usd, would_be_undone, undecided (too early to tell of these), tripped, saved_usd, "
    "taken_back, refused, refused_by: {guard: number}, "
    "let_through_usd, repeats, failed, advice}]; trips: [{what (shadow, live or refused), at, "
    "trip_id, kind (channel, model or token), channel, model, token, user, token_name, name, rule, "
    "reason, why, cause, mode, result, change, over (null: its alert goes on), ending, "
    "counted_until, usd, off_seconds, undone, by_order (false: at the gateway), undecided, "
    "earlier, repeats}]. Times are unix seconds.";

inline constexpr auto kBreakerListJson =
    "--json gives one object: mode; paused (null, or {since, until (null: until resumed), "
    "reason}); "
    "open: [{trip_id, kind (channel, model or token), channel, model, token, user, token_name, "
    "name, mode, state (open, trial or unsure), since, reason, rule, recover, back_at, "
    "failed_trials, trial_at, pending, leading, before and after (what the trip found, and what "
    "quotafuse wrote last), ranks (of a trial: priority and weight from before it, of the channel "
    "and of those abilities that had others)}]; "
    "unfinished: [{trip_id, kind, …, name, mode, asked_at, reason, rule}], trips that were asked "
    "for and not answered yet; "
    "recent: [{at, trip_id, kind, …, name, mode, result, rule, asked_by, reason, why, change, "
    "cause, before and after (the row before and after this step)}], newest first; kind is empty "
    "where the breaker was paused or resumed. before, after and ranks are objects, null for none. "
    "Times are unix seconds.";

inline constexpr auto kBreakerOrderJson =
    "Ends with 1 where it is refused or fails, or, with --dry-run, would be. --json gives one "
    "object: ok, outcome, text, mode (breaker.mode), dark "
    "and unused_dark (group/model that have no channel left then; the latter had no requests in "
    "the last traffic_seconds, which is breaker.guard_traffic).";

inline constexpr auto kBreakerHelp =
    "trip, restore, undo, pause and resume go to the running daemon, which writes only with "
    "breaker.mode: live; --dry-run tells what would come of it. Example: quotafuse breaker trip "
    "--channel 3 --reason \"burns money\" --dry-run";

}  // namespace quotafuse::daemon
