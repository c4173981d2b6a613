package example.lakefs_staging;

import com.google.protobuf.Timestamp;
import example.lakefs_staging.v1.UploadHeader;
import io.grpc.Deadline;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** All options of one upload. */
final class Settings {
  String contentType = "";
  Map<String, String> userMetadata = Map.of();
  boolean ifAbsent;
  String ifMatch;
  boolean force;
  Instant mtime;
  String requestId;
  int attempt;
  int attempts = 5;
  Duration timeout;
  Long sizeBytes;
  byte[] sha256;
  byte[] md5;
  Consumer<? super UploadProgress> progress;
  Consumer<? super UploadCheckpoint> checkpoint;
  byte[] resumeToken = {};

  static Settings of(UploadOption... options) {
    Settings settings = new Settings();
    for (UploadOption option : options) {
      option.applyTo(settings);
    }
    return settings;
  }

  Deadline deadline() {
    // Longer ones are as good as none, and would overflow.
    if (timeout == null || timeout.toDays() > 3650) {
      return null;
    }
    return Deadline.after(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** Whether a digest has to go along, for which a single message has no place. */
  boolean hasDigest() {
    return sha256 != null || md5 != null;
  }

  /**
   * The header of all attempts, with a request id.
   *
   * @throws StagingException INVALID_REQUEST for a target or text that cannot be sent
   */
  UploadHeader.Builder header(String target, OptionalLong size) {
    if (requestId == null && (checkpoint != null || resumeToken.length > 0)) {
      throw Failure.invalid(
          "checkpoint and resumeToken need a requestId: it has to be the same when the upload is"
              + " gone on with");
    }
    UploadHeader.Builder header =
        UploadHeader.newBuilder()
            .setObject(Targets.parse(target))
            .setContentType(Targets.text("content type", contentType))
            .setIfAbsent(ifAbsent)
            .setForce(force);
    userMetadata.forEach(
        (key, value) ->
            header.putUserMetadata(
                Targets.text("metadata key", key), Targets.text("metadata value", value)));
    size.ifPresent(header::setSizeBytes);
    if (ifMatch != null) {
      header.setIfMatch(Targets.text("checksum of ifMatch", ifMatch));
    }
    if (mtime != null) {
      header.setMtime(Timestamp.newBuilder().setSeconds(mtime.getEpochSecond()));
    }
    header.setRequestId(
        requestId == null ? UUID.randomUUID().toString() : Targets.text("request id", requestId));
    header.setSha256Follows(sha256 != null);
    header.setMd5Follows(md5 != null);
    return header;
  }

  /** Which number the {@code n}th attempt from 1 on tells the gateway; 0: none. */
  int attemptNumber(int n) {
    if (attempt > 0) {
      return attempt + n - 1;
    }
    return requestId == null ? n : 0;
  }
}
