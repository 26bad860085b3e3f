#pragma once

#include <atomic>
#include <string>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"
#include "daemon/access.h"
#include "daemon/digest.h"
#include "daemon/sessions.h"
#include "daemon/slow_down.h"

namespace quotafuse::daemon {

/// Finds out whether who asks has the password: by a session's cookie, as
/// `Authorization: Bearer PASSWORD`, or in a login form. Only where there is a password.
/// Thread-safe.
class Login {
public:
    /// All outlive it. Sessions of another password end.
    Login(const Access& access, Sessions& sessions, const base::Clock& clock, const base::Log& log);

    enum class Verdict { member, stranger, must_wait };
    struct Judgement {
        Verdict verdict = Verdict::stranger;
        base::Seconds wait{0};  // where it must
    };
    /// Tells by cookie and header. A wrong Bearer counts as a wrong password.
    Judgement judge(const HttpRequest& request);
    /// Only by the cookie.
    bool has_session(const HttpRequest& request);

    /// POST /login: `password=` of a form, or {"password": …}. Right: a session begins, and 303 to
    /// the page, or 204 for who accepts JSON. Else the form again with what is wrong, or an error.
    HttpReply log_in(const HttpRequest& request);
    /// POST /logout: the session is over.
    HttpReply log_out(const HttpRequest& request);

private:
    Judgement try_password(const std::string& client, const std::string& password);
    bool is_right(const std::string& password, const Digest& digest);
    HttpReply begin_session(const HttpRequest& request);

    static constexpr int kChecksAtOnce = 2;  // of a hash

    const Access& access_;
    Sessions& sessions_;
    const base::Log& log_;
    const bool hashed_;
    SlowDown slow_down_;
    std::atomic<int> checks_ = 0;
    base::Guarded<Digest> known_;  // of the right password; of a hash's none until one was right
};

/// The page with the form. `trouble` is told above it in both languages.
enum class LoginTrouble { none, wrong, wait };
HttpReply login_page(LoginTrouble trouble);

/// 401 in the one shape of errors.
HttpReply refuse_stranger();
/// 429 with Retry-After.
HttpReply refuse_for_now(base::Seconds wait);

}  // namespace quotafuse::daemon
