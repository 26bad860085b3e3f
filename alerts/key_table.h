#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "alerts/series_key.h"

namespace quotafuse::alerts {

/// Numbers the keys of windows with the same grouping, so that a row's key is looked up once for
/// all of them and each finds its series by a small number. A number lives while anybody holds it.
class KeyTable {
public:
    using Slot = std::uint32_t;
    static constexpr Slot kNone = ~Slot{0};

    explicit KeyTable(std::vector<Dimension> by) : by_(std::move(by)), places_(kFewest, kNone) {}

    const std::vector<Dimension>& by() const { return by_; }
    const SeriesKey& key(Slot slot) const { return entries_[slot].key; }
    /// kNone for a key that has no number.
    Slot find(const SeriesKey& key) const { return places_[place_of(key)]; }
    /// The number of the key, a new one that nobody holds if it had none.
    Slot add(const SeriesKey& key) {
        const auto place = place_of(key);
        if (places_[place] != kNone) return places_[place];
        auto slot = static_cast<Slot>(entries_.size());
        if (free_.empty()) {
            entries_.push_back({key, 0});
        } else {
            slot = free_.back();
            free_.pop_back();
            entries_[slot] = {key, 0};
        }
        places_[place] = slot;
        if (++used_ * 2 > places_.size()) rehash(places_.size() * 2);
        return slot;
    }
    void hold(Slot slot) { ++entries_[slot].holders; }
    void release(Slot slot) {
        if (--entries_[slot].holders > 0) return;
        remove(place_of(entries_[slot].key));
        free_.push_back(slot);
    }

private:
    static constexpr std::size_t kFewest = 64;
    struct Entry {
        SeriesKey key;
        std::uint32_t holders = 0;
    };

    std::size_t home_of(const SeriesKey& key) const {
        std::size_t hash = 0;
        for (std::size_t i = 0; i < by_.size(); ++i) hash = mix(hash, key.parts[i]);
        return hash & (places_.size() - 1);
    }
    static std::size_t mix(std::size_t hash, const KeyPart& part) {
        // The golden ratio spreads neighbouring ids over the table.
        const auto number = static_cast<std::size_t>(part.number);
        hash = (hash ^ number ^ (static_cast<std::size_t>(part.text) << 40U)) * 0x9E3779B97F4A7C15U;
        return hash ^ (hash >> 29U);
    }
    bool equal(const SeriesKey& a, const SeriesKey& b) const {
        for (std::size_t i = 0; i < by_.size(); ++i) {
            if (a.parts[i].number != b.parts[i].number || a.parts[i].text != b.parts[i].text) {
                return false;
            }
        }
        return true;
    }
    /// Where the key is, or would be.
    std::size_t place_of(const SeriesKey& key) const {
        auto place = home_of(key);
        while (places_[place] != kNone && !equal(entries_[places_[place]].key, key)) {
            place = (place + 1) & (places_.size() - 1);
        }
        return place;
    }
    /// Closes the hole: what comes after it and would be found in it moves up.
    void remove(std::size_t hole) {
        const auto mask = places_.size() - 1;
        places_[hole] = kNone;
        --used_;
        for (auto next = (hole + 1) & mask; places_[next] != kNone; next = (next + 1) & mask) {
            const auto home = home_of(entries_[places_[next]].key);
            if (((next - home) & mask) < ((next - hole) & mask)) continue;
            places_[hole] = std::exchange(places_[next], kNone);
            hole = next;
        }
    }
    void rehash(std::size_t size) {
        const auto former = std::exchange(places_, std::vector<Slot>(size, kNone));
        for (const auto slot : former) {
            if (slot != kNone) places_[place_of(entries_[slot].key)] = slot;
        }
    }

    const std::vector<Dimension> by_;
    std::vector<Slot> places_;  // open addressing, a power of two
    std::vector<Entry> entries_;
    std::vector<Slot> free_;
    std::size_t used_ = 0;
};

}  // namespace quotafuse::alerts
