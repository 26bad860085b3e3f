#include "daemon/api/export.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "daemon/api/log_json.h"
#include "daemon/api/logs.h"
#include "daemon/api/traffic.h"
#include "daemon/api/traffic_pages.h"

namespace quotafuse::daemon::api {
namespace {

constexpr std::size_t kSlice = 1000;  // rows of the log
constexpr std::size_t kMinutes = 16;  // characters of a local time up to them

std::string text_of(const Json& value) {
    if (value.is_null()) return {};
    if (value.is_string()) return value.get<std::string>();
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void flatten(const Json& value, const std::string& prefix, Json& into) {
    for (const auto& [name, one] : value.items()) {
        const auto key = prefix.empty() ? name : prefix + "_" + name;
        if (one.is_object())
            flatten(one, key, into);
        else
            into[key] = one.is_array() ? Json(text_of(one)) : one;
    }
}

Json log_row(const Inquiry& inquiry, const sync::Row& row) {
    auto json = flat(log_json(inquiry, row));
    json["time"] = inquiry.zone().format(base::from_unix(row.created_at));
    return json;
}

/// Of a chart with several lines: a row for each point.
Json points_of(const Json& chart) {
    auto rows = Json::array();
    const auto& times = chart.at("times");
    for (const auto& line : chart.at("series")) {
        for (std::size_t i = 0; i < times.size(); ++i) {
            Json row{{"time", times[i]}};
            for (const auto& [name, value] : line.items())
                row[name] = value.is_array() ? value[i] : value;
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

/// Of an availability strip: a row for each slot.
Json slots_of(const Json& strip) {
    auto rows = Json::array();
    const auto from = strip.at("from").get<std::int64_t>();
    const auto slot = strip.at("slot").get<std::int64_t>();
    for (const auto& object : strip.at("rows")) {
        const auto& rates = object.at("slots");
        for (std::size_t i = 0; i < rates.size(); ++i) {
            rows.push_back({{"time", from + static_cast<std::int64_t>(i) * slot},
                            {"kind", object.at("kind")},
                            {"id", object.at("id")},
                            {"name", object.at("name")},
                            {"requests", object.at("slot_requests").at(i)},
                            {"errors", object.at("slot_errors").at(i)},
                            {"rate", rates.at(i)}});
        }
    }
    return rows;
}

Json rows_of(const Inquiry& inquiry, std::string_view what) {
    if (what == "breakdown") return breakdown(inquiry, Export::kMostRows).at("rows");
    if (what == "trend") return points_of(trend(inquiry));
    if (what == "availability") return slots_of(availability(inquiry));
    auto rows = errors(inquiry).at("rows");
    for (auto& row : rows) {
        std::string channels;
        for (const auto& channel : row.at("channels"))
            channels += fmt::format("{}{} ({})", channels.empty() ? "" : "; ",
                                    text_of(channel.at("name")), text_of(channel.at("requests")));
        row["channels"] = channels;
    }
    return rows;
}

}  // namespace

class Export::Rows {
public:
    virtual ~Rows() = default;
    /// Empty at the end. Log pages may have to look at many rows: it gives up at `deadline`.
    virtual std::vector<Json> next(base::MonoTime deadline) = 0;
    virtual const std::vector<std::string>& columns() const = 0;
};

namespace {

/// What was asked of the log, slice by slice.
class LogRows final : public Export::Rows {
public:
    LogRows(const Sources& sources, HttpRequest request)
        : sources_(sources), request_(std::move(request)) {
        const Inquiry inquiry{sources_, request_};
        const Parameters parameters{
            request_, {"window", "from", "to", "slow_ms", "kind", "search"}, kFilters};
        asked_ = log_request_of(parameters, inquiry);
        asked_.question.most = kSlice;
        over_ = asked_.matches_nothing;
        const auto row = log_row(inquiry, {});
        for (const auto& [name, value] : row.items()) columns_.push_back(name);
    }

    std::vector<Json> next(base::MonoTime deadline) override {
        std::vector<Json> rows;
        while (rows.empty() && !over_) {
            if (sources_.clock.mono() > deadline) throw std::runtime_error("it takes too long");
            const Inquiry inquiry{sources_, request_};
            const auto page = sync::LogPages{inquiry.database()}.page(asked_.question);
            for (const auto& row : page.rows) rows.push_back(log_row(inquiry, row));
            asked_.question.after = page.next;
            over_ = !page.next;
        }
        return rows;
    }
    const std::vector<std::string>& columns() const override { return columns_; }

private:
    const Sources& sources_;
    const HttpRequest request_;
    LogRequest asked_;
    bool over_ = false;
    std::vector<std::string> columns_;
};

/// What a page answers at once.
class PageRows final : public Export::Rows {
public:
    PageRows(const Sources& sources, const HttpRequest& request, std::string_view what) {
        const Inquiry inquiry{sources, request};
        for (const auto& row : rows_of(inquiry, what)) {
            rows_.push_back(flat(row));
            for (const auto& [name, value] : rows_.back().items())
                if (std::find(columns_.begin(), columns_.end(), name) == columns_.end())
                    columns_.push_back(name);
        }
    }
    std::vector<Json> next(base::MonoTime) override { return std::exchange(rows_, {}); }
    const std::vector<std::string>& columns() const override { return columns_; }

private:
    std::vector<Json> rows_;
    std::vector<std::string> columns_;
};

}  // namespace

Export::Export(const Sources& sources, HttpRequest request, std::int64_t most_rows)
    : sources_(sources), deadline_(sources.clock.mono() + kLongest), most_rows_(most_rows) {
    {
        HttpRequest own;  // the other parameters are for whoever answers
        for (const auto* const name : {"what", "format"}) {
            const auto [first, last] = request.query.equal_range(name);
            own.query.insert(first, last);
            request.query.erase(first, last);
        }
        const Parameters parameters{own, {"what", "format"}};
        what_ = parameters.choice("what", {"logs", "breakdown", "trend", "errors", "availability"});
        csv_ = parameters.choice("format", {"csv", "json"}) == "csv";
    }
    if (what_ == "logs")
        rows_ = std::make_unique<LogRows>(sources, std::move(request));
    else
        rows_ = std::make_unique<PageRows>(sources, request, what_);
    columns_ = rows_->columns();
    add_head();
}

Export::~Export() = default;

std::string Export::next() {
    while (!over_ && buffer_.size() < kPiece) {
        if (sources_.clock.mono() > deadline_)
            throw std::runtime_error("export: it takes too long: ask for a shorter span");
        const auto rows = rows_->next(deadline_);
        for (const auto& row : rows) {
            cut_ = told_ == most_rows_;
            if (cut_) break;
            add_row(row);
        }
        over_ = rows.empty() || cut_;
        if (over_) add_foot();
    }
    auto piece = buffer_.substr(0, kPiece);
    buffer_.erase(0, piece.size());
    return piece;
}

void Export::add_head() {
    if (!csv_) {
        buffer_ += fmt::format("{{\"what\":\"{}\",\"rows\":[", what_);
        return;
    }
    for (std::size_t i = 0; i < columns_.size(); ++i)
        buffer_ += (i == 0 ? "" : ",") + csv_field(columns_[i]);
    buffer_ += "\r\n";
}

void Export::add_row(const Json& row) {
    if (csv_) {
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const auto value = row.find(columns_[i]);
            if (i != 0) buffer_ += ',';
            if (value != row.end()) buffer_ += csv_field(*value);
        }
        buffer_ += "\r\n";
    } else {
        buffer_ += told_ == 0 ? "\n" : ",\n";
        buffer_ += row.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    ++told_;
}

/// Where rows are left out it says so.
void Export::add_foot() {
    if (!csv_) {
        buffer_ += fmt::format("\n],\"complete\":{}}}\n", !cut_);
    } else if (cut_) {
        buffer_ += fmt::format("cut after {} rows: ask for a shorter span\r\n", told_);
    }
}

std::string Export::content_type() const {
    return csv_ ? "text/csv; charset=utf-8" : "application/json";
}

std::string Export::file_name() const {
    auto time = sources_.zone.format(sources_.clock.now()).substr(0, kMinutes);
    std::replace(time.begin(), time.end(), ' ', '-');
    std::erase(time, ':');
    return fmt::format("quotafuse-{}-{}.{}", what_, time, csv_ ? "csv" : "json");
}

std::string csv_field(const Json& value) {
    auto text = text_of(value);
    if (!value.is_string()) return text;
    constexpr std::string_view kFormula = "=+-@\t\r";
    if (!text.empty() && kFormula.find(text.front()) != std::string_view::npos)
        text.insert(text.begin(), '\'');
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    base::replace_all(text, "\"", "\"\"");
    return "\"" + text + "\"";
}

Json flat(const Json& row) {
    auto json = Json::object();
    flatten(row, {}, json);
    return json;
}

}  // namespace quotafuse::daemon::api
