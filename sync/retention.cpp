#include <algorithm>
#include <limits>

#include "sync/gauge_tables.h"
#include "sync/store.h"
#include "sync/store_tables.h"

namespace quotafuse::sync {
namespace {

// Of one call of keep_up(), so that it takes some milliseconds.
constexpr int kMostRows = 500;
constexpr int kMostRolledUp = 200;  // each may be a row in a dozen tables
constexpr int kMostTexts = 100;     // some are several pages
constexpr int kMostSums = 500;
constexpr int kMostChanges = 500;

constexpr base::Seconds kRest{5};          // between looks that found nothing to do …
constexpr std::size_t kManyRows = 20'000;  // … while fewer rows than this come in

// A gateway without a row for longer ages no further.
constexpr std::int64_t kLongestSilence = 86'400;

// Above its bound the store goes down to this part of it, so that it does not live at the edge.
constexpr std::int64_t kPercentLeft = 98;

std::int64_t read_pragma(base::Database& database, const char* sql) {
    SQLite::Statement query{database.handle(), sql};
    query.executeStep();
    return query.getColumn(0).getInt64();
}

}  // namespace

Store::Upkeep Store::keep_up(base::Second now) {
    Upkeep step;
    const bool rests = now >= looked_at_ && now < look_again_ && unlooked_ < kManyRows;
    if (rests) return step;
    // By the gateway's clock as well: one of ours that jumps a year ahead must not empty the store.
    const auto second = std::min(base::unix_seconds(now), newest_ + kLongestSilence);
    const auto before = [&](base::Seconds age) { return second - age.count(); };
    auto marks = marks_;
    bool making_room = making_room_;
    base::WriteTransaction transaction{database_};
    // Nothing is deleted that is not in the rollups yet.
    step.more = roll_up(marks, second) || delete_rows(before(keep_.rows), marks, step.gone) ||
                delete_texts(before(keep_.texts)) || slowest_.expire(marks.kept_since, kMostSums) ||
                rollups_->expire(before(keep_.minutes), before(keep_.hours),
                                 keep_.days ? std::optional{before(*keep_.days)} : std::nullopt,
                                 kMostSums) ||
                expire_gauges(database_.handle(), second - kGaugeDetail, before(keep_.hours),
                              kMostChanges) ||
                make_room(marks, making_room, step);
    // A row from the future that went must not shut out those of the present.
    marks.kept_since =
        std::min(marks.kept_since, std::max(marks_.kept_since, base::unix_seconds(now)));
    const auto rows = rows_ - static_cast<std::int64_t>(step.gone.size());
    if (marks != marks_ || rows != rows_) store_marks(marks, rows);
    transaction.commit();
    marks_ = marks;
    making_room_ = making_room;
    rows_ = rows;
    traffic_.remove(step.gone);
    if (rows_ == 0) newest_ = 0;
    looked_at_ = now;
    unlooked_ = 0;
    look_again_ = step.more ? now : now + kRest;
    return step;
}

bool Store::roll_up(Marks& marks, std::int64_t now) {
    if (marks.rolled_up >= marks.roll_up_to) return false;
    RowQuery query{database_.handle(), "FROM log WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3"};
    std::vector<Row> rows;
    query.each({marks.rolled_up, marks.roll_up_to, kMostRolledUp},
               [&](const Row& row) { rows.push_back(row); });
    if (!rows.empty()) rollups_->add(rows, now - keep_.minutes.count(), now);
    const bool at_end = rows.size() < static_cast<std::size_t>(kMostRolledUp);
    marks.rolled_up = at_end ? marks.roll_up_to : rows.back().id;
    return true;
}

/// The oldest of them first.
bool Store::delete_rows(std::int64_t created_before, Marks& marks, std::vector<Row>& gone) {
    RowQuery query{database_.handle(),
                   "FROM log INDEXED BY log_by_time WHERE created_at < ?1 "
                   "ORDER BY created_at LIMIT ?2"};
    const auto had = gone.size();
    query.each({created_before, kMostRows}, [&](const Row& row) { gone.push_back(row); });
    if (gone.size() == had) return false;
    SQLite::Statement remove_row{database_.handle(), "DELETE FROM log WHERE id = ?"};
    SQLite::Statement remove_texts{database_.handle(), "DELETE FROM row_text WHERE id = ?"};
    for (auto i = had; i < gone.size(); ++i) {
        for (auto* const remove : {&remove_row, &remove_texts}) {
            remove->bind(1, gone[i].id);
            remove->exec();
            remove->reset();
        }
    }
    // The last second may have lost a part of its rows only.
    marks.kept_since = std::max(marks.kept_since, gone.back().created_at + 1);
    return gone.size() - had == static_cast<std::size_t>(kMostRows);
}

bool Store::delete_texts(std::int64_t created_before) {
    SQLite::Statement remove{database_.handle(),
                             "DELETE FROM row_text WHERE id IN (SELECT id FROM row_text "
                             "WHERE created_at < ? ORDER BY created_at LIMIT ?)"};
    remove.bind(1, created_before);
    remove.bind(2, kMostTexts);
    return remove.exec() == kMostTexts;
}

bool Store::make_room(Marks& marks, bool& making_room, Upkeep& step) {
    if (!making_room && used_bytes() <= keep_.bytes) return false;
    const auto had = step.gone.size();
    delete_rows(std::numeric_limits<std::int64_t>::max(), marks, step.gone);
    const bool found = step.gone.size() > had;
    step.for_room = found;
    making_room = found && used_bytes() > keep_.bytes / 100 * kPercentLeft;
    return making_room;
}

/// The file does not shrink: what is deleted leaves pages that are used again.
std::int64_t Store::used_bytes() {
    return (read_pragma(database_, "PRAGMA page_count") -
            read_pragma(database_, "PRAGMA freelist_count")) *
           read_pragma(database_, "PRAGMA page_size");
}

void Store::store_marks(const Marks& marks, std::int64_t rows) {
    SQLite::Statement set{database_.handle(),
                          "UPDATE upkeep SET rolled_up = ?, roll_up_to = ?, kept_since = ?"};
    set.bind(1, marks.rolled_up);
    set.bind(2, marks.roll_up_to);
    set.bind(3, marks.kept_since);
    set.exec();
    SQLite::Statement count{database_.handle(), "UPDATE position SET rows = ?"};
    count.bind(1, rows);
    count.exec();
}

}  // namespace quotafuse::sync
