#pragma once

#include "daemon/api/inquiry.h"

namespace quotafuse::daemon::api {

// What /api/v1/… of these names answers; the fields are those of openapi.json. Each throws
// BadParameter and SQLite::Exception.

Json summary(const Inquiry& inquiry);
Json trend(const Inquiry& inquiry);
/// `rows_of_page`: where the request does not say.
Json breakdown(const Inquiry& inquiry, std::int64_t rows_of_page = 50);
Json performance(const Inquiry& inquiry);
Json errors(const Inquiry& inquiry);
Json availability(const Inquiry& inquiry);
Json slow(const Inquiry& inquiry);
Json logs(const Inquiry& inquiry);
Json alert_history(const Inquiry& inquiry);

}  // namespace quotafuse::daemon::api
