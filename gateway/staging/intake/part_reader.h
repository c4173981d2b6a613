// Makes parts of the chunks that a caller sends, within the memory budget.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "gateway/http/rope.h"
#include "gateway/staging/intake/body_source.h"
#include "gateway/staging/intake/integrity.h"
#include "gateway/staging/intake/memory_budget.h"
#include "gateway/staging/intake/part_source.h"
#include "gateway/staging/intake/spool.h"
#include "gateway/staging/upload_progress.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

struct PartReaderOptions {
  // Memory that an upload begins with, before it has shown that its caller
  // sends: two chunks of the size that is best.
  int64_t first_bytes = 2 << 20;
  // A caller that for so long sends nothing, or less than at the least rate,
  // while others wait for memory has to give way.
  std::chrono::milliseconds patience{1'000};
  // At this rate a part's memory is turned over in 16 seconds.
  int64_t least_bytes_per_second = 512 << 10;
};

// Reads one object. Memory is reserved before the caller is read, so that
// without memory it is held up. An upload begins with little; once its caller
// has sent that, it gets a whole part at once, and the next one ahead as long
// as nobody waits.
//
// An upload whose caller stalls or dawdles while others wait gives all its
// memory up: the bytes of the unfinished part are asked for again (can_rewind;
// once a part), else go to the spool. It goes on when its caller does.
//
// An upload that holds bytes and waits for memory itself gives them up too, to
// the spool if that takes them, once nobody gets any: all could be waiting for
// each other.
//
// Threads: for one thread.
class PartReader final : public PartSource {
 public:
  PartReader(const CallContext& context, const UploadRequest& request,
             BodySource& source, MemoryBudget& budget, Spool& spool,
             UploadProgress& progress, PartReaderOptions options = {});

  // Errors: those of BodySource::Next and Integrity; of the whole too, with the
  // last part (digests: see CheckDigests). RESOURCE_EXHAUSTED, SPOOL_FULL if
  // the upload had to give way and could not.
  // Blocking: until the caller has sent the part, bounded by the call.
  absl::StatusOr<Part> Next(int64_t part_bytes) override {
    return Next(context_, part_bytes);
  }
  absl::StatusOr<Part> Next(const CallContext& context,
                            int64_t part_bytes) override;

  bool ended() const override { return finish_.has_value(); }
  bool at_hand() const override { return false; }
  absl::Status CheckDigests(const Rope* whole) override;
  // All is known once the last part was read.
  absl::Status CheckSent() override { return absl::OkStatus(); }

  // The caller sends it again, if it can.
  bool Restart() override;

  // The caller is asked to send from there.
  bool GoOn(int parts, int64_t size_bytes, uint32_t crc32c) override;

  int64_t size_bytes() const override { return integrity().size_bytes(); }
  std::optional<uint32_t> crc32c() const override {
    return integrity().crc32c();
  }
  std::string md5() const override {
    return finish_ ? finish_->md5.value_or("") : "";
  }

  const Integrity& integrity() const { return ledger_.integrity; }
  const std::optional<Finish>& finish() const { return finish_; }

 private:
  absl::Status EnsureCredit(const CallContext& context, Part& part,
                            int64_t part_bytes);
  absl::Status Obtain(const CallContext& context, MemoryBudget::Door door,
                      int64_t bytes);
  absl::Status ObtainRest(const CallContext& context, Part& part,
                          int64_t part_bytes);
  void Credit(MemoryBudget::Reservation memory);
  absl::Status Take(Part& part, int64_t part_bytes, Chunk chunk);
  absl::Status TakeEnd(Finish finish);
  void Append(Part& part, int64_t part_bytes, std::string data,
              std::optional<uint32_t> crc32c);
  void BeginSpan(Duration span);
  absl::Status JudgePace(Part& part);
  absl::Status GiveWay(Part& part);
  absl::Status PutAside(Part& part, bool rewind_first);
  void RewindTo(Part& part);
  absl::Status ToSpool(Part& part);
  int64_t Expected() const;

  const CallContext& context_;
  const UploadRequest& request_;
  BodySource& source_;
  MemoryBudget& budget_;
  Spool& spool_;
  UploadProgress& progress_;
  const PartReaderOptions options_;

  // What is known of the bytes up to some offset.
  struct Ledger {
    Integrity integrity;
    Digester digester;
    Ledger Clone() const { return {integrity, digester.Clone()}; }
  };
  Ledger ledger_;
  Ledger part_ledger_;  // as it was where the present part begins
  std::optional<uint32_t> first_crc32c_;  // of the whole, before a restart
  int next_number_ = 1;
  // What of the last chunk belongs to the next part, and not to ledger_ yet.
  std::string carry_;
  std::optional<Finish> finish_;

  MemoryBudget::Reservation held_;  // for what came and what is granted
  int64_t credit_ = 0;              // granted, and not come
  bool began_ = false;              // was let in by the small door
  bool live_ = false;               // has had a part's memory since
  bool gave_way_ = false;           // holds no memory, and was granted none
  bool asked_for_end_ = false;
  bool rewound_ = false;  // for the present part's sake
  // The span in which the caller's pace is measured.
  TimePoint span_begin_;
  TimePoint span_end_;
  int64_t span_bytes_ = 0;
};

}  // namespace lakefs::gateway
