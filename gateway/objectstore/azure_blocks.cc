#include "gateway/objectstore/azure_blocks.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// Ids of one blob are base64 of equal length.
std::string BlockId(int number) {
  return absl::Base64Escape(absl::StrFormat("%08d", number));
}

}  // namespace

absl::StatusOr<StoredPart> AzureBlocks::PutPart(const CallContext& context,
                                                int number, const Rope& bytes) {
  const auto response = client_.Put(
      context,
      {.operation = "storePutPart",
       .method = HttpMethod::kPut,
       .url = absl::StrCat(
           sas_url_, "&comp=block&blockid=", PercentEncode(BlockId(number)))},
      bytes);
  if (!response.ok()) return response.status();
  return StoredPart{.number = number, .etag = EtagOf(*response)};
}

absl::StatusOr<StoredObject> AzureBlocks::Complete(
    const CallContext& context, std::span<const StoredPart> parts) {
  std::string list = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
  for (const StoredPart& part : parts) {
    // Latest: the list may be sent again, when the blocks are committed.
    absl::StrAppend(&list, "<Latest>", BlockId(part.number), "</Latest>");
  }
  list += "</BlockList>";
  HttpRequest request{.operation = "storePutBlockList",
                      .method = HttpMethod::kPut,
                      .url = absl::StrCat(sas_url_, "&comp=blocklist"),
                      .headers = {{"Content-Type", "application/xml"}},
                      .body = std::move(list)};
  if (!content_type_.empty()) {
    request.headers.push_back({"x-ms-blob-content-type", content_type_});
  }
  const auto response = client_.Complete(context, std::move(request));
  if (!response.ok()) return response.status();
  auto stored = Acknowledged(*response);
  if (!stored.ok()) return stored;
  stored->checksum = stored->etag;  // the Content-MD5 is that of the list
  return stored;
}

}  // namespace lakefs::gateway
