#pragma once

#include <string>
#include <utility>

namespace quotafuse::base {

/// A value that no output may show. It has no stream operator and no implicit conversion on
/// purpose; reveal() is for the one call that needs the text.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string text) : text_(std::move(text)) {}
    const std::string& reveal() const { return text_; }
    bool empty() const { return text_.empty(); }
    bool operator==(const Secret&) const = default;

private:
    std::string text_;
};

}  // namespace quotafuse::base
