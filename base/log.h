#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::base {

/// error: somebody must act. warning: it may get worse. info: the state changed. debug: the rest.
enum class Level { debug, info, warning, error };

/// The program's log: one event a line on stderr, thread-safe. Under journald a line starts with
/// its priority (<3> … <7>, see sd-daemon(3)); on a terminal with the time and the level as a word.
/// Every configured secret (also percent-encoded) is replaced by *** before a line is written.
class Log {
public:
    explicit Log(Level lowest = Level::info);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void debug(std::string_view text) const { write(Level::debug, text); }
    void info(std::string_view text) const { write(Level::info, text); }
    void warning(std::string_view text) const { write(Level::warning, text); }
    void error(std::string_view text) const { write(Level::error, text); }

    /// Adds texts that no line may contain. Texts under 4 bytes are ignored: they would blank
    /// ordinary words.
    void hide(const std::vector<std::string>& secrets);
    /// What a line would look like: secrets replaced, control characters and line breaks as spaces.
    std::string clean(std::string_view text) const;

private:
    void write(Level level, std::string_view text) const;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace quotafuse::base
