// Repositories, branches, commits; configuration and login.
#pragma once

#include "tests/emulator/backend.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

HttpResponse GetConfig(const Call& call);
HttpResponse GetStorageConfig(const Call& call);
HttpResponse GetLakeFSVersion(const Call& call);
HttpResponse Login(const Call& call);

HttpResponse CreateRepository(const Call& call);
HttpResponse GetRepository(const Call& call);
HttpResponse SetBranchProtectionRules(const Call& call);
HttpResponse CreateBranch(const Call& call);
HttpResponse GetBranch(const Call& call);
HttpResponse DeleteBranch(const Call& call);
HttpResponse Commit(const Call& call);

}  // namespace lakefs::gateway::testing
