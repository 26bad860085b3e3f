#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "support/temp_dir.h"

namespace quotafuse::tests {

/// The real quotafuse, as a process of its own with nothing in its environment but what is given.
/// It dies with the test.
class Program {
public:
    /// `input`: what it reads, e.g. the name of a Terminal; the test's own where it is empty.
    explicit Program(std::vector<std::string> arguments,
                     std::map<std::string, std::string> environment = {},
                     const std::string& input = {});
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    /// The exit code, 128 + number for a signal; nothing when it still runs after `most`.
    std::optional<int> wait(std::chrono::milliseconds most = std::chrono::seconds{60});
    std::string out() const;
    std::string err() const;

private:
    TempDir folder_;
    pid_t pid_ = -1;
    std::optional<int> code_;
};

struct Ran {
    int code;
    std::string out;
    std::string err;
};
/// Runs it to its end.
Ran run_program(std::vector<std::string> arguments,
                std::map<std::string, std::string> environment = {});

struct Got {
    int status = 0;  // 0: nobody answered
    std::string body;
};
/// GET from 127.0.0.1.
Got http_get(int port, const std::string& path);
/// A port of 127.0.0.1 that nobody uses at the moment.
int free_port();

/// Asks again and again until it holds, at most for `most`. False when it never did.
bool eventually(const std::function<bool()>& holds,
                std::chrono::milliseconds most = std::chrono::seconds{30});

void write_file(const std::string& path, const std::string& text);
std::string read_file(const std::string& path);

}  // namespace quotafuse::tests
