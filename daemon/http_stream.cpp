#include "daemon/http_stream.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "daemon/http_exchange.h"

namespace quotafuse::daemon {

class StreamPlaces::Framed final : public Producer {
public:
    Framed(StreamPlaces& places, std::shared_ptr<Producer> stream, bool chunked)
        : places_(places), stream_(std::move(stream)), chunked_(chunked) {}
    ~Framed() override {
        stream_.reset();  // whoever gets the place finds what it held given back
        ++places_.free_;
    }

    std::string next() override {
        if (ended_) return {};
        auto piece = stream_->next();
        ended_ = piece.empty();
        if (!chunked_) return piece;
        return ended_ ? "0\r\n\r\n" : fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
    }

private:
    StreamPlaces& places_;
    std::shared_ptr<Producer> stream_;
    bool chunked_;
    bool ended_ = false;
};

std::unique_ptr<Producer> StreamPlaces::take(std::shared_ptr<Producer> stream, bool chunked) {
    if (--free_ < 0) {
        ++free_;
        return nullptr;
    }
    return std::make_unique<Framed>(*this, std::move(stream), chunked);
}

std::string stream_head(const HttpReply& reply, bool chunked) {
    if (reply.status != 200) throw std::invalid_argument("only a success is streamed");
    std::string head = "HTTP/1.1 200 OK\r\n";
    const auto add = [&](std::string_view name, std::string_view value) {
        if (value.find_first_of("\r\n") != std::string_view::npos)
            throw std::invalid_argument("a header with a line break");
        head += fmt::format("{}: {}\r\n", name, value);
    };
    for (const auto& [name, value] : strict_headers(reply)) add(name, value);
    add("Content-Type", reply.content_type);
    if (chunked) add("Transfer-Encoding", "chunked");
    add("Connection", "close");
    return head + "\r\n";
}

}  // namespace quotafuse::daemon
