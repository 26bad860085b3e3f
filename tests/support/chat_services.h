#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"

namespace quotafuse::tests {

/// One request as it arrived.
struct Call {
    std::string method;
    std::string path;  // with the query
    std::string content_type;
    std::string body;
};

struct Reply {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    std::map<std::string, std::string> headers = {};
};

/// What a service makes of a request: its answer and, when it accepts, what a reader then sees.
struct Judgement {
    Reply reply;
    std::string shown;
    std::vector<std::string> mentioned = {};  // whom the message would call
};
using Judge = std::function<Judgement(const Call&)>;

/// The services with their own rules: sizes, markup, signature, UTF-8, content type, secrets in the
/// URL.
Judge telegram_rules(const std::string& token, const std::vector<std::string>& chats);
/// A hook that demands signatures when `secret` is not empty, and a word in every message;
/// `clock` tells it the time.
Judge feishu_rules(const std::string& hook, const std::string& secret, const base::Clock& clock,
                   const std::string& keyword = "");
Judge wecom_rules(const std::string& key);
/// As Feishu's.
Judge dingtalk_rules(const std::string& token, const std::string& secret, const base::Clock& clock,
                     const std::string& keyword = "");

/// So many requests in any stretch of time of that length: the next is refused, and all that come
/// in the time of `block` after it. Refused ones count as well.
struct RateLimit {
    std::size_t most;
    std::chrono::milliseconds window;
    std::chrono::milliseconds block{0};
};
Judge with_limits(Judge judge, std::vector<RateLimit> limits, Reply refusal,
                  const base::Clock& clock);
/// With the limits that the service documents (Telegram: of a group), on `clock`.
Judge limited_telegram(Judge judge, const base::Clock& clock);
Judge limited_feishu(Judge judge, const base::Clock& clock);
Judge limited_wecom(Judge judge, const base::Clock& clock);
Judge limited_dingtalk(Judge judge, const base::Clock& clock);

/// A chat service on a free port of 127.0.0.1. All of it may be used from any thread.
class ChatService {
public:
    explicit ChatService(Judge judge);
    ~ChatService();
    ChatService(const ChatService&) = delete;
    ChatService& operator=(const ChatService&) = delete;

    std::string url() const;
    /// The next requests are answered with these, in order; what follows is judged again.
    void script(std::vector<Reply> replies);
    /// Every request is answered with this.
    void always(Reply reply);

    std::vector<Call> calls() const;
    /// Of the messages that it accepted.
    std::vector<std::string> shown() const;
    std::vector<std::string> mentioned() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A server below HTTP: reads each request whole, then does what it is told with the connection,
/// one at a time.
class RawServer {
public:
    using Behaviour = std::function<void(int socket, const std::string& request)>;
    explicit RawServer(Behaviour behaviour);
    ~RawServer();
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;
    std::string url() const;

    /// Behaviours.
    static void hang(int socket, const std::string& request);  // until the client goes away
    static void say(int socket, const std::string& text);      // ignores a client that went away
    static void reset(int socket);                             // the connection ends with RST

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A URL of 127.0.0.1 where nobody listens.
std::string refusing_url();

}  // namespace quotafuse::tests
