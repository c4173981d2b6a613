// An Azure block blob, put in blocks on one SAS.
#pragma once

#include <string>

#include "gateway/objectstore/object_store.h"
#include "gateway/objectstore/store_client.h"

namespace lakefs::gateway {

// Put Block for each part, Put Block List at the end. Blocks may come in any
// order and several at once; nothing is visible before the list, which may be
// sent again.
//
// An abort sends nothing: there is no request for it, and Azure drops blocks
// that no list has named within a week.
//
// Source: answers of v1.84 on Azurite; the service's REST reference.
class AzureBlocks final : public PartedUpload {
 public:
  // `sas_url` is the blob's, a secret.
  AzureBlocks(StoreClient& client, std::string sas_url,
              std::string content_type)
      : client_(client),
        sas_url_(std::move(sas_url)),
        content_type_(std::move(content_type)) {}

  absl::StatusOr<StoredPart> PutPart(const CallContext& context, int number,
                                     const Rope& bytes) override;
  absl::StatusOr<StoredObject> Complete(
      const CallContext& context, std::span<const StoredPart> parts) override;
  absl::Status Abort(const CallContext&) override { return absl::OkStatus(); }

 private:
  StoreClient& client_;
  const std::string sas_url_;
  const std::string content_type_;
};

}  // namespace lakefs::gateway
