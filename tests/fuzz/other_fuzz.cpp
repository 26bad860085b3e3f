// The column `other`, alone: the JSON of an answer, of a failure and of a refund.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "check_decoder.h"

using namespace quotafuse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Exactly as long as it is: a look beyond its end is an error.
    const auto text = std::make_unique<char[]>(size);
    if (size > 0) std::memcpy(text.get(), data, size);
    for (const std::int64_t type : {2, 5, 6}) {
        sync::RawRow raw;
        for (auto& number : raw.numbers) number = 1;
        raw.numbers[static_cast<std::size_t>(sync::Column::type)] = type;
        raw.texts.back() = std::string_view{text.get(), size};
        fuzz::check_decoder(sync::Gateway::new_api, raw);
    }
    return 0;
}
