#include "daemon/errands.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/failure.h"

namespace quotafuse::daemon {

using base::ExitCode;
using base::Failure;

struct Errands::Errand {
    Act act;
    bool begun = false;
    bool done = false;
    std::string answer{};
    std::exception_ptr error{};
};

std::string Errands::ask(Act act) {
    const auto errand = std::make_shared<Errand>(Errand{std::move(act)});
    {
        const std::scoped_lock lock{mutex_};
        if (closed_) throw Failure(ExitCode::unavailable, "the daemon is stopping");
        waiting_.push_back(errand);
    }
    wake_();
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, kPatience, [&] { return errand->begun || closed_; });
    if (!errand->begun) {
        std::erase(waiting_, errand);
        throw Failure(ExitCode::unavailable,
                      closed_ ? "the daemon is stopping"
                              : "the daemon is busy, nothing was done; try again in a moment");
    }
    // What has begun is carried out, so its end is worth waiting for.
    changed_.wait(lock, [&] { return errand->done; });
    if (errand->error) std::rethrow_exception(errand->error);
    return std::move(errand->answer);
}

void Errands::run() {
    std::unique_lock lock{mutex_};
    while (!waiting_.empty()) {
        const auto errand = std::move(waiting_.front());
        waiting_.pop_front();
        errand->begun = true;
        lock.unlock();
        try {
            errand->answer = errand->act();
        } catch (const std::exception&) {
            errand->error = std::current_exception();  // for the one who asked
        }
        lock.lock();
        errand->done = true;
        changed_.notify_all();
    }
}

void Errands::close() {
    const std::scoped_lock lock{mutex_};
    closed_ = true;
    changed_.notify_all();
}

}  // namespace quotafuse::daemon
