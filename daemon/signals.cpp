#include "daemon/signals.h"

#include <pthread.h>
#include <time.h>

namespace quotafuse::daemon {

Signals::Signals() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set_, signal);
    ::pthread_sigmask(SIG_BLOCK, &set_, &former_);
}

Signals::~Signals() {
    release();
}

void Signals::release() {
    ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
}

int Signals::wait(base::Milliseconds most) const {
    const struct timespec limit { most.count() / 1000, (most.count() % 1000) * 1'000'000 };
    const int signal = ::sigtimedwait(&set_, nullptr, &limit);
    return signal > 0 ? signal : 0;
}

}  // namespace quotafuse::daemon
