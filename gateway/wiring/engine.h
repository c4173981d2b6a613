// What uploads and links.
#pragma once

#include "gateway/base/thread_budget.h"
#include "gateway/base/worker_pool.h"
#include "gateway/staging/link/address_linker.h"
#include "gateway/staging/upload/upload_session.h"
#include "gateway/wiring/upstream.h"

namespace lakefs::gateway {

// Of each pool, whatever the others have: with fewer nothing would go on.
inline constexpr int kLeastThreads = 2;

// The session and the linker, with the memory, the threads and the disk that
// all uploads of the process share.
struct Engine {
  // `settings` are needed only until it returns; the others have to outlive it.
  Engine(const Settings& settings, Clock& clock, Upstream& upstream,
         ThreadBudget& threads, ResumeKeys& resume_keys, Metrics& metrics);

  ServerInfo server_info;
  LinkGate link_gate;
  LinkLoop link_loop;
  AddressLinker linker;
  StoreProof store_proof;
  WorkerPool background;
  WorkerPool part_senders;
  MemoryBudget memory;
  Spool spool;
  UploadRegister upload_register;
  Resumption resumption;
  UploadSession uploads;
};

}  // namespace lakefs::gateway
