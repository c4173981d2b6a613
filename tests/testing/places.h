// Where the tree and what was built of it lie. Only places.cc is compiled with
// the paths, so that clones share what they compiled of all other tests.
#pragma once

#include <string>

namespace lakefs::gateway::testing {

// The folder of the checkout, without a slash at its end.
std::string SourceDir();

// The folder of the build that the test belongs to.
std::string BinaryDir();

// Whether other users can run the programs that were built: not if the checkout
// lies in a folder that is closed to them, such as root's home.
bool OthersCanRunPrograms();

}  // namespace lakefs::gateway::testing
