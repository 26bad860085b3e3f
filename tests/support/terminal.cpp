#include "support/terminal.h"

#include <array>
#include <cstdlib>
#include <stdexcept>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace quotafuse::tests {

Terminal::Terminal() : screen_(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) {
    std::array<char, 100> name{};
    const bool ok = screen_ >= 0 && ::grantpt(screen_) == 0 && ::unlockpt(screen_) == 0 &&
                    ::ptsname_r(screen_, name.data(), name.size()) == 0;
    line_ = ok ? ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    if (line_ < 0) throw std::runtime_error("no terminal");
    name_ = name.data();
}

Terminal::~Terminal() {
    ::close(line_);
    ::close(screen_);
}

void Terminal::type(const std::string& keys) const {
    if (::write(screen_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size()))
        throw std::runtime_error("cannot type on the terminal");
}

unsigned Terminal::flags() const {
    termios settings{};
    if (::tcgetattr(line_, &settings) != 0) throw std::runtime_error("no settings of the terminal");
    return settings.c_lflag;
}

bool Terminal::echoes() const {
    return (flags() & ECHO) != 0;
}

bool Terminal::understands_control_keys() const {
    return (flags() & ISIG) != 0 && (flags() & ICANON) != 0;
}

std::string Terminal::shown() const {
    std::string text;
    std::array<char, 1000> part{};
    for (ssize_t size = 0; (size = ::read(screen_, part.data(), part.size())) > 0;)
        text.append(part.data(), static_cast<std::size_t>(size));
    return text;
}

}  // namespace quotafuse::tests
