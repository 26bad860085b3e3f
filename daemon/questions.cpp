#include "daemon/questions.h"

#include <iostream>

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/signal_watch.h"

namespace quotafuse::daemon {
namespace {

constexpr int kStep = 100;  // ms between looks at the signals

/// While it lives, what is typed is not shown.
class HiddenInput {
public:
    explicit HiddenInput(bool wanted) : active_(wanted && ::tcgetattr(STDIN_FILENO, &shown_) == 0) {
        if (!active_) return;
        auto hidden = shown_;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    ~HiddenInput() {
        if (!active_) return;
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown_);
        std::cerr << '\n';
    }
    HiddenInput(const HiddenInput&) = delete;
    HiddenInput& operator=(const HiddenInput&) = delete;

private:
    termios shown_{};
    bool active_;
};

/// False once a signal came first.
bool wait_for_line(const SignalWatch& signals) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    while (!signals.stopped()) {
        if (::poll(&input, 1, kStep) > 0) return true;
    }
    return false;
}

}  // namespace

bool on_a_terminal() {
    return ::isatty(STDIN_FILENO) == 1;
}

std::optional<std::string> ask(const std::string& question, bool secret) {
    SignalWatch signals;
    std::string answer;
    bool came = false;
    {
        const HiddenInput hidden{secret};
        std::cerr << question << std::flush;
        came = wait_for_line(signals) && std::getline(std::cin, answer);
    }
    if (signals.stopped()) {
        std::cerr << "\nstopped; nothing was written\n";
        signals.die_if_stopped();
    }
    if (!came) return std::nullopt;
    return answer;
}

}  // namespace quotafuse::daemon
