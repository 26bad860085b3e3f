#include "base/yaml.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <sstream>
#include <unordered_map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/failure.h"
#include "base/text.h"

namespace quotafuse::base::yaml {
namespace {

constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kMostText = 4'000'000;  // bytes
constexpr std::size_t kDeepest = 100;
/// Of the characters that make yaml-cpp's tokens: it holds those of a whole [ … ] before it hands
/// on the first. A value takes one of them; texts may have some, too.
constexpr std::size_t kMostMarks = kMostNodes / 2 * 3;
constexpr std::size_t kMostInFile = 1'000'000;  // bytes
constexpr std::size_t kLongestKey = 60;         // bytes, in a message

Place place_of(const YAML::Mark& mark) {
    return {mark.line + 1, mark.column + 1};
}

/// Thrown to leave yaml-cpp's parser early; never leaves this file.
struct Stop {};

/// Builds our tree from yaml-cpp's events. Its own Node class would accept duplicate keys, lose the
/// place of missing values, keep << as a plain key and share alias targets without a bound.
class Builder final : public YAML::EventHandler {
public:
    Builder(std::string file, Diagnostics& diagnostics)
        : file_(std::move(file)), diagnostics_(diagnostics) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add(make(Node::Kind::null, mark), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto target = anchors_.find(anchor);
        if (target == anchors_.end()) fail(place_of(mark), "this alias refers to itself");
        count_copy(target->second, place_of(mark));
        add(target->second, 0);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        auto node = make(Node::Kind::scalar, mark);
        node.quoted = tag == "!";
        node.text = value;
        weight_.text += value.size();
        limit(node.place);
        if (!node.quoted && (value == "~" || value == "null")) node.kind = Node::Kind::null;
        add(std::move(node), anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(make(Node::Kind::list, mark), anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(make(Node::Kind::map, mark), anchor);
    }
    void OnMapEnd() override {
        merge(open_.back().node);
        close();
    }

    Node take() { return std::move(root_); }

private:
    struct Open {
        Node node;
        YAML::anchor_t anchor;
        bool has_key = false;
        std::string key;
        Place key_place;
        std::vector<Member> merges;                     // values of <<, in order
        std::unordered_map<std::string, Place> keys{};  // of the map's members
    };

    [[noreturn]] void fail(Place place, std::string text) {
        diagnostics_.error(file_, place, std::move(text));
        throw Stop{};
    }

    void limit(Place place) {
        if (weight_.values > kMostNodes) {
            fail(place, fmt::format("more than {} values, aliases expanded", kMostNodes));
        }
        if (weight_.text > kMostText) {
            fail(place,
                 fmt::format("more than {} MB of text, aliases expanded", kMostText / 1'000'000));
        }
    }

    /// Before it is made: a copy that is too much must not even be tried.
    void count_copy(const Node& node, Place place) {
        weight_.add(node);
        limit(place);
    }

    Node make(Node::Kind kind, const YAML::Mark& mark) {
        Node node;
        node.kind = kind;
        node.place = place_of(mark);
        ++weight_.values;
        limit(node.place);
        return node;
    }

    void open(Node node, YAML::anchor_t anchor) {
        if (open_.size() >= kDeepest) fail(node.place, "nested too deeply");
        open_.push_back({std::move(node), anchor, false, {}, {}, {}, {}});
    }

    void close() {
        auto done = std::move(open_.back());
        open_.pop_back();
        add(std::move(done.node), done.anchor);
    }

    void add(Node node, YAML::anchor_t anchor) {
        if (anchor != 0) {
            // Nested anchors copy what is inside of them again and again.
            count_copy(node, node.place);
            anchors_[anchor] = node;
        }
        if (open_.empty()) {
            root_ = std::move(node);
        } else if (auto& parent = open_.back(); parent.node.kind == Node::Kind::list) {
            parent.node.items.push_back(std::move(node));
        } else if (!parent.has_key) {
            take_key(parent, node);
        } else {
            parent.has_key = false;
            take_value(parent, std::move(node));
        }
    }

    void take_key(Open& map, const Node& node) {
        if (node.kind != Node::Kind::scalar) fail(node.place, "a key must be plain text");
        map.has_key = true;
        map.key = node.text;
        map.key_place = node.place;
    }

    void take_value(Open& map, Node value) {
        if (map.key == "<<") {
            map.merges.push_back({map.key, map.key_place, std::move(value)});
            return;
        }
        const auto [former, fresh] = map.keys.emplace(map.key, map.key_place);
        if (fresh) {
            map.node.members.push_back({map.key, map.key_place, std::move(value)});
        } else {
            diagnostics_.error(
                file_, map.key_place,
                fmt::format("duplicate key '{}', first on line {}",
                            cut_bytes(valid_utf8(map.key), kLongestKey), former->second.line));
        }
    }

    /// A map's own keys win over merged ones, earlier merges over later ones.
    void merge(Node& map) {
        for (auto& merge : open_.back().merges) {
            if (merge.value.kind == Node::Kind::map) {
                merge_one(map, merge.value);
            } else if (merge.value.kind == Node::Kind::list) {
                for (auto& item : merge.value.items) {
                    if (item.kind != Node::Kind::map) fail(item.place, "<< takes maps only");
                    merge_one(map, item);
                }
            } else {
                fail(merge.key_place, "<< takes a map or a list of maps");
            }
        }
    }

    /// What is merged was copied, and counted, where its alias was expanded.
    void merge_one(Node& map, Node& from) {
        for (auto& member : from.members) {
            const bool fresh = open_.back().keys.emplace(member.key, member.key_place).second;
            if (fresh) map.members.push_back(std::move(member));
        }
    }

    std::string file_;
    Diagnostics& diagnostics_;
    Node root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, Node> anchors_;
    Weight weight_;  // of all that was read and copied
};

/// Where there is one mark too many.
std::optional<Place> end_of_marks(std::string_view text) {
    constexpr std::string_view kMarks = "[{,:?";
    Place place;
    std::size_t marks = 0;
    for (const char c : text) {
        if (kMarks.find(c) != kMarks.npos && ++marks > kMostMarks) return place;
        place = c == '\n' ? Place{place.line + 1, 1} : Place{place.line, place.column + 1};
    }
    return std::nullopt;
}

/// Closes at the end.
struct OpenFile {
    explicit OpenFile(const std::string& file)
        // A FIFO must not make us wait for its writer.
        : descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile() {
        if (descriptor >= 0) ::close(descriptor);
    }
    int descriptor;
};

/// Up to one byte more than a file may have. Throws Failure when the file cannot be read through.
std::string read_through(const std::string& file, int descriptor) {
    std::string text(kMostInFile + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const auto got = ::read(descriptor, text.data() + size, text.size() - size);
        if (got == 0) break;
        if (got > 0) {
            size += static_cast<std::size_t>(got);
        } else if (errno != EINTR) {
            throw Failure(ExitCode::io_error,
                          fmt::format("{}: cannot be read: {}", file, std::strerror(errno)));
        }
    }
    text.resize(size);
    return text;
}

}  // namespace

const Node* Node::find(std::string_view key) const {
    for (const auto& member : members) {
        if (member.key == key) return &member.value;
    }
    return nullptr;
}

std::string Node::describe() const {
    switch (kind) {
        case Kind::null:
            return "nothing";
        case Kind::list:
            return "a list";
        case Kind::map:
            return "a map";
        case Kind::scalar:
            return fmt::format("{}'{}'", quoted ? "the quoted text " : "",
                               cut_bytes(valid_utf8(text), 60));
    }
    std::abort();
}

void Weight::add(const Node& node) {
    ++values;
    text += node.text.size();
    for (const auto& item : node.items) add(item);
    for (const auto& member : node.members) {
        text += member.key.size();
        add(member.value);
    }
}

std::optional<Document> parse(const std::string& file, const std::string& text,
                              Diagnostics& diagnostics) {
    if (const auto place = end_of_marks(text)) {
        diagnostics.error(file, *place,
                          fmt::format("more than {} of the characters [ {{ , : ?", kMostMarks));
        return std::nullopt;
    }
    std::istringstream in{text};
    try {
        YAML::Parser parser{in};
        Builder builder{file, diagnostics};
        if (!parser.HandleNextDocument(builder)) return Document{file, {}};
        Document document{file, builder.take()};
        Builder second{file, diagnostics};
        if (parser.HandleNextDocument(second)) {
            diagnostics.error(file, second.take().place,
                              "a second document; one file holds one document");
        }
        return document;
    } catch (const Stop&) {
        return std::nullopt;  // already told
    } catch (const YAML::Exception& e) {
        diagnostics.error(file, e.mark.is_null() ? Place{} : place_of(e.mark), e.msg);
        return std::nullopt;
    }
}

std::optional<Document> load(const std::string& file, Diagnostics& diagnostics) {
    const OpenFile opened{file};
    struct stat facts {};
    if (opened.descriptor < 0 || ::fstat(opened.descriptor, &facts) != 0) {
        diagnostics.error(file, "cannot be read (is it there, and may this user read it?)");
        return std::nullopt;
    }
    if (!S_ISREG(facts.st_mode)) {
        diagnostics.error(file,
                          fmt::format("{}, not a file of text",
                                      S_ISDIR(facts.st_mode) ? "a folder" : "a pipe or device"));
        return std::nullopt;
    }
    const auto text = read_through(file, opened.descriptor);
    if (text.size() > kMostInFile) {
        diagnostics.error(
            file, fmt::format("larger than {} MB: that cannot be meant", kMostInFile / 1'000'000));
        return std::nullopt;
    }
    return parse(file, text, diagnostics);
}

}  // namespace quotafuse::base::yaml
