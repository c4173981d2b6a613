#include "gateway/staging/intake/part_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

int64_t SizeOf(const Rope& rope) {
  return static_cast<int64_t>(rope.size_bytes());
}

int64_t BytesInMemory(const Part& part) {
  return SizeOf(part.bytes) - (part.file ? part.file->size_bytes() : 0);
}

}  // namespace

PartReader::PartReader(const CallContext& context, const UploadRequest& request,
                       BodySource& source, MemoryBudget& budget, Spool& spool,
                       UploadProgress& progress, PartReaderOptions options)
    : context_(context),
      request_(request),
      source_(source),
      budget_(budget),
      spool_(spool),
      progress_(progress),
      options_(options),
      ledger_{Integrity(request.size_bytes),
              Digester(request.sha256_follows, request.md5_follows)},
      part_ledger_(ledger_.Clone()) {}

absl::StatusOr<Part> PartReader::Next(const CallContext& context,
                                      int64_t part_bytes) {
  part_ledger_ = ledger_.Clone();
  Part part{.number = next_number_++, .offset = ledger_.integrity.size_bytes()};
  rewound_ = false;
  BeginSpan(options_.patience);  // the time since the last part was ours
  Append(part, part_bytes, std::exchange(carry_, {}), std::nullopt);
  // With its last byte known to be in, the end is read along with a part.
  while (!ended() && (SizeOf(part.bytes) < part_bytes ||
                      (Expected() == 0 && carry_.empty()))) {
    if (auto s = EnsureCredit(context, part, part_bytes); !s.ok()) return s;
    auto event = source_.Next(context, span_end_);
    absl::Status taken = event.status();
    if (!taken.ok()) return taken;
    if (auto* chunk = std::get_if<Chunk>(&*event)) {
      taken = Take(part, part_bytes, std::move(*chunk));
    } else if (auto* finish = std::get_if<Finish>(&*event)) {
      taken = TakeEnd(std::move(*finish));
    }
    if (taken.ok()) taken = JudgePace(part);
    if (!taken.ok()) return taken;
  }
  part.bytes.set_crc32c(TailCrc32c(part_ledger_.integrity.crc32c(),
                                   ledger_.integrity.crc32c(),
                                   part.bytes.size_bytes()));
  part.memory = held_.Split(BytesInMemory(part));
  if (ended()) held_.Release();
  return part;
}

absl::Status PartReader::CheckDigests(const Rope* whole) {
  if (!finish_ || (!finish_->sha256 && !finish_->md5)) return absl::OkStatus();
  if (whole == nullptr) return ledger_.digester.Check(*finish_);
  Digester digester(finish_->sha256.has_value(), finish_->md5.has_value());
  const auto read = whole->Reader();
  std::string buffer(256 * 1024, '\0');
  while (true) {
    const auto n = read({buffer.data(), buffer.size()});
    if (!n.ok()) return n.status();
    if (*n == 0) return digester.Check(*finish_);
    digester.Add({buffer.data(), *n});
  }
}

bool PartReader::GoOn(int parts, int64_t size_bytes, uint32_t crc32c) {
  ledger_.integrity = Integrity(request_.size_bytes, size_bytes, crc32c);
  next_number_ = parts + 1;
  progress_.received_bytes = size_bytes;
  source_.Rewind(size_bytes);
  return true;
}

bool PartReader::Restart() {
  const bool untouched = !began_ && !ended() && carry_.empty() &&
                         next_number_ == 1 &&
                         ledger_.integrity.size_bytes() == 0;
  if (untouched) return true;
  if (!source_.CanRewind()) return false;
  if (ended()) first_crc32c_ = ledger_.integrity.crc32c();
  source_.Withdraw();
  source_.Rewind(0);
  held_.Release();
  credit_ = 0;
  carry_.clear();
  finish_.reset();
  next_number_ = 1;
  ledger_ = {Integrity(request_.size_bytes),
             Digester(request_.sha256_follows, request_.md5_follows)};
  began_ = live_ = gave_way_ = asked_for_end_ = false;
  return true;
}

void PartReader::BeginSpan(Duration span) {
  span_begin_ = context_.clock().Now();
  span_end_ = span_begin_ + span;
  span_bytes_ = 0;
}

// At the end of a span, looks whether its caller was too slow for those who
// wait.
absl::Status PartReader::JudgePace(Part& part) {
  const TimePoint now = context_.clock().Now();
  if (ended() || now < span_end_) return absl::OkStatus();
  const std::chrono::duration<double> span = now - span_begin_;
  const bool slow =
      static_cast<double>(span_bytes_) <
      span.count() * static_cast<double>(options_.least_bytes_per_second);
  // One that was slow is looked at more often from now on.
  BeginSpan(slow ? options_.patience / 4 : options_.patience);
  if (!slow || gave_way_ || !budget_.pressed()) return absl::OkStatus();
  return GiveWay(part);
}

// Bytes that may still come.
int64_t PartReader::Expected() const {
  if (!request_.size_bytes) return std::numeric_limits<int64_t>::max();
  return *request_.size_bytes - ledger_.integrity.size_bytes() -
         static_cast<int64_t>(carry_.size());
}

// Sees to it that the source may take the next chunk.
absl::Status PartReader::EnsureCredit(const CallContext& context, Part& part,
                                      int64_t part_bytes) {
  const int64_t expected = Expected();
  if (expected <= credit_) {
    // All is granted; what is left to be read is the end, which takes no
    // memory.
    if (!std::exchange(asked_for_end_, true)) source_.Grant(1);
    return absl::OkStatus();
  }
  if (gave_way_) return absl::OkStatus();  // until something comes by itself
  const int64_t first = std::min(options_.first_bytes, expected);
  if (!began_) {
    began_ = true;
    if (auto memory = source_.TakeMemory(); memory.bytes() > 0) {
      Credit(std::move(memory));
      return absl::OkStatus();
    }
    return Obtain(context, MemoryBudget::Door::kSmall, first);
  }
  if (credit_ == 0) {
    live_ = true;
    return ObtainRest(context, part, part_bytes);
  }
  // One part ahead, but only if it costs nobody a wait.
  if (live_ && credit_ <= part_bytes / 2) {
    const int64_t ahead = std::min(part_bytes, expected - credit_);
    if (auto memory = budget_.TryReserve(ahead)) Credit(*std::move(memory));
  }
  return absl::OkStatus();
}

absl::Status PartReader::Obtain(const CallContext& context,
                                MemoryBudget::Door door, int64_t bytes) {
  auto memory = budget_.Reserve(context, door, bytes);
  if (!memory.ok()) return memory.status();
  Credit(*std::move(memory));
  BeginSpan(options_.patience);  // the wait was ours
  return absl::OkStatus();
}

// Memory for what the part lacks. Waits without bytes in its hands, unless
// others get some meanwhile, and so it will too.
absl::Status PartReader::ObtainRest(const CallContext& context, Part& part,
                                    int64_t part_bytes) {
  const auto lacking = [&] {
    return std::min(part_bytes - SizeOf(part.bytes), Expected());
  };
  if (BytesInMemory(part) > 0) {
    auto memory =
        budget_.ReserveUnlessStuck(context, lacking(), options_.patience);
    if (!memory.ok()) return memory.status();
    if (*memory) {
      Credit(**std::move(memory));
      BeginSpan(options_.patience);
      return absl::OkStatus();
    }
    if (auto s = PutAside(part, /*rewind_first=*/false); !s.ok()) return s;
  }
  return Obtain(context, MemoryBudget::Door::kLarge, lacking());
}

void PartReader::Credit(MemoryBudget::Reservation memory) {
  const int64_t bytes = memory.bytes();
  held_.Add(std::move(memory));
  credit_ += bytes;
  source_.Grant(bytes);
}

absl::Status PartReader::Take(Part& part, int64_t part_bytes, Chunk chunk) {
  span_bytes_ += static_cast<int64_t>(chunk.data.size());
  const auto crc32c = ledger_.integrity.Check(chunk);
  if (!crc32c.ok()) return crc32c.status();
  credit_ -= static_cast<int64_t>(chunk.data.size());
  if (credit_ < 0) {
    held_.Add(budget_.Overdraw(-credit_));
    credit_ = 0;
  }
  Append(part, part_bytes, std::move(chunk.data), *crc32c);
  progress_.received_bytes = std::max<int64_t>(
      progress_.received_bytes,
      ledger_.integrity.size_bytes() + static_cast<int64_t>(carry_.size()));
  if (!std::exchange(gave_way_, false)) return absl::OkStatus();
  // The caller goes on. Its chunk came without memory, so it must not wait for
  // more with the chunk in its hands.
  const int64_t lacking = std::min(part_bytes - SizeOf(part.bytes), Expected());
  if (lacking <= 0) return absl::OkStatus();
  if (auto memory = budget_.TryReserve(lacking)) {
    Credit(*std::move(memory));
    return absl::OkStatus();
  }
  began_ = live_ = false;
  return PutAside(part, /*rewind_first=*/false);
}

// Fills the part, and keeps what is too much for the next. `crc32c` is of all
// the data, if it is known.
void PartReader::Append(Part& part, int64_t part_bytes, std::string data,
                        std::optional<uint32_t> crc32c) {
  const auto room = static_cast<size_t>(part_bytes - SizeOf(part.bytes));
  if (data.size() > room) {
    carry_ = data.substr(room);
    data.resize(room);
    data.shrink_to_fit();  // what is held is what was reserved
    crc32c.reset();
  }
  ledger_.integrity.Extend(data, crc32c);
  ledger_.digester.Add(data);
  part.bytes.Append(std::move(data));
}

absl::Status PartReader::TakeEnd(Finish finish) {
  const Integrity& integrity = ledger_.integrity;
  if (auto s = integrity.Check(finish); !s.ok()) return s;
  if (first_crc32c_ && *first_crc32c_ != integrity.crc32c()) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     "the bytes that were sent again are not those that were "
                     "sent first",
                     Reason::kChecksumMismatch);
  }
  finish_ = std::move(finish);
  source_.Withdraw();
  credit_ = 0;
  return absl::OkStatus();
}

// Hands all memory back, since the caller stalls and others wait.
absl::Status PartReader::GiveWay(Part& part) {
  source_.Withdraw();
  credit_ = 0;
  if (auto s = PutAside(part, /*rewind_first=*/true); !s.ok()) {
    return Annotate(s,
                    "the caller sent too little while other uploads waited for "
                    "memory, and its bytes could not be kept");
  }
  gave_way_ = true;
  asked_for_end_ = false;
  return absl::OkStatus();
}

// Sees to it that the part holds no memory. A caller that has stalled is asked
// for its bytes again, but not a second time for the same part: one that is
// always slow would never fill it.
absl::Status PartReader::PutAside(Part& part, bool rewind_first) {
  if (BytesInMemory(part) > 0) {
    const bool can_rewind = source_.CanRewind();
    if (can_rewind && rewind_first && !rewound_) {
      RewindTo(part);
    } else if (const absl::Status s = ToSpool(part); s.ok()) {
      budget_.TellGivenUp("spool");
    } else if (can_rewind) {
      RewindTo(part);
    } else {
      budget_.TellGivenUp("failed");
      return s;
    }
  }
  held_.Shrink(static_cast<int64_t>(carry_.size()));
  return absl::OkStatus();
}

// Drops the part's bytes, and asks for them again.
void PartReader::RewindTo(Part& part) {
  rewound_ = true;
  source_.Rewind(part.offset);
  ledger_ = part_ledger_.Clone();
  part.bytes = Rope();
  part.file.reset();
  carry_.clear();
  credit_ = 0;
  budget_.TellGivenUp("rewind");
}

// If that fails, the part can only be dropped.
absl::Status PartReader::ToSpool(Part& part) {
  if (!part.file) {
    auto file = spool_.Create();
    if (!file.ok()) return file.status();
    part.file = *std::move(file);
  }
  for (const Rope::Piece& piece : part.bytes.pieces()) {
    if (piece.fd >= 0) continue;
    if (auto s = part.file->Append(piece.text); !s.ok()) return s;
  }
  part.bytes = Rope();
  part.bytes.AppendFile(part.file->fd(), 0,
                        static_cast<uint64_t>(part.file->size_bytes()));
  return absl::OkStatus();
}

}  // namespace lakefs::gateway
