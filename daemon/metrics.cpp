#include "daemon/metrics.h"

#include <filesystem>
#include <utility>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "daemon/api/parameters.h"
#include "daemon/process_facts.h"
#include "daemon/version.h"

namespace quotafuse::daemon {
namespace {

using Type = MetricsText::Type;

void add_process(MetricsText& metrics) {
    metrics.begin("quotafuse_build_info", Type::gauge, "The version that runs; always 1");
    metrics.add({{"version", kVersion}}, std::int64_t{1});
    // Called as every program calls them, so that dashboards for all programs find them.
    const auto facts = process_facts();
    metrics.one("process_cpu_seconds_total", Type::counter,
                "CPU time of all threads, user and system", facts.cpu_seconds);
    if (facts.resident_bytes)
        metrics.one("process_resident_memory_bytes", Type::gauge, "Resident memory",
                    *facts.resident_bytes);
    if (facts.open_files)
        metrics.one("process_open_fds", Type::gauge, "Open file descriptors", *facts.open_files);
    if (facts.most_open_files)
        metrics.one("process_max_fds", Type::gauge, "The limit of open file descriptors",
                    *facts.most_open_files);
    if (facts.start_time)
        metrics.one("process_start_time_seconds", Type::gauge,
                    "When the process began, unix seconds", *facts.start_time);
}

/// 0 for a file that is not there.
std::int64_t size_of(const std::string& path) {
    std::error_code none;
    const auto size = std::filesystem::file_size(path, none);
    return none ? 0 : static_cast<std::int64_t>(size);
}

void add_store(MetricsText& metrics, const api::Inquiry& inquiry) {
    const std::string path = inquiry.database().getFilename();
    metrics.one("quotafuse_store_bytes", Type::gauge, "Size of the store's file", size_of(path));
    metrics.one("quotafuse_store_journal_bytes", Type::gauge, "Size of the store's journal (WAL)",
                size_of(path + "-wal"));
    SQLite::Statement query{inquiry.database(), "SELECT rows FROM position"};
    query.executeStep();
    metrics.one("quotafuse_store_rows", Type::gauge, "Rows of the gateway's log that are stored",
                query.getColumn(0).getInt64());
}

}  // namespace

MetricsPage::MetricsPage(const api::Sources& sources, Told told)
    : sources_(sources), told_(std::move(told)), cache_(sources.clock) {}

HttpReply MetricsPage::answer(const HttpRequest& request) {
    try {
        const api::Parameters none{request, {}};
    } catch (const api::BadParameter& wrong) {
        return error_reply(400, wrong.message);
    }
    const auto* const accept = request.header("accept");
    const auto format = accept == nullptr ? MetricsText::Format::plain : metrics_format(*accept);
    // Kept by the format, whatever else a header says.
    HttpRequest asked;
    asked.path = format == MetricsText::Format::plain ? "plain" : "openmetrics";
    return cache_.get(asked, kGoodFor,
                      [&](const HttpRequest& first) { return make(first, format); });
}

HttpReply MetricsPage::make(const HttpRequest& request, MetricsText::Format format) const {
    try {
        MetricsText metrics{format};
        add_process(metrics);
        add_status(metrics, api::Json::parse(told_.status()));
        add_rules(metrics, api::Json::parse(told_.rules()));
        const api::Inquiry inquiry{sources_, request};
        add_store(metrics, inquiry);
        add_breaker_steps(metrics, inquiry);
        add_gateway(metrics, inquiry);
        add_usage(metrics, inquiry);
        return {.content_type = std::string{metrics.content_type()}, .body = metrics.text()};
    } catch (const SQLite::Exception& e) {
        return api::unavailable(fmt::format("the store cannot be read: {}", e.what()));
    }
}

}  // namespace quotafuse::daemon
