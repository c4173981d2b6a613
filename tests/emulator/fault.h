// Something that shall go wrong, once or a few times.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace lakefs::gateway::testing {

// One scripted failure of one operation.
//
// A fault waits for requests of its operation and query. It lets the first
// `skip` of them pass, counted from when it was added, and strikes the next
// `times`. One request is struck by one fault at most: the first added that is
// due.
struct Fault {
  enum class Kind {
    kStatus,       // Answers `status`; the operation does not take place.
    kStatusAfter,  // The operation takes place, then answers `status`.
    kResetBefore,  // The connection ends without a reply or an effect.
    kResetAfter,   // The operation takes place, the connection ends.
    kLate,         // The connection ends; the operation takes place `delay`
                   // later.
    kStall,        // Does nothing for `delay`, then the operation takes place;
                   // without a delay, hangs until the emulator stops.
    kSlow,         // Reads the request's body evenly over `delay`; then the
                   // operation takes place.
    kTruncate,     // The operation takes place; half of the reply arrives.
    kGarbage,      // The operation takes place; its reply's body is no JSON.
    kWrongETag,    // The store keeps the bytes and names another ETag.
    kNoETag,       // The store keeps the bytes and names no ETag at all.
    kCorrupt,  // The store gets one bit of the bytes wrong; its ETag is that
               // of what it keeps, and a Content-MD5 uncovers it.
    kConflictWithLocation,  // Link answers 409 with a fresh StagingLocation.
    // Of links under a condition; others just succeed, as at lakeFS.
    kFalsePrecondition,  // The link takes effect, then answers 412.
    kLoseWrite,   // The link answers 412 after a write that stat shows and that
                  // the branch's next commit drops.
    kSkipCreate,  // Another's object comes just before, and the link answers
                  // 200 and is not written: what v1.21 does.
  };

  // lakeFS's operationId (getPhysicalAddress, linkPhysicalAddress, statObject,
  // uploadObject, getObject, getConfig, getStorageConfig, getLakeFSVersion,
  // login, getBranch, getRepository, commit, createPresignMultipartUpload,
  // uploadPart, completePresignMultipartUpload, abortPresignMultipartUpload),
  // of the store storePut, storePutPart (Azure's blocks too), storeGet,
  // storeHead, on S3 storeCreateMultipartUpload, storeCompleteMultipartUpload,
  // storeAbortMultipartUpload, storeDelete, on Azure storePutBlockList and
  // storeGetBlockList; or "*" for all of them.
  std::string operation;

  // Only of requests with these parameters in their query, such as the
  // partNumber of one part.
  std::map<std::string, std::string> query;

  Kind kind = Kind::kStatus;

  // What kStatus and kStatusAfter answer. An empty body becomes lakeFS's error
  // object, or the store's XML.
  int status = 500;
  std::string body;
  std::map<std::string, std::string> headers;  // For example Retry-After.

  // Waited before anything else, whatever the kind but kSlow and kLate.
  std::chrono::milliseconds delay{0};

  int skip = 0;

  // Less than 0: for ever, and never reported as unconsumed.
  int times = 1;
};

}  // namespace lakefs::gateway::testing
