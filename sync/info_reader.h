#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sync/ability_rounds.h"
#include "sync/gateway_info.h"
#include "sync/gateway_session.h"
#include "sync/kind_faults.h"

namespace quotafuse::sync {

/// Looks at the gateway's objects again and again. One look costs at most so many statements, each
/// of at most 1,000 rows in the order of a key; what does not fit comes in the next look, each kind
/// in its turn. Names and states of channels come with every look, up to 1,000 channels of them.
/// One thread.
class InfoReader {
public:
    static constexpr int kMostStatements = 5;

    /// `session` must outlive it. `database` names the options' view, see read_gateway_info().
    InfoReader(GatewaySession& session, std::string database, InfoNeeds needs,
               int most_statements = kMostStatements);

    /// From the next look on.
    void set_needs(InfoNeeds needs);
    /// Which program it is, as the log's columns say. Until then it is a guess by the columns that
    /// the account may see.
    void set_gateway(Gateway gateway) { info_.gateway = gateway; }

    /// What cannot be had is left out and told in GatewayInfo::troubles, of what could be read
    /// before after KindFaults::kLooksKept looks; throws GatewayError when the gateway does not
    /// answer or not even channels may be read. The next look then goes on, and after as many
    /// without success begins anew: what was read before is too old.
    GatewayInfo read();

private:
    enum class Task { options, server, requests, abilities, tokens, users };
    /// How far a kind has been read: what is above `last` is still to come.
    struct Round {
        std::int64_t last = 0;
        std::size_t count = 0;
        bool done = false;      // in this look
        bool complete = false;  // it has been through once
    };

    GatewayInfo look();
    void take_look();
    void begin_anew();
    void give_up_old();
    void run_tasks();
    bool has_statements_left() const { return used_ < most_; }
    std::vector<Cells> ask(const std::string& sql, const std::vector<Argument>& arguments = {});
    void look_up_columns();
    bool has_column(const std::string& table, const std::string& column) const;
    bool may_read(const std::string& kind, const std::string& table,
                  const std::vector<std::string>& columns);

    void note_extents();
    Extent extent_of(const std::string& kind, bool needed, bool complete) const;
    void note_limit(const std::string& kind, bool reached, std::size_t most);

    std::vector<Task> tasks() const;
    void run(Task task);
    void read(Task task);
    static const char* task_name(Task task);
    void read_channels();
    bool read_channel_slice();
    void read_options();
    void read_server();
    void read_requests();
    void read_abilities();
    void read_tokens();
    void read_users();
    /// One slice of a kind, which is its table, by id; returns its rows, and what they cover.
    std::vector<Cells> read_slice(const std::string& kind, const std::string& columns, Round& round,
                                  Coverage& covered);

    GatewaySession& session_;
    std::string database_;
    InfoNeeds needs_;
    int most_;
    int used_ = 0;
    int looks_ = 0;
    int failures_ = 0;  // looks in a row
    bool columns_are_old_ = false;
    std::size_t turn_ = 0;                                  // of tasks()
    std::map<std::string, std::set<std::string>> columns_;  // by table
    std::optional<std::string> options_from_;               // empty: not readable
    Round channels_;
    Round tokens_;
    Round users_;
    AbilityRounds abilities_;
    bool abilities_done_ = false;                // in this look
    std::map<std::string, std::string> limits_;  // kinds of which there are too many: said so
    KindFaults faults_;
    GatewayInfo info_;  // what the next look does not read again stays
};

}  // namespace quotafuse::sync
