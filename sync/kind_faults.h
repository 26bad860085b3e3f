#pragma once

#include <map>
#include <set>
#include <string>

namespace quotafuse::sync {

/// Which kinds of the gateway's objects cannot be read, and why. What was read before is worth
/// something for kLooksKept looks (5 min at one each 30 s): a grant that is given anew or a table
/// that is swapped is no fault before. One thread.
class KindFaults {
public:
    static constexpr int kLooksKept = 10;

    /// `look` counts the looks. The first `look` of a fault counts, and its newest reason.
    void note_fault(const std::string& kind, const std::string& why, int look);
    void note_read(const std::string& kind);
    /// Whether the kind is to be given up: it never could be read, or not for kLooksKept looks.
    bool is_told(const std::string& kind, int look) const;
    std::map<std::string, std::string> told(int look) const;
    /// It is no fault any more, or nobody asks.
    void forget(const std::string& kind) { faults_.erase(kind); }
    void forget_all();

private:
    struct Fault {
        std::string why;
        int since = 0;
    };
    std::map<std::string, Fault> faults_;
    std::set<std::string> read_;  // could be read at some time
};

}  // namespace quotafuse::sync
