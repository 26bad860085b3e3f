#pragma once

#include "sync/dialect.h"

namespace quotafuse::fuzz {

/// Decodes the row twice, another one between, and aborts the program (which is what a fuzzer looks
/// for) when the results differ, or one is not what RowDecoder and LogEntry promise of every row.
/// An exception ends the program too.
void check_decoder(sync::Gateway gateway, const sync::RawRow& raw);

}  // namespace quotafuse::fuzz
