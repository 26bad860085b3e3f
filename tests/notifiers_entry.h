#pragma once

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/yaml.h"
#include "notifiers/providers.h"
#include "support/fake_clock.h"
#include "support/outcome_names.h"

namespace quotafuse::tests {

/// One entry of `notifiers:`, from its YAML to its provider.
struct NotifierEntry {
    NotifierEntry(notifiers::ReadRecipe read, const std::string& yaml) {
        base::yaml::Diagnostics diagnostics;
        const auto document = base::yaml::parse("f", yaml, diagnostics);
        const base::yaml::Member member{"mine", {}, document.value().root};
        notifiers::EntryReader entry{"f", member, diagnostics};
        recipe = read(entry);
        entry.map().refuse_unknown();
        faults = diagnostics.lines();
        if (faults.empty()) provider = recipe->make({clock, {console, false}});
    }

    FakeClock clock{1'767'625'260};  // 2026-01-05 15:01:00 UTC
    std::ostringstream console;
    std::shared_ptr<const notifiers::Recipe> recipe;
    std::vector<std::string> faults;
    std::unique_ptr<notifiers::Provider> provider;  // of an entry without faults
};

/// A message as the daemon makes it, with what a reader of markup or headers could stumble over.
inline notifiers::Mail sample_mail() {
    notifiers::Message message;
    message.kind = notifiers::Message::Kind::firing;
    message.severity = base::Severity::critical;
    message.title = "渠道 3 <b> 用量 3,000,000";
    message.facts = {{"value", "3,000,000 \"tokens\""}};
    message.sections = {{"models", {"gpt-4o: 81 %", ".", "k1: 12 %"}}};
    message.link = notifiers::Message::Link{"status", "https://fuse.example/?a=1&b=2"};
    message.footer = "prod · 2026-01-05 23:01:00";
    message.alerts = {
        R"({"rule":"burn","since":"2026-01-05T15:00:00Z","labels":[{"dimension":"channel","id":3,"name":"a"}]})"};
    return {"ev-17", message, 1'767'625'260};
}

}  // namespace quotafuse::tests
