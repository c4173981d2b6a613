// What an emulated lakeFS is like.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace lakefs::gateway::testing {

// A range of lakeFS releases that behave alike, named after the one whose
// answers were recorded.
enum class Dialect { kV0_66, kV0_101, kV1_21, kV1_84 };

// The object store behind lakeFS. kLocal is a folder of files and cannot
// presign.
enum class StoreKind { kS3, kAzure, kGcs, kLocal };

struct EmulatorOptions {
  Dialect dialect = Dialect::kV1_84;

  // What the server says its version is, such as "dev"; empty: the dialect's.
  std::string version;

  StoreKind store = StoreKind::kS3;

  // Of a lakeFS with several stores, as the Enterprise edition has from v1.51
  // on: the id of the one above, and the others. They take no options but
  // these.
  struct OtherStore {
    std::string id;
    StoreKind kind = StoreKind::kS3;
    bool presign = true;
    std::string local_path;
  };
  std::string store_id;
  std::vector<OtherStore> other_stores;

  // Whether lakeFS may presign, where dialect and store can: its settings have
  // a `disable_pre_signed` for each store. Without, there is no presigned
  // multipart either.
  bool presign = true;

  // Whether lakeFS implements If-Match, by the same write path as
  // If-None-Match, as some servers do whose dialect knows the header; else it
  // answers 501.
  bool if_match = false;

  // Address that lakeFS and its store listen on, and that their URLs name:
  // IPv4, of this machine.
  std::string host = "127.0.0.1";

  // Ports of lakeFS and of its store; 0 takes a free one.
  int port = 0;
  int store_port = 0;

  // The one user, with all rights.
  std::string access_key_id = "AKIAIOSFODNN7EXAMPLE";
  std::string secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

  // Keys of the store itself, for who reaches it without lakeFS: on S3, path
  // style, in the region us-east-1.
  std::string store_access_key_id = "storeadmin";
  std::string store_secret_access_key = "storeadmin-secret";

  // The time that expiries, mtimes and address ages go by; null is the system
  // clock. Called from any thread.
  std::function<std::chrono::system_clock::time_point()> now;

  // Keeps no bytes of objects over 64 bytes, only their sizes and checksums, so
  // that very large ones can be sent. Reading such an object fails with 500.
  // On kLocal such objects have no file; those that others write are kept.
  bool discard_bytes = false;

  // Whether the store's ETags and lakeFS's own checksums are MD5s. False makes
  // random ones, like those of stores that encrypt, and saves two thirds of
  // the processor time of large objects.
  bool etag_md5 = true;

  // How long a presigned URL is good for: 15 minutes, as lakeFS has it.
  std::chrono::seconds presign_lifetime{900};

  // Folder of the objects of StoreKind::kLocal, which must exist; empty takes
  // a temporary one that goes away with the emulator.
  std::string local_path;
};

}  // namespace lakefs::gateway::testing
