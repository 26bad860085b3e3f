#include "base/yaml.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <unordered_map>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/text.h"

namespace quotafuse::base::yaml {
namespace {

constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kDeepest = 100;

Place place_of(const YAML::Mark& mark) {
    return {mark.line + 1, mark.column + 1};
}

std::size_t count_nodes(const Node& node) {
    std::size_t count = 1;
    for (const auto& item : node.items) count += count_nodes(item);
    for (const auto& member : node.members) count += count_nodes(member.value);
    return count;
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
        auto copy = target->second;
        nodes_ += count_nodes(copy);
        limit(place_of(mark));
        add(std::move(copy), 0);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        auto node = make(Node::Kind::scalar, mark);
        node.quoted = tag == "!";
        node.text = value;
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
        if (nodes_ > kMostNodes) {
            fail(place, fmt::format("more than {} values, aliases expanded", kMostNodes));
        }
    }

    Node make(Node::Kind kind, const YAML::Mark& mark) {
        Node node;
        node.kind = kind;
        node.place = place_of(mark);
        ++nodes_;
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
            nodes_ += count_nodes(node) -
                      1;  // nested anchors copy what is inside of them again and again
            limit(node.place);
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
                fmt::format("duplicate key '{}', first on line {}", map.key, former->second.line));
        }
    }

    /// A map's own keys win over merged ones, earlier merges over later ones.
    void merge(Node& map) {
        for (auto& merge : open_.back().merges) {
            if (merge.value.kind == Node::Kind::map) {
                merge_one(map, merge.value);
            } else if (merge.value.kind == Node::Kind::list) {
                for (const auto& item : merge.value.items) {
                    if (item.kind != Node::Kind::map) fail(item.place, "<< takes maps only");
                    merge_one(map, item);
                }
            } else {
                fail(merge.key_place, "<< takes a map or a list of maps");
            }
        }
    }

    void merge_one(Node& map, const Node& from) {
        for (const auto& member : from.members) {
            const bool fresh = open_.back().keys.emplace(member.key, member.key_place).second;
            if (fresh) map.members.push_back(member);
        }
    }

    std::string file_;
    Diagnostics& diagnostics_;
    Node root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, Node> anchors_;
    std::size_t nodes_ = 0;
};

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

void Diagnostics::error(const std::string& file, Place place, std::string text) {
    faults_.push_back({file_index(file), place, false, false, std::move(text)});
    ++errors_;
}

void Diagnostics::error(const std::string& file, std::string text) {
    faults_.push_back({file_index(file), {0, 0}, true, false, std::move(text)});
    ++errors_;
}

void Diagnostics::warning(const std::string& file, Place place, std::string text) {
    faults_.push_back({file_index(file), place, false, true, std::move(text)});
}

std::size_t Diagnostics::file_index(const std::string& file) {
    const auto at = std::find(files_.begin(), files_.end(), file);
    if (at != files_.end()) return static_cast<std::size_t>(at - files_.begin());
    files_.push_back(file);
    return files_.size() - 1;
}

std::vector<std::string> Diagnostics::lines() const {
    auto sorted = faults_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        return std::tie(a.file, a.place) < std::tie(b.file, b.place);
    });
    std::vector<std::string> lines;
    for (const auto& fault : sorted) {
        const auto where = fault.whole_file ? files_[fault.file]
                                            : fmt::format("{}:{}:{}", files_[fault.file],
                                                          fault.place.line, fault.place.column);
        lines.push_back(
            fmt::format("{}: {}{}", where, fault.warning ? "warning: " : "", fault.text));
    }
    return lines;
}

std::optional<Document> parse(const std::string& file, const std::string& text,
                              Diagnostics& diagnostics) {
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
    std::error_code error;
    std::ifstream in{file, std::ios::binary};
    if (!in || std::filesystem::is_directory(file, error)) {
        diagnostics.error(file, "cannot be read (is it there, and may this user read it?)");
        return std::nullopt;
    }
    std::ostringstream text;
    text << in.rdbuf();
    return parse(file, text.str(), diagnostics);
}

}  // namespace quotafuse::base::yaml
