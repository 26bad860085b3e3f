#pragma once

#include <mutex>
#include <utility>

namespace quotafuse::base {

/// A value that can only be reached while its mutex is held.
template <class T>
class Guarded {
public:
    Guarded() = default;
    explicit Guarded(T value) : value_(std::move(value)) {}

    template <class F>
    decltype(auto) with(F&& use) {
        const std::scoped_lock lock{mutex_};
        return std::forward<F>(use)(value_);
    }
    T copy() const {
        const std::scoped_lock lock{mutex_};
        return value_;
    }
    void set(T value) {
        const std::scoped_lock lock{mutex_};
        value_ = std::move(value);
    }

private:
    mutable std::mutex mutex_;
    T value_{};
};

}  // namespace quotafuse::base
