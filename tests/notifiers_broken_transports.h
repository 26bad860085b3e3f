#pragma once

#include <string>
#include <vector>

#include "notifiers/outcome.h"
#include "support/chat_services.h"

// Servers that take a request and give no whole answer: rows X1 to X5 of what services do.
namespace quotafuse::tests {

struct BrokenTransport {
    notifiers::Outcome::Kind means;
    RawServer::Behaviour behaviour;
    bool endless = false;  // a status of success, and then more than anybody reads
};

inline void say_part(int socket, const std::string&) {
    RawServer::say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\":");
}

inline void say_without_end(int socket, const std::string&) {
    RawServer::say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    for (int i = 0; i < 64; ++i) RawServer::say(socket, chunk);  // 4 MiB, unless hung up on
}

/// For a client that waits no longer than it must: the first one never answers.
inline std::vector<BrokenTransport> broken_transports() {
    using Kind = notifiers::Outcome::Kind;
    return {
        {Kind::ambiguous, RawServer::hang},                 // X1
        {Kind::ambiguous, [](int, const std::string&) {}},  // X2
        {Kind::ambiguous, say_part},                        // X4, a short body
        {Kind::ambiguous,
         [](int socket, const std::string& request) {  // X4, a reset
             say_part(socket, request);
             RawServer::reset(socket);
         }},
        {Kind::transient,
         [](int socket, const std::string&) { RawServer::say(socket, "hello"); }},  // X4b
        {Kind::ambiguous, say_without_end, true},                                   // X5
    };
}

}  // namespace quotafuse::tests
