#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/text.h"
#include "base/yaml.h"

namespace quotafuse::base::yaml {
namespace {

constexpr std::size_t kMostTold = 1'000;      // errors, and as many warnings
constexpr std::size_t kLongestFault = 2'000;  // bytes

}  // namespace

void Diagnostics::error(const std::string& file, Place place, std::string text) {
    tell({file_index(file), place, false, false, std::move(text)}, errors_);
}

void Diagnostics::error(const std::string& file, std::string text) {
    tell({file_index(file), {0, 0}, true, false, std::move(text)}, errors_);
}

void Diagnostics::warning(const std::string& file, Place place, std::string text) {
    tell({file_index(file), place, false, true, std::move(text)}, warnings_);
}

void Diagnostics::tell(Fault fault, Told& told) {
    if (fault.text.size() > kLongestFault) {
        fault.text = cut_bytes(valid_utf8(fault.text), kLongestFault);
    }
    if (told.faults.size() < kMostTold) {
        if (told.faults.emplace(std::move(fault), next_).second) ++next_;
    } else if (!told.faults.contains(fault)) {
        ++told.left_out;
    }
}

std::size_t Diagnostics::file_index(const std::string& file) {
    const auto at = std::find(files_.begin(), files_.end(), file);
    if (at != files_.end()) return static_cast<std::size_t>(at - files_.begin());
    files_.push_back(file);
    return files_.size() - 1;
}

std::vector<std::string> Diagnostics::lines(bool name_warnings) const {
    using Entry = std::pair<const Fault, std::size_t>;
    std::vector<const Entry*> sorted;
    for (const auto* const told : {&errors_, &warnings_}) {
        for (const auto& entry : told->faults) sorted.push_back(&entry);
    }
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) {
        return std::tie(a->first.file, a->first.place, a->second) <
               std::tie(b->first.file, b->first.place, b->second);
    });
    std::vector<std::string> lines;
    for (const auto* const entry : sorted) {
        const auto& fault = entry->first;
        const auto where = fault.whole_file ? files_[fault.file]
                                            : fmt::format("{}:{}:{}", files_[fault.file],
                                                          fault.place.line, fault.place.column);
        const bool named = fault.warning && name_warnings;
        lines.push_back(fmt::format("{}: {}{}", where, named ? "warning: " : "", fault.text));
    }
    if (errors_.left_out > 0) lines.push_back(fmt::format("and {} more errors", errors_.left_out));
    if (warnings_.left_out > 0) {
        lines.push_back(fmt::format("and {} more warnings", warnings_.left_out));
    }
    return lines;
}

}  // namespace quotafuse::base::yaml
