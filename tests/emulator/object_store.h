// The store behind the emulated lakeFS, seen from lakeFS and from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/emulator/content.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

// A part as complete names it.
struct CompletedPart {
  int number = 0;
  std::string etag;  // With or without quotes.
};

// An object that the store has made.
struct StoredObject {
  std::string checksum;  // What lakeFS makes of the ETag: without quotes.
  uint64_t size_bytes = 0;
};

// Fills a reply with an object's bytes, or with the range of them asked for.
// Of discarded bytes it makes a 500.
void ServeContent(const HttpRequest& request, const Content& content,
                  HttpResponse& reply);

// One kind of object store. Addresses are physical addresses in full.
//
// Threads: all methods may be called from any thread.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // lakeFS's blockstore_type: "s3", "azure", "gs" or "local".
  virtual absl::string_view type() const = 0;
  virtual bool has_presign() const = 0;
  virtual bool has_multipart() const = 0;

  // The storage namespace of a repository that asks for none.
  virtual std::string NamespaceOf(absl::string_view repository) const = 0;

  // The address of `data/…` in a storage namespace.
  virtual std::string AddressIn(absl::string_view storage_namespace,
                                absl::string_view relative) const {
    return std::string(storage_namespace) + "/" + std::string(relative);
  }

  // Where a stat shows an object that was linked by its address.
  virtual std::string ShownAddress(const std::string& address) const {
    return address;
  }

  // What lakeFS itself does: store an object, read it back (nullopt: nothing
  // there).
  virtual StoredObject Put(const std::string& address, Content content,
                           const std::string& content_type) = 0;
  virtual std::optional<Content> Get(const std::string& address) const = 0;

  // Whether lakeFS reads at this address at all.
  //
  // Errors: PERMISSION_DENIED becomes 403, everything else 500; the message is
  // lakeFS's.
  virtual absl::Status CheckReadable(const std::string&) const {
    return absl::OkStatus();
  }

  // A URL by which anybody may do `method` (PUT or GET) for a while.
  //
  // Errors: UNIMPLEMENTED with lakeFS's words.
  virtual absl::StatusOr<std::string> Presign(absl::string_view method,
                                              const std::string& address) = 0;

  // Multipart, on stores that have it. Complete fails with the store's error
  // as lakeFS passes it on.
  virtual std::string CreateUpload(const std::string& address);
  virtual std::string PresignPart(const std::string& address,
                                  const std::string& upload_id, int number);
  virtual absl::StatusOr<StoredObject> CompleteUpload(
      const std::string& address, const std::string& upload_id,
      const std::vector<CompletedPart>& parts);
  virtual void AbortUpload(const std::string& address,
                           const std::string& upload_id);
  virtual int OpenUploads() const { return 0; }

  // The operation's name for faults and journal, and its reply.
  virtual std::string OperationOf(const HttpRequest& request) const;
  virtual HttpResponse Handle(HttpRequest& request);

  // Where the store listens: "HOST:PORT". Called once, at the start.
  virtual void set_host(std::string host) { host_ = std::move(host); }

 protected:
  const std::string& host() const { return host_; }

 private:
  std::string host_;
};

}  // namespace lakefs::gateway::testing
