#include "sync/kind_faults.h"

namespace quotafuse::sync {

void KindFaults::note_fault(const std::string& kind, const std::string& why, int look) {
    const auto [at, is_new] = faults_.try_emplace(kind, Fault{why, look});
    if (!is_new) at->second.why = why;
}

void KindFaults::note_read(const std::string& kind) {
    faults_.erase(kind);
    read_.insert(kind);
}

bool KindFaults::is_told(const std::string& kind, int look) const {
    const auto fault = faults_.find(kind);
    if (fault == faults_.end()) return false;
    return !read_.contains(kind) || look - fault->second.since >= kLooksKept;
}

std::map<std::string, std::string> KindFaults::told(int look) const {
    std::map<std::string, std::string> told;
    for (const auto& [kind, fault] : faults_) {
        if (is_told(kind, look)) told.emplace(kind, fault.why);
    }
    return told;
}

void KindFaults::forget_all() {
    faults_.clear();
    read_.clear();
}

}  // namespace quotafuse::sync
