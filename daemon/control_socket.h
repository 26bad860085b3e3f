#pragma once

#include <functional>
#include <map>
#include <string>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/request_loop.h"

namespace quotafuse::daemon {

/// Answers one request with one JSON text. `request_json` is the whole request, a JSON object whose
/// "command" named this function. Called by one thread, one request at a time; a slow one delays
/// only the next. A thrown Failure reaches the client as {"error":{"code":exit
/// code,"message":text}}.
using ControlCommand = std::function<std::string(const std::string& request_json)>;

/// The door through which commands of this host reach the running daemon: a Unix socket, mode 0660.
/// One request a connection: a line of JSON {"command":"status"} in, a line of JSON out.
class ControlSocket {
public:
    /// 4 KiB and 2 s a request, 16 clients at once.
    static RequestLimits default_limits();

    /// Listens at once and takes over the file of a dead daemon. Throws Failure: unavailable when a
    /// live one answers there, io_error when the path cannot be used. `clock` and `log` outlive the
    /// socket.
    ControlSocket(std::string path, std::map<std::string, ControlCommand> commands,
                  const base::Clock& clock, const base::Log& log,
                  const RequestLimits& limits = default_limits());
    /// Stops at once and removes the file, unless another daemon has put its own there.
    ~ControlSocket();
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;

private:
    std::string path_;
    struct stat file_ {};
    RequestLoop loop_;
};

}  // namespace quotafuse::daemon
