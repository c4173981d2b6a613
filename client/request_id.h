// Keys by which the gateway knows an upload.
#pragma once

#include <string>

namespace lakefs::staging {

// A random UUID, 36 bytes. Threads: any.
std::string NewRequestId();

}  // namespace lakefs::staging
