// File descriptors, of which a process has only so many.
#pragma once

#include <cstdint>
#include <string>

namespace lakefs::gateway {

// Raises the soft limit to the hard one: container engines and init systems set
// a low one for programs that call select(), which this does not. Returns the
// limit.
int64_t RaiseDescriptorLimit();

// Whether so many more can be opened now, as far as the limit of the process
// goes. Costs three system calls.
bool HasDescriptors(int count);

// Says that there is none left, and of what the limit is.
std::string NoDescriptorLeft();

}  // namespace lakefs::gateway
