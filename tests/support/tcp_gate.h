#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace quotafuse::tests {

/// A proxy on 127.0.0.1 before a server of the same host, for what networks do to connections. What
/// it is told holds at once, for connections that exist and those to come. Thread-safe; its own
/// thread ends with it.
class TcpGate {
public:
    explicit TcpGate(unsigned target_port);
    ~TcpGate();
    TcpGate(const TcpGate&) = delete;
    TcpGate& operator=(const TcpGate&) = delete;

    unsigned port() const { return port_; }

    /// Everything flows, also what was held back.
    void pass();
    /// Nobody listens; what is connected stays.
    void refuse();
    /// Connections are taken, but not a byte goes through, either way.
    void stall();
    /// After so many more bytes of the server's answers, on whichever connection: its client gets
    /// no more (stall), or the connection is reset (cut). Later connections are treated as usual.
    void stall_after(std::size_t bytes);
    void cut_after(std::size_t bytes);
    /// The server's answers come at this rate, one slice each 20 ms.
    void slow(std::size_t bytes_per_second);
    /// All connections are reset; new ones are taken.
    void cut_all();

    /// Connections that were ever taken, and bytes of answers that went through.
    int connections() const;
    std::size_t answered() const;

private:
    struct Plan {
        bool listening = true;
        bool stalled = false;
        std::optional<std::size_t> stall_after;
        std::optional<std::size_t> cut_after;
        std::size_t bytes_per_second = 0;  // 0: as fast as it goes
    };
    struct Link {
        int client = -1;
        int server = -1;
        std::string request;  // read from the client, not yet written to the server
        std::string answer;
        bool stalled = false;
    };

    void change(const std::function<void(Plan&)>& how);
    void run(const std::stop_token& stop);
    void step();
    void listen();
    void stop_listening();
    void take();
    void move(Link& link, short client_events, short server_events);
    static bool read(int from, std::string& to);
    static bool write(std::string& from, int to, std::size_t most);
    std::size_t answer_allowance(const Link& link) const;
    void forward_answer(Link& link);
    static void close(Link& link);

    unsigned target_ = 0;
    unsigned port_ = 0;
    int wake_ = -1;
    int listener_ = -1;
    mutable std::mutex mutex_;  // guards all below
    Plan plan_;
    std::list<Link> links_;
    int connections_ = 0;
    std::size_t answered_ = 0;
    std::size_t slice_ = 0;  // bytes that may still go out in this slice of time
    std::chrono::steady_clock::time_point next_slice_;
    std::jthread thread_;
};

}  // namespace quotafuse::tests
