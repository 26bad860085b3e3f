// The parameters of the API, as a stranger may write them: name=value, separated by &, decoded
// already. Each is a value within its bounds, or refused with a sentence.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "daemon/api/span.h"

using namespace quotafuse;
using namespace quotafuse::daemon;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

/// What is wrong is told in an answer, whose text must be UTF-8.
void try_it(const std::function<void()>& act) {
    try {
        act();
    } catch (const api::BadParameter& wrong) {
        require(!wrong.message.empty());
        require(base::valid_utf8(wrong.message) == wrong.message);
        require(error_reply(400, wrong.message).status == 400);
    }
}

void read_all(const HttpRequest& request) {
    const api::Parameters parameters{request,
                                     {"window", "from", "to", "limit", "search", "by", "channel"}};
    try_it([&] {
        const auto limit = parameters.whole_number("limit", 1, 200);
        require(!limit || (*limit >= 1 && *limit <= 200));
    });
    try_it([&] {
        const auto channel = parameters.whole_number("channel", 0, INT64_MAX);
        require(!channel || *channel >= 0);
    });
    try_it([&] {
        const auto words = parameters.words("search", 100);
        require(!words || (words->size() <= 100 && base::valid_utf8(*words) == *words &&
                           words->find('\0') == std::string::npos));
    });
    try_it([&] {
        const auto by = parameters.choice("by", {"all", "channel", "model"});
        require(by == "all" || by == "channel" || by == "model");
    });
    static const auto zone = *base::TimeZone::find("Europe/Berlin");
    for (const std::int64_t now : {0LL, 1'767'571'200LL, 253'402'300'799LL})
        try_it([&] {
            const auto span = api::span_of(parameters, base::from_unix(now), zone);
            require(span.from < span.until);
            require(span.length() <= base::Seconds{400 * 86'400});
            require(span.before().until == span.from);
        });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text{data, data + size};
    HttpRequest request;
    for (const auto part : base::split(text, '&')) {
        const auto equals = std::min(part.find('='), part.size());
        request.query.emplace(part.substr(0, equals),
                              part.substr(std::min(equals + 1, part.size())));
    }
    try_it([&] { read_all(request); });
    return 0;
}
