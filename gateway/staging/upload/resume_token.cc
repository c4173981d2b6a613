#include "gateway/staging/upload/resume_token.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace lakefs::gateway {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kDigestBytes = 32;
constexpr size_t kMd5Bytes = 16;
constexpr size_t kMostParts = 10'000;

bool IsMd5(absl::string_view etag) {
  return etag.size() == 2 * kMd5Bytes &&
         std::all_of(etag.begin(), etag.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

class Writer {
 public:
  template <typename T>
  void Number(T number) {
    for (size_t i = 0; i < sizeof(T); ++i) {
      out_.push_back(
          static_cast<char>(static_cast<uint64_t>(number) >> (8 * i)));
    }
  }
  void Text(absl::string_view text) {
    Number(static_cast<uint32_t>(text.size()));
    out_.append(text.data(), text.size());
  }
  template <typename T, typename Write>
  void Optional(const std::optional<T>& value, const Write& write) {
    Number<uint8_t>(value.has_value());
    if (value) write(*value);
  }
  void Time(WallTime time) { Number(time.time_since_epoch().count()); }
  // An ETag: 0 and the MD5 that it is, else its length and itself.
  void Etag(absl::string_view etag) {
    const bool md5 = IsMd5(etag);
    Number(static_cast<uint8_t>(md5 ? 0 : etag.size()));
    out_ += md5 ? absl::HexStringToBytes(etag) : std::string(etag);
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// Each read gives an empty value once the bytes have run out.
class Reader {
 public:
  explicit Reader(absl::string_view in) : in_(in) {}

  template <typename T>
  T Number() {
    const absl::string_view bytes = Bytes(sizeof(T));
    uint64_t number = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      number |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i]))
                << (8 * i);
    }
    return static_cast<T>(number);
  }
  std::string Text() { return std::string(Bytes(Number<uint32_t>())); }
  template <typename Read>
  auto Optional(const Read& read) -> std::optional<decltype(read())> {
    if (Number<uint8_t>() == 0) return std::nullopt;
    return read();
  }
  WallTime Time() {
    return WallTime(WallTime::duration(Number<WallTime::rep>()));
  }
  std::string Etag() {
    const size_t size = Number<uint8_t>();
    return size == 0 ? absl::BytesToHexString(Bytes(kMd5Bytes))
                     : std::string(Bytes(size));
  }
  bool good() const { return good_; }
  bool ended() const { return in_.empty(); }

 private:
  absl::string_view Bytes(size_t size) {
    good_ &= size <= in_.size();
    if (!good_) return "";
    const absl::string_view bytes = in_.substr(0, size);
    in_.remove_prefix(size);
    return bytes;
  }

  absl::string_view in_;
  bool good_ = true;
};

}  // namespace

std::string Encode(const ResumeToken& token) {
  const ResumePoint& point = token.point;
  Writer out;
  out.Number(kVersion);
  out.Number(static_cast<uint8_t>(point.plan));
  out.Text(point.location.physical_address);
  out.Optional(point.location.token,
               [&](const std::string& text) { out.Text(text); });
  out.Text(point.upload_id);
  out.Number(point.part_bytes);
  out.Number(static_cast<uint32_t>(point.parts.size()));
  for (const StoredPart& part : point.parts) {
    if (part.etag.empty() ||
        part.etag.size() > RequestLimits::kResumeEtagBytes) {
      return "";
    }
    out.Etag(part.etag);
  }
  out.Number(point.crc32c);
  out.Optional(point.link_before, [&](WallTime time) { out.Time(time); });
  for (const std::string* text :
       {&token.object.repository, &token.object.branch, &token.object.path,
        &token.blockstore_id, &token.header, &token.lakefs, &token.caller}) {
    out.Text(*text);
  }
  out.Time(token.made);
  std::string bytes = out.Take();
  const size_t most = RequestLimits::kResumeTokenBytes - 64;  // of the seal
  return bytes.size() <= most ? bytes : "";
}

std::optional<ResumeToken> Decode(absl::string_view bytes) {
  Reader in(bytes);
  ResumeToken token;
  ResumePoint& point = token.point;
  if (in.Number<uint8_t>() != kVersion) return std::nullopt;
  point.plan = static_cast<Plan>(in.Number<uint8_t>());
  point.location.physical_address = in.Text();
  point.location.token = in.Optional([&] { return in.Text(); });
  point.upload_id = in.Text();
  point.part_bytes = in.Number<int64_t>();
  const auto parts = in.Number<uint32_t>();
  if (parts > kMostParts) return std::nullopt;
  for (int number = 1; number <= static_cast<int>(parts); ++number) {
    point.parts.push_back({number, in.Etag()});
  }
  point.crc32c = in.Number<uint32_t>();
  point.link_before = in.Optional([&] { return in.Time(); });
  for (std::string* text :
       {&token.object.repository, &token.object.branch, &token.object.path,
        &token.blockstore_id, &token.header, &token.lakefs, &token.caller}) {
    *text = in.Text();
  }
  token.made = in.Time();
  const bool is_whole = in.good() && in.ended() && point.part_bytes > 0 &&
                        point.part_bytes <= RequestLimits::kObjectBytes &&
                        token.header.size() == kDigestBytes;
  if (!is_whole) return std::nullopt;
  return token;
}

std::string HeaderDigest(const UploadRequest& request) {
  Writer out;
  out.Text(request.object.repository);
  out.Text(request.object.branch);
  out.Text(request.object.path);
  out.Text(request.content_type);
  for (const auto& [key, value] : request.user_metadata) {
    out.Text(key);
    out.Text(value);
  }
  out.Number(static_cast<uint32_t>(request.user_metadata.size()));
  out.Optional(request.size_bytes, [&](int64_t size) { out.Number(size); });
  out.Optional(request.if_match,
               [&](const std::string& text) { out.Text(text); });
  out.Optional(request.mtime, [&](WallTime time) { out.Time(time); });
  out.Text(request.request_id);
  for (const bool flag : {request.if_absent, request.force,
                          request.sha256_follows, request.md5_follows}) {
    out.Number<uint8_t>(flag);
  }
  return Sha256(out.Take());
}

std::string Sha256(absl::string_view text) {
  std::string digest(kDigestBytes, '\0');
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(),
             reinterpret_cast<unsigned char*>(digest.data()), &size,
             EVP_sha256(), nullptr);
  return digest;
}

}  // namespace lakefs::gateway
