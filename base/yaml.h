#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quotafuse::base::yaml {

/// Where something stands in a file, both from 1.
struct Place {
    int line = 1;
    int column = 1;
    auto operator<=>(const Place&) const = default;
};

struct Member;

/// One YAML value with its place. Aliases are expanded and merge keys (<<) resolved while loading.
struct Node {
    enum class Kind { null, scalar, list, map };
    Kind kind = Kind::null;
    bool quoted = false;  // a quoted scalar is text, whatever it looks like
    std::string text;     // of a scalar
    Place place;
    std::vector<Node> items;      // of a list
    std::vector<Member> members;  // of a map, in file order, keys unique

    const Node* find(std::string_view key) const;
    /// "a list", "text", … for messages.
    std::string describe() const;
};

struct Member {
    std::string key;
    Place key_place;
    Node value;
};

/// What copies of nodes take.
struct Weight {
    std::size_t values = 0;
    std::size_t text = 0;  // bytes, of keys too

    /// A node and all that is in it.
    void add(const Node& node);
};

/// The faults found, so that they are told at once: 1,000 errors and 1,000 warnings, and how many
/// more there are. What is listed is told once for a place, and a text of over 2,000 bytes is cut.
class Diagnostics {
public:
    void error(const std::string& file, Place place, std::string text);
    /// A fault of a file as a whole, for example one that cannot be read.
    void error(const std::string& file, std::string text);
    void warning(const std::string& file, Place place, std::string text);
    bool ok() const { return errors_.faults.empty(); }
    /// Those that are not listed included.
    std::size_t errors() const { return errors_.faults.size() + errors_.left_out; }
    /// "file:line:column: text" lines, by file in order of first fault, then by place. Warnings say
    /// so, unless the place where they go to does. "and 12 more errors" comes last.
    std::vector<std::string> lines(bool name_warnings = true) const;

private:
    struct Fault {
        std::size_t file;
        Place place;
        bool whole_file;
        bool warning;
        std::string text;
        auto operator<=>(const Fault&) const = default;
    };
    struct Told {
        std::map<Fault, std::size_t> faults;  // and in which order they came
        std::size_t left_out = 0;
    };
    std::size_t file_index(const std::string& file);
    void tell(Fault fault, Told& told);
    std::vector<std::string> files_;
    Told errors_;
    Told warnings_;
    std::size_t next_ = 0;
};

struct Document {
    std::string file;
    Node root;
};

/// Parses exactly one document. Syntax errors, duplicate keys, a second document, keys that are no
/// scalar, bad aliases, more than 100,000 values or 4 MB of text with aliases expanded (an alias
/// bomb), and more than 150,000 of the characters [ { , : ? are told to `diagnostics`; the result
/// is empty when the text cannot be used at all. An empty file is a null root.
std::optional<Document> parse(const std::string& file, const std::string& text,
                              Diagnostics& diagnostics);
/// parse() of a regular file of at most 1 MB; one that is not there, may not be read or is
/// something else is a diagnostic. Throws Failure (io_error) when reading it fails on the way.
std::optional<Document> load(const std::string& file, Diagnostics& diagnostics);

/// Reads the keys of one map: every reader below remembers its key as a known one, tells a wrong
/// type or range with its place, and returns nothing then; refuse_unknown() comes last.
class Mapping {
public:
    /// `what` names the map in messages ("a rule"). A node that is no map is told once.
    Mapping(std::string file, const Node& node, std::string what, Diagnostics& diagnostics);

    const Node* find(std::string_view key);
    /// As find, but its absence is an error.
    const Node* require(std::string_view key);

    std::optional<std::string> text(std::string_view key);
    std::optional<bool> boolean(std::string_view key);
    std::optional<std::int64_t> integer(std::string_view key, std::int64_t least,
                                        std::int64_t most);
    std::optional<double> number(std::string_view key);
    std::optional<std::chrono::milliseconds> duration(std::string_view key,
                                                      std::chrono::milliseconds least,
                                                      std::chrono::milliseconds most);
    /// Bytes, as a whole number with its unit: MB, GB (powers of 1000), MiB or GiB (of 1024).
    std::optional<std::int64_t> size(std::string_view key, std::int64_t least, std::int64_t most);
    /// One of the allowed words; the index into them.
    std::optional<std::size_t> choice(std::string_view key,
                                      const std::vector<std::string_view>& allowed);
    /// A list of texts, or one text alone.
    std::optional<std::vector<std::string>> texts(std::string_view key);

    void refuse_unknown();

    void error(Place place, std::string text) { diagnostics_.error(file_, place, std::move(text)); }
    const std::string& file() const { return file_; }
    Place place() const { return node_.place; }
    Diagnostics& diagnostics() { return diagnostics_; }

private:
    const Node* scalar(std::string_view key, std::string_view expected);
    std::string file_;
    const Node& node_;
    std::string what_;
    Diagnostics& diagnostics_;
    std::vector<std::string> known_;
};

/// Scalars as numbers and booleans; a quoted scalar is neither.
std::optional<std::int64_t> as_integer(const Node& node);
std::optional<double> as_number(const Node& node);
std::optional<bool> as_boolean(const Node& node);

}  // namespace quotafuse::base::yaml
