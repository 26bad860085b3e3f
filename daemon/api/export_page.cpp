#include "daemon/api/export_page.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "daemon/api/export.h"

namespace quotafuse::daemon::api {

HttpReply export_page(const Sources& sources, const HttpRequest& request) {
    return answer([&] {
        auto source = std::make_shared<Export>(sources, request);
        HttpReply reply;
        reply.content_type = source->content_type();
        reply.headers.emplace_back("Content-Disposition",
                                   fmt::format("attachment; filename=\"{}\"", source->file_name()));
        reply.stream = std::move(source);
        return reply;
    });
}

}  // namespace quotafuse::daemon::api
