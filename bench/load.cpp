#include "bench/load.h"

#include <numeric>

namespace quotafuse::bench {
namespace {

std::int64_t sum(const std::map<std::string, std::int64_t>& counters) {
    return std::accumulate(counters.begin(), counters.end(), std::int64_t{0},
                           [](std::int64_t all, const auto& one) { return all + one.second; });
}

std::int64_t number(const sync::Cell& cell) {
    return std::stoll(cell.value_or("0"));
}

}  // namespace

std::int64_t ServerWork::handlers() const {
    return sum(handler);
}
std::int64_t ServerWork::rows() const {
    return sum(rows_read);
}

ServerMeter::ServerMeter(sync::GatewaySession& session) : session_(session) {
    read();  // the first one opens system tables
    begin();
    own_ = since_before(read());
}

ServerWork ServerMeter::end() {
    auto work = since_before(read());
    work.statements -= own_.statements;
    for (auto& [name, count] : work.handler) count -= own_.handler[name];
    return work;
}

ServerWork ServerMeter::read() {
    ServerWork work;
    for (const auto& row :
         session_.query("SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Handler\\_read\\_%' OR "
                        "Variable_name = 'Questions'")) {
        const auto& name = row.at(0).value();
        if (name == "Questions")
            work.statements = number(row.at(1));
        else
            work.handler[name] = number(row.at(1));
    }
    for (const auto& row : session_.query(
             "SELECT OBJECT_NAME, COUNT_READ FROM "
             "performance_schema.table_io_waits_summary_by_table WHERE OBJECT_SCHEMA = DATABASE()"))
        work.rows_read[row.at(0).value()] = number(row.at(1));
    return work;
}

ServerWork ServerMeter::since_before(const ServerWork& after) const {
    auto work = after;
    work.statements -= before_.statements;
    const auto subtract = [](auto& counters, const auto& former) {
        for (auto& [name, count] : counters) {
            if (const auto found = former.find(name); found != former.end()) count -= found->second;
        }
    };
    subtract(work.handler, before_.handler);
    subtract(work.rows_read, before_.rows_read);
    return work;
}

}  // namespace quotafuse::bench
