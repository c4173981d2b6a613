#include "tests/clients/drivers/cpp/sources.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "client/file_source.h"
#include "client/memory_source.h"
#include "client/reopened_source.h"
#include "tests/clients/drivers/cpp/answers.h"

namespace lakefs::staging::driver {
namespace {

using nlohmann::json;

constexpr size_t kBlock = 65536;

uint32_t SeedOf(const json& spec) { return spec.value("seed", 1U); }

// Bytes that it holds itself.
class OwnedMemory : public Source {
 public:
  explicit OwnedMemory(std::string data)
      : data_(std::move(data)), memory_(data_) {}
  std::optional<int64_t> size_bytes() const override {
    return memory_.size_bytes();
  }
  bool can_rewind() const override { return true; }
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    return memory_.Read(buffer, size);
  }
  absl::Status Seek(int64_t offset) override { return memory_.Seek(offset); }
  void Interrupt() override { memory_.Interrupt(); }

 private:
  const std::string data_;
  MemorySource memory_;
};

// One that can go back.
class Seeking : public Stream {
 public:
  Seeking(const json& spec, TellEvent tell)
      : Stream(spec, SeedOf(spec)), spec_(spec), tell_(std::move(tell)) {}

  std::optional<int64_t> size_bytes() const override { return content_.size(); }
  bool can_rewind() const override { return true; }
  absl::Status Seek(int64_t offset) override {
    tell_({{"sought", offset}});
    interrupted_ = false;
    offset_ = offset;
    if (spec_.contains("second")) {
      content_ = Content(content_.size(), spec_["second"]);
    }
    return absl::OkStatus();
  }

 private:
  const json spec_;
  const TellEvent tell_;
};

// What an opener gives.
class Closing : public Stream {
 public:
  Closing(const json& spec, uint32_t seed, TellEvent tell)
      : Stream(spec, seed), tell_(std::move(tell)) {}
  ~Closing() override { tell_({{"closed", true}}); }

 private:
  const TellEvent tell_;
};

std::unique_ptr<Source> Opener(const json& spec, const TellEvent& tell) {
  auto opened = std::make_shared<int>(0);
  return std::make_unique<ReopenedSource>(
      [=]() -> absl::StatusOr<std::unique_ptr<Source>> {
        ++*opened;
        tell({{"opened", *opened}});
        const uint32_t seed =
            *opened > 1 ? spec.value("second", SeedOf(spec)) : SeedOf(spec);
        return std::make_unique<Closing>(spec, seed, tell);
      });
}

// A file that is gone when it is over.
class TemporaryFile : public Source {
 public:
  explicit TemporaryFile(const json& spec) {
    char name[] = "/tmp/clients-driver-XXXXXX";
    close(mkstemp(name));
    name_ = name;
    std::ofstream(name_, std::ios::binary)
        << Content(spec["size"], SeedOf(spec)).All();
    file_ = *FileSource::Open(name_);
  }
  ~TemporaryFile() override { unlink(name_.c_str()); }
  std::optional<int64_t> size_bytes() const override {
    return file_->size_bytes();
  }
  bool can_rewind() const override { return file_->can_rewind(); }
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    return file_->Read(buffer, size);
  }
  absl::Status Seek(int64_t offset) override { return file_->Seek(offset); }
  void Interrupt() override { file_->Interrupt(); }

 private:
  std::string name_;
  std::unique_ptr<FileSource> file_;
};

}  // namespace

Content::Content(int64_t size, uint32_t seed) : size_(size), block_(kBlock, 0) {
  uint32_t x = std::max<uint32_t>(seed, 1);
  for (size_t i = 0; i < kBlock; i += 4) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    std::memcpy(&block_[i], &x, 4);
  }
}

size_t Content::Copy(int64_t offset, char* buffer, size_t size) const {
  size_t done = 0;
  while (done < size && offset < size_) {
    const uint64_t number = static_cast<uint64_t>(offset) / kBlock;
    const size_t within = static_cast<size_t>(offset) % kBlock;
    const size_t n = std::min(
        {size - done, kBlock - within, static_cast<size_t>(size_ - offset)});
    std::memcpy(buffer + done, block_.data() + within, n);
    for (size_t i = within; i < std::min<size_t>(8, within + n); ++i) {
      buffer[done + i - within] = static_cast<char>(number >> (8 * i));
    }
    done += n;
    offset += static_cast<int64_t>(n);
  }
  return done;
}

std::string Content::All() const {
  std::string all(static_cast<size_t>(size_), '\0');
  Copy(0, all.data(), all.size());
  return all;
}

Stream::Stream(const json& spec, uint32_t seed)
    : content_(spec["size"], seed), spec_(spec) {}

absl::Status Stream::Seek(int64_t) {
  return absl::UnimplementedError("it cannot go back");
}

absl::StatusOr<size_t> Stream::Read(char* buffer, size_t size) {
  size_t filled = 0;
  while (filled < size) {
    const auto piece = ReadPiece(buffer + filled, size - filled);
    if (!piece.ok()) return piece.status();
    if (*piece == 0) break;
    filled += *piece;
  }
  return filled;
}

absl::StatusOr<size_t> Stream::ReadPiece(char* buffer, size_t size) {
  if (interrupted_) return absl::CancelledError("interrupted");
  if (spec_.contains("delay")) {
    absl::SleepFor(absl::Seconds(spec_["delay"].get<double>()));
  }
  if (spec_.contains("piece")) size = std::min<size_t>(size, spec_["piece"]);
  for (const char* name : {"fail_at", "block_at"}) {
    if (!spec_.contains(name)) continue;
    const int64_t at = spec_[name];
    if (offset_ + static_cast<int64_t>(size) <= at) continue;
    if (offset_ < at) {
      size = static_cast<size_t>(at - offset_);
      continue;
    }
    if (*name == 'f') return OwnError();
    while (!interrupted_) absl::SleepFor(absl::Milliseconds(10));
    return absl::CancelledError("interrupted");
  }
  const size_t copied = content_.Copy(offset_, buffer, size);
  offset_ += static_cast<int64_t>(copied);
  return copied;
}

std::unique_ptr<Source> MakeSource(const json& spec, const TellEvent& tell) {
  const std::string kind = spec["kind"];
  if (kind == "bytes") {
    return std::make_unique<OwnedMemory>(
        Content(spec["size"], SeedOf(spec)).All());
  }
  if (kind == "file") {
    if (!spec.contains("file")) return std::make_unique<TemporaryFile>(spec);
    auto file = FileSource::Open(spec["file"].get<std::string>());
    return file.ok() ? *std::move(file) : nullptr;
  }
  if (kind == "seekable") return std::make_unique<Seeking>(spec, tell);
  if (kind == "opener") return Opener(spec, tell);
  if (kind == "stream" || kind == "generator") {
    return std::make_unique<Stream>(spec, SeedOf(spec));
  }
  return nullptr;
}

}  // namespace lakefs::staging::driver
