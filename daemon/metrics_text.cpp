#include "daemon/metrics_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"

namespace quotafuse::daemon {
namespace {

constexpr std::string_view kTotal = "_total";

std::string_view type_name(MetricsText::Type type) {
    switch (type) {
        case MetricsText::Type::counter:
            return "counter";
        case MetricsText::Type::gauge:
            return "gauge";
        case MetricsText::Type::histogram:
            return "histogram";
    }
    std::abort();
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

std::string number_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    return fmt::format("{}", value);
}

/// From 0 to 1; of a range without q, or with one of no sense, 1.
double quality_of(std::string_view range) {
    for (auto part : base::split(range, ';')) {
        part = base::trim(part);
        if (!part.starts_with("q=")) continue;
        part.remove_prefix(2);
        double q = 1;
        const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), q);
        return error == std::errc{} && q >= 0 && q <= 1 ? q : 1;
    }
    return 1;
}

}  // namespace

void MetricsText::begin(std::string_view name, Type type, std::string_view help) {
    name_ = name;
    // OpenMetrics calls a counter's family by its name without the end that its samples have.
    auto family = name;
    if (format_ == Format::openmetrics && type == Type::counter && family.ends_with(kTotal))
        family.remove_suffix(kTotal.size());
    text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", family, help, type_name(type));
}

void MetricsText::add(const Labels& labels, std::int64_t value) {
    sample({}, labels, fmt::format("{}", value));
}
void MetricsText::add(const Labels& labels, double value) {
    sample({}, labels, number_text(value));
}
void MetricsText::add_part(std::string_view part, const Labels& labels, double value) {
    sample(part, labels, number_text(value));
}

void MetricsText::sample(std::string_view part, const Labels& labels, std::string_view value) {
    text_ += name_;
    text_ += part;
    char before = '{';
    for (const auto& [name, content] : labels) {
        text_ += before;
        text_ += name;
        text_ += "=\"";
        text_ += escaped(label(content));
        text_ += '"';
        before = ',';
    }
    if (!labels.empty()) text_ += '}';
    text_ += ' ';
    text_ += value;
    text_ += '\n';
}

std::string MetricsText::text() const {
    return format_ == Format::openmetrics ? text_ + "# EOF\n" : text_;
}

std::string_view MetricsText::content_type() const {
    return format_ == Format::openmetrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

std::string MetricsText::label(std::string_view text) {
    constexpr std::size_t kLongestCharacter = 4;  // bytes: what is cut in two here goes below
    return base::cut_bytes(base::valid_utf8(text.substr(0, kMostOfLabel + kLongestCharacter)),
                           kMostOfLabel);
}

MetricsText::Format metrics_format(std::string_view accept) {
    double openmetrics = 0;
    double plain = 0;
    for (const auto range : base::split(accept, ',')) {
        const auto type = base::trim(base::trim(range).substr(0, base::trim(range).find(';')));
        if (type == "application/openmetrics-text")
            openmetrics = std::max(openmetrics, quality_of(range));
        if (type == "text/plain") plain = std::max(plain, quality_of(range));
    }
    return openmetrics > 0 && openmetrics >= plain ? MetricsText::Format::openmetrics
                                                   : MetricsText::Format::plain;
}

}  // namespace quotafuse::daemon
