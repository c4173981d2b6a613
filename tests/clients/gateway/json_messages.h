// Messages and statuses as scripts and records have them: as JSON.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/status.h>

#include <nlohmann/json.hpp>

namespace lakefs::staging::testing {

// With the names of the .proto; 64-bit numbers are strings, bytes base64.
nlohmann::json ToJson(const google::protobuf::Message& message);

// Merges into `message` what `fields` has. Enums may be numbers that nobody
// knows. A script that is wrong ends the program.
void MergeJson(const nlohmann::json& fields,
               google::protobuf::Message& message);

// {"code", "message", "details": [{TYPE: {…}} or {"type_url", "text"}, …]},
// TYPE such as ErrorInfo or UploadFailure. Without details there are no
// trailers of them at all.
grpc::Status ToStatus(const nlohmann::json& status);

}  // namespace lakefs::staging::testing
