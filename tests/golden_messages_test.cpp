#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <doctest/doctest.h>

#include "message_renderings.h"
#include "message_samples.h"

// Every kind of message, in both languages, as each provider sends it, stands in a file of
// tests/golden_messages. After a wanted change:
//   QUOTAFUSE_RENEW_MESSAGES=1 ./dev test messages
// and read the difference.
using namespace quotafuse;
using namespace quotafuse::tests;

namespace {

const std::filesystem::path kFolder = QUOTAFUSE_GOLDEN_MESSAGES;

bool renews() {
    return std::getenv("QUOTAFUSE_RENEW_MESSAGES") != nullptr;
}

std::string text_of(const notifiers::Message& message) {
    std::string text;
    for (const auto& rendering : render_everywhere(message)) {
        text += fmt::format("======== {}\n{}\n", rendering.provider, rendering.text);
        if (!rendering.text.ends_with('\n')) text += '\n';
    }
    return text;
}

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void check(const std::string& name, const std::string& text) {
    const auto path = kFolder / name;
    if (renews()) std::ofstream{path, std::ios::binary} << text;
    CAPTURE(name);
    CHECK(content_of(path) == text);
}

}  // namespace

TEST_CASE("every kind of message looks as its file says, by each provider and in each language") {
    if (renews()) {
        std::filesystem::remove_all(kFolder);
        std::filesystem::create_directories(kFolder);
    }
    std::set<std::string> known;
    for (const auto language : {daemon::Language::chinese, daemon::Language::english}) {
        for (const auto& [name, message] : Samples{language}.all()) {
            const auto file =
                fmt::format("{}.{}.txt", name, language == daemon::Language::chinese ? "zh" : "en");
            known.insert(file);
            check(file, text_of(message));
        }
    }
    if (renews()) FAIL("the files are renewed: read the difference, and run the test without it");
    for (const auto& entry : std::filesystem::directory_iterator{kFolder}) {
        const auto file = entry.path().filename().string();
        CAPTURE(file);
        CHECK(known.contains(file));  // else it is of no message any more
    }
}
