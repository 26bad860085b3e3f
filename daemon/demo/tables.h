#pragma once

#include <string_view>
#include <vector>

#include "daemon/demo/schema.h"

namespace quotafuse::demo {

/// The type of a counting primary key, which each engine spells its own way.
inline constexpr std::string_view kSerial = "serial";

// `flavours` is the set of gateways that have it.
struct TableColumn {
    unsigned flavours;
    std::string_view name;
    std::string_view type;  // MySQL's word for it
    std::string_view rest;  // DEFAULT …, NOT NULL
};

struct TableIndex {
    unsigned flavours;
    std::string_view name;
    std::string_view columns;
    bool unique = false;
};

struct Table {
    unsigned flavours;
    std::string_view name;
    std::string_view primary_key;
    std::vector<TableColumn> columns;
    std::vector<TableIndex> indexes;
};

/// The tables of all flavours, side by side: what a flavour lacks is left out when its schema is
/// written.
const std::vector<Table>& gateway_tables();

template <class Part>
bool exists_in(Flavour flavour, const Part& part) {
    return (part.flavours & static_cast<unsigned>(flavour)) != 0;
}

}  // namespace quotafuse::demo
