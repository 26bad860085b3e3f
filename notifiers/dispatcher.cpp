#include "notifiers/dispatcher.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/format.h>

namespace quotafuse::notifiers {

class Dispatcher::Sender {
public:
    Sender(Entry entry, OnResult on_result)
        : name_(std::move(entry.name)),
          provider_(std::move(entry.provider)),
          on_result_(std::move(on_result)),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}

    const std::string& name() const { return name_; }

    bool idle() const {
        const std::scoped_lock lock{mutex_};
        return !busy_;
    }

    void send(std::int64_t delivery, Mail mail) {
        {
            const std::scoped_lock lock{mutex_};
            if (busy_) throw std::logic_error("the notifier " + name_ + " is busy");
            busy_ = true;
            job_ = Job{delivery, std::move(mail)};
        }
        wake_.notify_one();
    }

    void request_stop() {
        thread_.request_stop();
        provider_->interrupt();
    }
    void join() {
        if (thread_.joinable()) thread_.join();
    }

private:
    struct Job {
        std::int64_t delivery;
        Mail mail;
    };

    void run(const std::stop_token& stop) {
        while (const auto job = next_job(stop)) {
            auto outcome = attempt(job->mail);
            {
                // Before the result is told: whoever it wakes may send the next at once.
                const std::scoped_lock lock{mutex_};
                busy_ = false;
            }
            on_result_({name_, job->delivery, std::move(outcome)});
        }
    }

    std::optional<Job> next_job(const std::stop_token& stop) {
        std::unique_lock lock{mutex_};
        wake_.wait(lock, stop, [this] { return job_.has_value(); });
        if (stop.stop_requested()) return std::nullopt;
        return std::exchange(job_, std::nullopt);
    }

    /// A failure of our own, such as one of rendering, must neither end the program nor block the
    /// queue.
    Outcome attempt(const Mail& mail) {
        try {
            return provider_->send(mail);
        } catch (const std::exception& e) {
            return {Outcome::Kind::transient, {}, fmt::format("cannot send: {}", e.what()), 3};
        }
    }

    std::string name_;
    std::unique_ptr<Provider> provider_;
    OnResult on_result_;
    mutable std::mutex mutex_;
    std::condition_variable_any wake_;
    std::optional<Job> job_;
    bool busy_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

Dispatcher::Dispatcher(std::vector<Entry> notifiers, OnResult on_result) {
    for (auto& entry : notifiers) {
        senders_.push_back(std::make_unique<Sender>(std::move(entry), on_result));
    }
}

Dispatcher::~Dispatcher() {
    stop();
}

bool Dispatcher::idle(const std::string& notifier) const {
    const auto* const sender = find(notifier);
    return sender != nullptr && sender->idle();
}

void Dispatcher::send(const std::string& notifier, std::int64_t delivery, Mail mail) {
    auto* const sender = find(notifier);
    if (sender == nullptr) throw std::logic_error("no notifier is called " + notifier);
    sender->send(delivery, std::move(mail));
}

void Dispatcher::stop() {
    for (const auto& sender : senders_) sender->request_stop();
    for (const auto& sender : senders_) sender->join();
}

Dispatcher::Sender* Dispatcher::find(const std::string& notifier) const {
    for (const auto& sender : senders_) {
        if (sender->name() == notifier) return sender.get();
    }
    return nullptr;
}

}  // namespace quotafuse::notifiers
