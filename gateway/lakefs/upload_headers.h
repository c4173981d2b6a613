// What can go to lakeFS's uploadObject, which takes it as HTTP headers.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/types.h"

namespace lakefs::gateway {

// What of an object would come back changed, or make lakeFS answer with an
// error of its own, if it went by uploadObject; `prefix` is the path of the
// fields in the proto. Empty if all of it arrives as it is given:
//
//  - a content type that Go's mime.ParseMediaType takes, in printable ASCII
//    without blanks around it. lakeFS answers 500 to others, and takes the body
//    of multipart/form-data apart;
//  - keys of lower-case letters, digits, "-" and "_", since lakeFS lower-cases
//    the names of headers;
//  - values of printable ASCII, not empty, without blanks around them, which
//    headers lose.
//
// Source: v1.21 to v1.84; before v1.0 lakeFS keeps no metadata.
std::vector<FieldViolation> HeaderViolations(const std::string& content_type,
                                             const UserMetadata& metadata,
                                             absl::string_view prefix);

}  // namespace lakefs::gateway
