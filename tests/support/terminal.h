#pragma once

#include <string>

namespace quotafuse::tests {

/// A terminal that a test sits before: a Program may have it as its input.
class Terminal {
public:
    Terminal();
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    const std::string& name() const { return name_; }
    void type(const std::string& keys) const;
    /// Whether what is typed is shown, as of now.
    bool echoes() const;
    /// Whether Ctrl-C is a signal and Ctrl-D an end, as of now.
    bool understands_control_keys() const;
    /// What came on the screen since the last call.
    std::string shown() const;

private:
    unsigned flags() const;
    int screen_;
    int line_;  // kept open, so that its settings outlive who read from it
    std::string name_;
};

}  // namespace quotafuse::tests
