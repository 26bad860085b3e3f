#include "daemon/control_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/text.h"
#include "daemon/unix_socket.h"

namespace quotafuse::daemon {
namespace {

using base::ExitCode;
using base::Failure;
using nlohmann::json;

std::string error_line(ExitCode code, std::string_view message) {
    const json error{
        {"error", {{"code", static_cast<int>(code)}, {"message", base::valid_utf8(message)}}}};
    return error.dump() + "\n";
}

class ControlProtocol final : public RequestProtocol {
public:
    ControlProtocol(std::map<std::string, ControlCommand> commands, const base::Log& log)
        : commands_(std::move(commands)), log_(log) {}

    std::optional<std::size_t> length(std::string_view bytes, std::size_t searched) const override {
        const auto end = bytes.find('\n', searched);
        return end == std::string_view::npos ? std::nullopt : std::optional{end + 1};
    }

    Answer answer(std::string_view request, const std::string&) const override {
        return {.bytes = reply_to(request)};
    }

    std::string refuse(Refusal why) const override {
        switch (why) {
            case Refusal::too_large:
                return error_line(ExitCode::usage, "the request is too long");
            case Refusal::too_slow:
                return error_line(ExitCode::usage,
                                  "the request took too long to arrive; end it with a line break");
            case Refusal::too_busy:
            case Refusal::too_many_listeners:
                return error_line(ExitCode::unavailable,
                                  "the daemon has too many clients; try again");
        }
        std::abort();
    }

private:
    std::string reply_to(std::string_view request) const {
        const auto parsed = json::parse(request, nullptr, false);
        const auto name = parsed.is_object() ? parsed.find("command") : parsed.end();
        if (name == parsed.end() || !name->is_string()) {
            return error_line(ExitCode::usage,
                              R"(write one line of JSON, as {"command":"status"})");
        }
        const auto command = commands_.find(name->get<std::string>());
        if (command == commands_.end()) return error_line(ExitCode::usage, unknown_command());
        return run(command->first, command->second, std::string{base::trim(request)});
    }

    std::string unknown_command() const {
        std::string known;
        for (const auto& [name, command] : commands_) known += (known.empty() ? "" : ", ") + name;
        return "this daemon does not know that command; it knows: " + known;
    }

    std::string run(const std::string& name, const ControlCommand& command,
                    const std::string& request) const {
        try {
            auto reply = command(request);
            std::replace(reply.begin(), reply.end(), '\n',
                         ' ');  // a line break only ever ends the reply
            return reply + "\n";
        } catch (const Failure& e) {
            return error_line(e.code(), e.what());
        } catch (const std::exception& e) {
            log_.error(fmt::format("control command {} failed: {}", name, e.what()));
            return error_line(ExitCode::failed, "the command failed; the daemon's log says why");
        }
    }

    std::map<std::string, ControlCommand> commands_;
    const base::Log& log_;
};

[[noreturn]] void fail(const std::string& path, int why) {
    auto text = fmt::format("control socket {}: {}", path, std::strerror(why));
    if (why == ENOENT || why == EACCES) {
        text +=
            "; its folder must exist and belong to the daemon's user (systemd: "
            "RuntimeDirectory=quotafuse)";
    }
    throw Failure(ExitCode::io_error, text);
}

/// Makes sure that nothing but the leftover of a dead daemon stands at `path`.
void require_free(const std::string& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
        if (errno == ENOENT) return;  // also for a missing folder, which bind() reports
        fail(path, errno);
    }
    if (!S_ISSOCK(found.st_mode)) {
        throw Failure(ExitCode::io_error,
                      fmt::format("control socket {}: a file that is not a socket is in the "
                                  "way; move it or set another path",
                                  path));
    }
    if (connect_unix(path) || errno == EAGAIN) {
        throw Failure(
            ExitCode::unavailable,
            fmt::format("control socket {}: another quotafuse answers there; stop that one first",
                        path));
    }
    if (errno != ECONNREFUSED) fail(path, errno);
}

/// Binds beside `path` and renames: whoever finds the file can connect, and its mode was right from
/// the start.
FileDescriptor listen_at(const std::string& path, struct stat& file) {
    require_free(path);
    const auto draft = path + ".new";
    ::unlink(draft.c_str());
    auto socket = bind_unix(draft);
    if (!socket) fail(path, errno);
    if (::chmod(draft.c_str(), 0660) != 0 || ::listen(socket.get(), SOMAXCONN) != 0 ||
        ::lstat(draft.c_str(), &file) != 0 || std::rename(draft.c_str(), path.c_str()) != 0) {
        const int why = errno;
        ::unlink(draft.c_str());
        fail(path, why);
    }
    return socket;
}

}  // namespace

RequestLimits ControlSocket::default_limits() {
    return {.request_bytes = 4096,
            .request_time = base::Milliseconds{2000},
            .threads = 1,
            .queued = 8,
            .connections = 16};
}

ControlSocket::ControlSocket(std::string path, std::map<std::string, ControlCommand> commands,
                             const base::Clock& clock, const base::Log& log,
                             const RequestLimits& limits)
    : path_(std::move(path)),
      loop_(listen_at(path_, file_), std::make_unique<ControlProtocol>(std::move(commands), log),
            limits, clock, log) {}

ControlSocket::~ControlSocket() {
    struct stat now {};
    const bool ours = ::lstat(path_.c_str(), &now) == 0 && now.st_dev == file_.st_dev &&
                      now.st_ino == file_.st_ino;
    if (ours) ::unlink(path_.c_str());
}

}  // namespace quotafuse::daemon
