// What a stranger may write before any login: the head of a request, a form, cookies, addresses.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "daemon/access.h"
#include "daemon/http_form.h"
#include "daemon/http_message.h"

using namespace quotafuse::daemon;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Exactly as long as it is: a look beyond its end is an error.
    const auto bytes = std::make_unique<char[]>(size);
    if (size > 0) std::memcpy(bytes.get(), data, size);
    const std::string_view text{bytes.get(), size};

    const auto field = form_field(text, "password");
    if (field && field->size() > size) __builtin_trap();
    for (const auto value : cookie_values(text, "quotafuse_session")) {
        if (value.data() < text.data() || value.data() + value.size() > text.data() + size)
            __builtin_trap();
    }
    if (announced_body(text) > kMaxBody) __builtin_trap();
    auto parsed = parse_head(text);
    auto* const request = std::get_if<HttpRequest>(&parsed);
    if (request == nullptr) return 0;
    static const Access access{{.password = quotafuse::base::Secret{"password"},
                                .public_url = "https://fuse.example.com/q",
                                .trusted_proxies = {*IpRange::parse("::/0")}},
                               "0.0.0.0"};
    request->path = request->target;
    request->peer = "127.0.0.1";
    access.strip_base_path(*request);
    static_cast<void>(access.refuse_host(*request));
    static_cast<void>(access.refuse_origin(*request));
    if (access.client(*request).empty()) __builtin_trap();
    static_cast<void>(access.cookie_scope(*request));
    return 0;
}
