#include "circuit_breaker/stored_columns.h"

#include <SQLiteCpp/Column.h>

namespace quotafuse::circuit_breaker {
namespace {

Target::Kind kind_from(const std::string& name) {
    for (const auto kind : {Target::Kind::model, Target::Kind::token}) {
        if (name == kind_name(kind)) return kind;
    }
    return Target::Kind::channel;
}

}  // namespace

Binder& Binder::operator()(std::int64_t value) {
    statement_.bind(next_++, value);
    return *this;
}

Binder& Binder::operator()(const std::string& value) {
    statement_.bind(next_++, value);
    return *this;
}

Binder& Binder::operator()(base::Second t) {
    return (*this)(static_cast<std::int64_t>(base::unix_seconds(t)));
}

Binder& Binder::operator()(const Target& target) {
    return (*this)(std::string{kind_name(target.kind)})(target.channel)(target.model)(target.token)(
        target.user)(target.token_name);
}

std::int64_t RowReader::number() {
    return statement_.getColumn(next_++).getInt64();
}

std::string RowReader::text() {
    return statement_.getColumn(next_++).getString();
}

base::Second RowReader::time() {
    return base::from_unix(number());
}

Target RowReader::target() {
    Target target;
    target.kind = kind_from(text());
    target.channel = number();
    target.model = text();
    target.token = number();
    target.user = number();
    target.token_name = text();
    return target;
}

Mode mode_from(const std::string& name) {
    for (const auto mode : {Mode::live, Mode::shadow}) {
        if (mode_name(mode) == name) return mode;
    }
    return Mode::off;
}

sync::Gateway gateway_from(const std::string& name) {
    return name == sync::gateway_name(sync::Gateway::one_api) ? sync::Gateway::one_api
                                                              : sync::Gateway::new_api;
}

}  // namespace quotafuse::circuit_breaker
