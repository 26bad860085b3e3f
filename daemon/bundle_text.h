#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "circuit_breaker/target.h"
#include "daemon/config.h"
#include "daemon/messages_json.h"
#include "daemon/wording.h"
#include "notifiers/outbox.h"

namespace quotafuse::daemon {

/// A line of a list has at most so many bytes.
inline constexpr std::size_t kMostBrief = 150;
/// "text tail" in one line of at most kMostBrief bytes: what is too long for it is cut before the
/// tail.
std::string brief_of(std::string_view text, std::string_view tail = {});

/// One of many that are told in one message.
struct Listed {
    base::Second at{};
    std::string brief;
    std::string rule;  // or what else it is counted under; never empty
    std::string kind;  // of its alert; may be empty
};
/// "23:04 brief" a line for up to `most`; of more, a line for each rule with how many of which
/// kind, and when there are more than `most` rules, one that counts the rest. The date stands
/// before the times where they are not all of the day of `now` in the zone.
std::vector<std::string> list_or_count(const std::vector<Listed>& all, std::size_t most,
                                       base::Second now, const Wording& words,
                                       const base::TimeZone& zone);

/// The outbox's Editor: one message for many, in the language and zone of the configuration. Every
/// one of them stands in it, by its brief or by a count of its rule. Immutable, copies are cheap.
class BundleText {
public:
    explicit BundleText(const Config& config);

    /// `bundle` has at least one item.
    notifiers::Message operator()(const notifiers::Bundle& bundle) const;

private:
    notifiers::Message batch(const notifiers::Bundle& bundle) const;
    notifiers::Message queue(const notifiers::Bundle& bundle) const;
    notifiers::Message both(const notifiers::Bundle& bundle) const;
    notifiers::Message expired(const notifiers::Bundle& bundle) const;
    std::string batch_title(const notifiers::Bundle& bundle) const;
    std::string title_of_rule(const notifiers::Bundle& bundle, std::string_view rule,
                              std::string_view kind, std::string_view things) const;
    std::string_view kind_of_all(const notifiers::Bundle& bundle) const;
    std::string queue_title(const notifiers::Bundle& bundle) const;
    void add_what_stays_true(const notifiers::Message& said, notifiers::Message& whole) const;
    std::string label_text(const AlertObject::Label& label) const;
    void shorten(const notifiers::Bundle& bundle, std::vector<std::string>& lines) const;
    void add_breaker(const notifiers::Bundle& bundle, notifiers::Message& whole) const;
    std::string breaker_line(circuit_breaker::Target::Kind kind, std::vector<std::string> names,
                             const std::string& rest) const;

    Wording words_;
    base::TimeZone zone_;
};

}  // namespace quotafuse::daemon
