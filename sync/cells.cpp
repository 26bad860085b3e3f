#include "sync/cells.h"

#include <charconv>

#include "base/text.h"

namespace quotafuse::sync {

std::int64_t to_integer(const Cell& cell) {
    std::int64_t value = 0;
    if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), value);
    return value;
}

std::optional<double> to_number(const Cell& cell) {
    double value = 0;
    if (!cell) return std::nullopt;
    const auto [end, error] = std::from_chars(cell->data(), cell->data() + cell->size(), value);
    return error == std::errc{} ? std::optional{value} : std::nullopt;
}

std::optional<std::int64_t> to_time(const Cell& cell) {
    const auto value = to_integer(cell);
    return value > 0 ? std::optional{value} : std::nullopt;
}

std::string to_text(const Cell& cell) {
    return base::valid_utf8(cell.value_or(""));
}

}  // namespace quotafuse::sync
