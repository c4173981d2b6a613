// Addresses that no request may go to.
#pragma once

#include <sys/socket.h>

#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/base/network.h"

namespace lakefs::gateway {

// Clouds give out the credentials of a machine at fixed addresses that every
// process on it can reach. The URLs that the gateway calls come from lakeFS, so
// whoever controls that could have it fetch or overwrite what stands there.
// Forbidden are
// - those services: the table in the source has their addresses;
// - what else is link-local (169.254.0.0/16, fe80::/10) or Amazon's own
//   (fd00:ec2::/32), but for the networks that are `allowed`: load balancers of
//   clouds are there too.
// Those of IPv4 also where they are written as IPv6: mapped (::ffff:0:0/96),
// compatible (::/96), 6to4 (2002::/16) and NAT64 (64:ff9b::/96 and, with the
// address at the end, 64:ff9b:1::/48).
//
// The address as text if it is one of those, else "".
std::string ForbiddenAddress(const sockaddr& address,
                             std::span<const Network> allowed = {});

// Whether the URL names a metadata service, or one of those addresses, itself;
// or names its host in a way that leaves that open: not behind "://", encoded,
// or in other letters than names of DNS have. Where a proxy resolves the name,
// this is all that can be known.
bool NamesForbiddenHost(absl::string_view url,
                        std::span<const Network> allowed = {});

}  // namespace lakefs::gateway
