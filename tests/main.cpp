#define DOCTEST_CONFIG_IMPLEMENT
#include <array>
#include <locale>

#include <doctest/doctest.h>

namespace {

/// The standard library notes letter by letter how they are narrowed and widened, without a lock,
/// as regular expressions are compiled and numbers printed. The chat doubles do so in threads.
void learn_all_letters() {
    std::array<char, 256> letters{};
    for (std::size_t i = 0; i < letters.size(); ++i) letters[i] = static_cast<char>(i);
    std::array<char, 256> same{};
    const auto* const end = letters.data() + letters.size();
    const auto& type = std::use_facet<std::ctype<char>>(std::locale{});
    type.narrow(letters.data(), end, ' ', same.data());
    type.widen(letters.data(), end, same.data());
}

}  // namespace

int main(int argc, char** argv) {
    learn_all_letters();
    return doctest::Context{argc, argv}.run();
}
