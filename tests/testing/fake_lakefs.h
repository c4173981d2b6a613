// A LakefsApi whose answers a test writes down.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "gateway/lakefs/lakefs_api.h"

namespace lakefs::gateway::testing {

// Answers of links and stats come off scripts, in order; a call for which there
// is none fails the test by a reason that no test expects. All calls are noted
// as short lines, such as "link A if-absent", "stat", "stat@", "branch".
class FakeLakefs final : public LakefsApi {
 public:
  using Stats = absl::StatusOr<std::optional<ObjectStats>>;

  std::deque<LinkAnswer> links;
  std::deque<Stats> stats;
  std::deque<Stats> committed;  // of BRANCH@
  absl::Status branch;
  absl::StatusOr<bool> read_only = false;
  std::deque<absl::StatusOr<StagingLocation>> addresses;
  std::deque<absl::StatusOr<ObjectStats>> uploads;
  std::deque<absl::StatusOr<MultipartUpload>> multiparts;
  std::deque<absl::StatusOr<std::string>> part_urls;
  std::deque<absl::StatusOr<ObjectStats>> completes;
  std::vector<StoredPart> completed;
  std::deque<absl::StatusOr<bool>> reads;
  std::deque<absl::Status> deletes;  // OK behind the last
  std::deque<absl::Status> configs;  // the same; then `config` is answered
  // Called before each answer, with the line that is noted.
  std::function<void(const std::string&)> on_call;
  std::vector<std::string> calls;
  std::vector<StagingMetadata> linked;
  std::string uploaded;
  UploadOptions upload_options;
  ServerConfig config;
  std::string storage_namespace = "s3://bucket/repo";

  std::string storage_id;
  std::vector<ServerConfig> stores;  // none but where there are several

  absl::StatusOr<ServerConfigs> GetConfig(const CallContext&) override {
    Note("config");
    if (auto s = TakeOrOk(configs); !s.ok()) return s;
    if (stores.empty()) return ServerConfigs{.usual = config};
    return ServerConfigs{.listed = stores};
  }
  absl::Status HealthCheck(const CallContext&) override {
    Note("health");
    return absl::OkStatus();
  }
  absl::Status GetBranch(const CallContext&, absl::string_view,
                         absl::string_view) override {
    Note("branch");
    return branch;
  }
  absl::StatusOr<Repository> GetRepository(const CallContext&,
                                           absl::string_view) override {
    Note("repository");
    if (!read_only.ok()) return read_only.status();
    return Repository{.storage_namespace = storage_namespace,
                      .storage_id = storage_id,
                      .read_only = *read_only};
  }
  absl::StatusOr<StagingLocation> GetPhysicalAddress(const CallContext&,
                                                     const ObjectPath&,
                                                     bool) override {
    Note("address");
    return Take(addresses);
  }
  LinkAnswer LinkPhysicalAddress(const CallContext&, const ObjectPath&,
                                 const StagingMetadata& metadata,
                                 const WriteCondition& condition) override {
    Note("link " + metadata.staging.physical_address +
         (condition.if_absent ? " if-absent" : "") +
         (condition.if_match ? " if-match " + *condition.if_match : ""));
    linked.push_back(metadata);
    if (links.empty()) return {.stats = Unscripted()};
    LinkAnswer answer = std::move(links.front());
    links.pop_front();
    return answer;
  }
  Stats StatObject(const CallContext&, const ObjectPath&) override {
    Note("stat");
    return Take(stats);
  }
  Stats StatCommitted(const CallContext&, const ObjectPath&) override {
    Note("stat@");
    return Take(committed);
  }
  absl::StatusOr<MultipartUpload> CreatePresignMultipartUpload(
      const CallContext&, const ObjectPath&, int parts) override {
    Note("create " + std::to_string(parts));
    return Take(multiparts);
  }
  absl::StatusOr<std::string> UploadPart(const CallContext&, const ObjectPath&,
                                         const MultipartUpload&,
                                         int number) override {
    Note("part url " + std::to_string(number));
    return Take(part_urls);
  }
  absl::StatusOr<ObjectStats> CompletePresignMultipartUpload(
      const CallContext&, const ObjectPath&, const MultipartUpload& upload,
      std::span<const StoredPart> parts, const UserMetadata&,
      const std::string&) override {
    Note("complete " + upload.physical_address);
    completed.assign(parts.begin(), parts.end());
    return Take(completes);
  }
  absl::Status AbortPresignMultipartUpload(
      const CallContext&, const ObjectPath&,
      const MultipartUpload& upload) override {
    Note("abort " + upload.physical_address);
    return absl::OkStatus();
  }
  absl::StatusOr<bool> ReadFirstByte(const CallContext&,
                                     const ObjectPath&) override {
    Note("read");
    return Take(reads);
  }
  absl::Status DeleteObject(const CallContext&, const ObjectPath&) override {
    Note("delete");
    return TakeOrOk(deletes);
  }
  absl::StatusOr<ObjectStats> UploadObject(const CallContext&,
                                           const ObjectPath&,
                                           const UploadOptions& options,
                                           HttpBody body) override {
    Note("upload");
    upload_options = options;
    char buffer[1000];
    while (true) {
      const auto n = body.read(buffer);
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      uploaded.append(buffer, *n);
    }
    return Take(uploads);
  }

 private:
  static absl::Status Unscripted() {
    return absl::DataLossError("the test scripted no answer");
  }
  template <typename T>
  static T Take(std::deque<T>& script) {
    if (script.empty()) return Unscripted();
    T answer = std::move(script.front());
    script.pop_front();
    return answer;
  }
  static absl::Status TakeOrOk(std::deque<absl::Status>& script) {
    return script.empty() ? absl::OkStatus() : Take(script);
  }
  void Note(const std::string& line) {
    if (on_call) on_call(line);
    calls.push_back(line);
  }
};

}  // namespace lakefs::gateway::testing
