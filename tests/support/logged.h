#pragma once

#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "support/temp_dir.h"

namespace quotafuse::tests {

/// What the program writes to stderr while this lives: the lines of a base::Log.
class Logged {
public:
    Logged() : former_(::dup(STDERR_FILENO)) {
        const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (former_ < 0 || file < 0 || ::dup2(file, STDERR_FILENO) < 0)
            throw std::runtime_error("stderr cannot be redirected");
        ::close(file);
    }
    ~Logged() {
        ::dup2(former_, STDERR_FILENO);
        ::close(former_);
    }
    Logged(const Logged&) = delete;
    Logged& operator=(const Logged&) = delete;

    /// The lines since the last call.
    std::vector<std::string> take() {
        std::vector<std::string> lines;
        auto* const file = std::fopen(path_.c_str(), "r");
        if (file == nullptr) throw std::runtime_error("what was logged cannot be read");
        std::fseek(file, read_, SEEK_SET);
        std::string line;
        for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
            if (c != '\n')
                line += static_cast<char>(c);
            else
                lines.push_back(std::exchange(line, {}));
        }
        read_ = std::ftell(file);
        std::fclose(file);
        return lines;
    }

private:
    TempDir folder_;
    std::string path_ = folder_.file("stderr");
    int former_;
    long read_ = 0;
};

}  // namespace quotafuse::tests
