// Bytes become a row of any shape. The format is that of the corpus: one byte for the gateway, two
// for the numbers that are NULL, one for the texts that are, then each number (a tag, then one byte
// or eight), then each text (two bytes of length; the last one takes what is left).

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "check_decoder.h"

using namespace quotafuse;

namespace {

class Reader {
public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    std::uint8_t byte() { return take(1).empty() ? std::uint8_t{0} : last_.front(); }
    std::uint16_t pair() {
        const auto low = byte();
        return static_cast<std::uint16_t>(low | (byte() << 8));
    }
    std::int64_t number() {
        if (byte() % 2 == 0) return static_cast<std::int8_t>(byte());
        std::int64_t value = 0;
        const auto part = take(sizeof value);
        if (!part.empty()) std::memcpy(&value, part.data(), part.size());
        return value;
    }
    std::span<const std::uint8_t> take(std::size_t most) {
        last_ = bytes_.first(std::min(most, bytes_.size()));
        bytes_ = bytes_.subspan(last_.size());
        return last_;
    }
    std::size_t left() const { return bytes_.size(); }

private:
    std::span<const std::uint8_t> bytes_;
    std::span<const std::uint8_t> last_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Reader reader{{data, size}};
    const auto gateway = reader.byte() % 2 == 0 ? sync::Gateway::new_api : sync::Gateway::one_api;
    const auto null_numbers = reader.pair();
    const auto null_texts = reader.byte();
    sync::RawRow raw;
    for (std::size_t i = 0; i < raw.numbers.size(); ++i) {
        const auto value = reader.number();
        if ((null_numbers >> i & 1) == 0) raw.numbers[i] = value;
    }
    // Each text in memory of its own, exactly as long as it is: a look beyond its end is an error.
    std::vector<std::unique_ptr<char[]>> texts;
    for (std::size_t i = 0; i < raw.texts.size(); ++i) {
        const bool last = i + 1 == raw.texts.size();
        const auto part = reader.take(last ? reader.left() : reader.pair());
        texts.push_back(std::make_unique<char[]>(part.size()));
        if (!part.empty()) std::memcpy(texts.back().get(), part.data(), part.size());
        if ((null_texts >> i & 1) == 0)
            raw.texts[i] = std::string_view{texts.back().get(), part.size()};
    }
    fuzz::check_decoder(gateway, raw);
    return 0;
}
