#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quotafuse::daemon {

/// Writes metrics for Prometheus: the text format 0.0.4, or OpenMetrics 1.0. One family after the
/// other; no series may come twice. One thread.
class MetricsText {
public:
    enum class Format { plain, openmetrics };
    enum class Type { counter, gauge, histogram };
    /// Names as Prometheus has them; values in whatever bytes.
    using Labels = std::vector<std::pair<std::string_view, std::string>>;

    explicit MetricsText(Format format) : format_(format) {}

    /// The name of a counter ends with _total.
    void begin(std::string_view name, Type type, std::string_view help);
    /// A sample of the family that was begun last.
    void add(const Labels& labels, std::int64_t value);
    void add(const Labels& labels, double value);
    /// A sample of a part of it: "_bucket", "_sum", "_count".
    void add_part(std::string_view part, const Labels& labels, double value);

    /// A family of one sample.
    template <class Value>
    void one(std::string_view name, Type type, std::string_view help, Value value) {
        begin(name, type, help);
        add(Labels{}, value);
    }

    /// Everything, with what the format has at its end.
    std::string text() const;
    std::string_view content_type() const;

    /// A label's value is cut to so many bytes, at the end of a character.
    static constexpr std::size_t kMostOfLabel = 200;
    /// As it stands in a label before it is quoted: cut, and valid UTF-8.
    static std::string label(std::string_view text);

private:
    void sample(std::string_view part, const Labels& labels, std::string_view value);

    Format format_;
    std::string name_;
    std::string text_;
};

/// What an Accept header asks for: OpenMetrics where it is named and nothing else is liked better.
MetricsText::Format metrics_format(std::string_view accept);

}  // namespace quotafuse::daemon
