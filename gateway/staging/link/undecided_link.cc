#include "gateway/staging/link/undecided_link.h"

#include <utility>

#include "gateway/lakefs/dialect.h"

namespace lakefs::gateway {

int64_t UndecidedLink::SizeInMemory() const {
  int64_t bytes = 2'048;
  for (const auto& [address, place] : ours) {
    bytes += 1'024 + 4 * static_cast<int64_t>(address.size());
    if (place.multipart) {
      bytes += 128 * static_cast<int64_t>(place.multipart->parts.size());
    }
  }
  return bytes;
}

UndecidedLink UndecidedOf(LinkRequest request, const ObjectStats& stats,
                          const ServerConfig& server) {
  // Whatever else comes to stand there has come after it.
  UndecidedLink link{.request = std::move(request),
                     .before = {.known = true},
                     .visible = true,
                     .lost = true};
  link.conditional = !link.request.condition().none();
  link.request.size_bytes = stats.size_bytes.value_or(0);
  link.request.mtime = FromEpochSeconds(stats.mtime);
  link.placement = {.location = {.physical_address = stats.physical_address},
                    .checksum = stats.checksum,
                    .earlier = true};
  // A stat shows none, and any will do.
  const bool wants_token = !server.pre_sign_support.has_value();
  if (wants_token) link.placement.location.token = "any";
  link.placement.relinkable =
      ShowsAddress(stats.physical_address) &&
      DialectOf(server, link.placement.location).relinkable;
  link.ours[stats.physical_address] = link.placement;
  return link;
}

}  // namespace lakefs::gateway
