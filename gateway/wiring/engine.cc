#include "gateway/wiring/engine.h"

#include <algorithm>

namespace lakefs::gateway {
namespace {

constexpr int kBackgroundThreads = 16;
constexpr int kBackgroundQueue = 256;
constexpr int kPartSenders = 64;
constexpr int kPartQueue = 256;

}  // namespace

Engine::Engine(const Settings& settings, Clock& clock, Upstream& upstream,
               ThreadBudget& threads, ResumeKeys& resume_keys, Metrics& metrics)
    : server_info(upstream.lakefs, upstream.lakefs_budget),
      link_loop(upstream.lakefs, upstream.lakefs_budget, link_gate),
      linker(server_info, link_loop,
             {.any = settings.allow_any_address,
              .local_roots = LocalRoots(settings)}),
      store_proof(upstream.lakefs, upstream.lakefs_budget,
                  upstream.store_budget),
      background(kBackgroundThreads, kBackgroundQueue, &threads, kLeastThreads),
      part_senders(kPartSenders, kPartQueue, &threads, kLeastThreads),
      memory(settings.memory_bytes),
      spool({.directory = settings.spool_dir,
             .capacity_bytes = settings.spool_bytes}),
      resumption(resume_keys, settings.lakefs_endpoint, clock),
      uploads(
          {.clock = clock,
           .mover = {.lakefs = upstream.lakefs,
                     .presigned_store = upstream.presigned_store,
                     .proof = &store_proof,
                     .lakefs_budget = upstream.lakefs_budget,
                     .store_budget = upstream.store_budget,
                     .background = background,
                     .part_pool = part_senders,
                     .spool = spool,
                     .plan = {.largest_part_bytes = memory.LargestPart(),
                              .spool_bytes = settings.spool_bytes,
                              .presign = settings.presign,
                              .own_ways = upstream.own_stores.Ways()}},
           .server_info = server_info,
           .link_loop = link_loop,
           .memory = memory,
           .uploads = upload_register,
           .max_finding_out = std::max(
               1, std::min(settings.max_uploads, settings.unary_threads) / 4),
           .resumption = &resumption}) {
  memory.SetObserver(
      [&metrics](absl::string_view how) { metrics.MemoryGivenUp(how); });
}

}  // namespace lakefs::gateway
