#include "sync/display.h"

#include "sync/cells.h"

namespace quotafuse::sync {
namespace {

constexpr auto kKind = "general_setting.quota_display_type";
constexpr auto kYuanPerDollar = "USDExchangeRate";
constexpr auto kSymbol = "general_setting.custom_currency_symbol";
constexpr auto kPerDollar = "general_setting.custom_currency_exchange_rate";

constexpr double kLeastRate = 1e-6;
constexpr double kMostRate = 1e9;

}  // namespace

const std::vector<std::string>& display_keys() {
    static const std::vector<std::string> kKeys{kKind, kYuanPerDollar, kSymbol, kPerDollar};
    return kKeys;
}

Display display_of(const std::map<std::string, std::string>& options) {
    Display display;
    const auto rate = [&](const char* key, double otherwise) {
        const auto at = options.find(key);
        const auto value = at == options.end() ? std::nullopt : to_number(at->second);
        // What stands there is free text: "inf" and 1e300 are numbers, too, but no rates.
        return value && *value >= kLeastRate && *value <= kMostRate ? *value : otherwise;
    };
    display.yuan_per_dollar = rate(kYuanPerDollar, display.yuan_per_dollar);
    const auto kind = options.find(kKind);
    if (kind == options.end()) return display;
    if (kind->second == "CNY") display.kind = Display::Kind::yuan;
    if (kind->second == "TOKENS") display.kind = Display::Kind::quota;
    if (kind->second == "CUSTOM" && options.contains(kPerDollar)) {
        display.kind = Display::Kind::custom;
        display.custom_per_dollar = rate(kPerDollar, display.custom_per_dollar);
        const auto symbol = options.find(kSymbol);
        if (symbol != options.end() && !symbol->second.empty()) display.symbol = symbol->second;
    }
    return display;
}

}  // namespace quotafuse::sync
