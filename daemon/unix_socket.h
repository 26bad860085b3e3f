#pragma once

#include <string>

#include "daemon/file_descriptor.h"

namespace quotafuse::daemon {

/// Connects to the Unix stream socket at `path`; an empty descriptor and errno when it cannot. Does
/// not wait: EAGAIN means that somebody listens and has too many clients. A path over 107 bytes
/// gives ENAMETOOLONG.
FileDescriptor connect_unix(const std::string& path);

/// Binds a Unix stream socket at `path`, not yet listening; an empty descriptor and errno when it
/// cannot.
FileDescriptor bind_unix(const std::string& path);

}  // namespace quotafuse::daemon
