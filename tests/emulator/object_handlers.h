// Reading, listing, deleting objects, and writing them through lakeFS.
#pragma once

#include "tests/emulator/backend.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

HttpResponse StatObject(const Call& call);
HttpResponse GetObject(const Call& call);  // And HEAD.
HttpResponse ListObjects(const Call& call);
HttpResponse DeleteObject(const Call& call);
HttpResponse UploadObject(const Call& call);

// Says yes to all who may write at all, protected branches or not.
HttpResponse UploadObjectPreflight(const Call& call);

}  // namespace lakefs::gateway::testing
