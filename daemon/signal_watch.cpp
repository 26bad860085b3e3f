#include "daemon/signal_watch.h"

#include <csignal>

namespace quotafuse::daemon {

SignalWatch::SignalWatch()
    : thread_([this](const std::stop_token& end) {
          while (!end.stop_requested() && signal_ == 0) {
              signal_ = signals_.wait(base::Milliseconds{50});
          }
          if (signal_ != 0) source_.request_stop();
      }) {}

void SignalWatch::die_if_stopped() {
    thread_ = {};
    if (signal_ == 0) return;
    signals_.release();
    std::raise(signal_);
}

}  // namespace quotafuse::daemon
