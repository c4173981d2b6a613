// The values of lakeFS's staging API, by lakeFS's names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/base/clock.h"

namespace lakefs::gateway {

// A path on a branch of a repository. The path is relative to the branch and
// kept byte for byte.
struct ObjectPath {
  std::string repository;
  std::string branch;
  std::string path;

  bool operator==(const ObjectPath&) const = default;
};

// "repository/branch/path", for messages and logs.
std::string ToString(const ObjectPath& object);

using UserMetadata = std::map<std::string, std::string>;

// How addresses and namespaces on a local store begin.
inline constexpr absl::string_view kLocalScheme = "local://";

// Where to put an object. All fields but the last as lakeFS sent them, byte for
// byte.
struct StagingLocation {
  std::string physical_address;
  std::optional<std::string> token;          // before v0.112; link wants it
  std::optional<std::string> presigned_url;  // a secret
  std::optional<WallTime> presigned_url_expiry;
  // When lakeFS gave it out, by lakeFS's clock; known where it has just done
  // so.
  std::optional<WallTime> signed_at;

  bool operator==(const StagingLocation&) const = default;
};

// A multipart upload that lakeFS has begun.
struct MultipartUpload {
  std::string upload_id;
  std::string physical_address;
  // Of the first parts, as many as were asked for; each a secret.
  std::vector<std::string> presigned_urls;
};

// A part that the store has acknowledged.
struct StoredPart {
  int number = 0;  // from 1
  std::string etag;
};

// What to link.
struct StagingMetadata {
  StagingLocation staging;
  std::string checksum;
  int64_t size_bytes = 0;
  UserMetadata user_metadata;
  std::string content_type;  // empty: lakeFS's default
  std::optional<WallTime> mtime;
  bool force = false;
};

// What has to stand at a path for lakeFS to write to it. At most one is set.
struct WriteCondition {
  bool if_absent = false;               // no object: If-None-Match: *
  std::optional<std::string> if_match;  // one of this checksum: If-Match

  bool none() const { return !if_absent && !if_match; }
};

// An object as lakeFS describes it.
struct ObjectStats {
  std::string path;
  std::string physical_address;
  std::string checksum;
  std::optional<int64_t> size_bytes;
  int64_t mtime = 0;  // epoch seconds
  UserMetadata user_metadata;
  std::string content_type;
  // When a stat showed it, by lakeFS's clock; nothing if that did not tell.
  std::optional<WallTime> shown_at;

  bool operator==(const ObjectStats&) const = default;
};

// The headers of an upload through lakeFS.
struct UploadOptions {
  UserMetadata user_metadata;
  std::string content_type;  // empty: application/octet-stream
  WriteCondition condition;
  bool force = false;
  // Set for releases before v1.0, which take the bytes only as a form: a text
  // that does not occur in them.
  std::string form_boundary;
};

// What a server tells of itself (getConfig, or getStorageConfig and
// getLakeFSVersion before v0.111) and of one of its stores. What the reply
// lacks is unknown, not false.
struct ServerConfig {
  std::string version;          // "1.84.0", "dev", or empty
  std::string blockstore_type;  // "s3", "azure", "gs", "local", …
  std::optional<bool> pre_sign_support;
  std::optional<bool> pre_sign_multipart_upload;
  bool has_storage_list = false;  // storage_config_list is there, from v1.49 on
  std::string blockstore_id;      // empty where there is one store only

  bool operator==(const ServerConfig&) const = default;
};

// The same of all its stores: of that of `storage_config`, if it has one, and
// of those of `storage_config_list`, which from v1.49 on may be many. Each
// repository is in one of them.
struct ServerConfigs {
  std::optional<ServerConfig> usual;
  std::vector<ServerConfig> listed;

  // Each once: the usual one is listed too where any is.
  std::vector<ServerConfig> Stores() const {
    return listed.empty() && usual ? std::vector{*usual} : listed;
  }
};

// A repository, as far as an upload has to know.
struct Repository {
  std::string storage_namespace;  // such as "s3://bucket/prefix"
  std::string storage_id;  // of its store; empty where there is one store only
  // lakeFS refuses every write that is not forced; false where the release
  // knows no such thing.
  bool read_only = false;
};

}  // namespace lakefs::gateway
