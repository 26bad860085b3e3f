#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/http_message.h"

namespace quotafuse::daemon::api {

/// What is wrong with a request, in a sentence for its reply.
struct BadParameter {
    std::string message;
};

/// The parameters of a request, written by a stranger. Every function throws BadParameter: each may
/// come once, must be one that is known, and must make sense.
class Parameters {
public:
    Parameters(const HttpRequest& request, std::initializer_list<std::string_view> known,
               std::span<const std::string_view> more = {});

    /// Empty where it is absent.
    std::optional<std::string> text(const std::string& name) const;
    /// Not longer than `most` bytes, valid UTF-8, without control characters.
    std::optional<std::string> words(const std::string& name, std::size_t most = 200) const;
    std::optional<std::int64_t> whole_number(const std::string& name, std::int64_t least,
                                             std::int64_t most) const;
    /// One of these; the first where it is absent.
    std::string_view choice(const std::string& name,
                            std::initializer_list<std::string_view> choices) const;

private:
    const HttpRequest& request_;
};

}  // namespace quotafuse::daemon::api
