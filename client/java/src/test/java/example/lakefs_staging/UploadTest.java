package example.lakefs_staging;

import static example.lakefs_staging.FakeGateway.MIB;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import example.lakefs_staging.v1.GetUploadOutcomeResponse;
import example.lakefs_staging.v1.UploadFailure.Advice;
import example.lakefs_staging.v1.UploadHeader;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class UploadTest extends GatewayFixture {
  private static final String TARGET = "lakefs://repo/main/a b/ü?#%2F";

  private static byte[] content(int size) {
    byte[] content = new byte[size];
    new java.util.Random(size).nextBytes(content);
    return content;
  }

  private static InputStream once(byte[] content) {
    return new SequenceInputStream(
        new ByteArrayInputStream(content), InputStream.nullInputStream());
  }

  private static InputStream thenThrowing(byte[] content, IOException error) {
    return new SequenceInputStream(
        new ByteArrayInputStream(content),
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw error;
          }
        });
  }

  /** Blocks behind its bytes, until it is interrupted. */
  private static InputStream thenBlocking(byte[] content, CountDownLatch reached) {
    return new SequenceInputStream(
        new ByteArrayInputStream(content),
        new InputStream() {
          @Override
          public int read() throws IOException {
            try {
              reached.countDown();
              new CountDownLatch(1).await();
              return -1;
            } catch (InterruptedException e) {
              throw new IOException(e);
            }
          }
        });
  }

  private void sameButForAttempt(UploadHeader first, UploadHeader second) {
    assertEquals(1, first.getAttempt());
    assertEquals(2, second.getAttempt());
    assertEquals(first, second.toBuilder().setAttempt(1).build());
  }

  @Test
  void upToOneMebibyteIsOneMessage() throws Exception {
    for (int size : new int[] {0, 1, MIB}) {
      gateway.objects.add(FakeGateway::committed);
      UploadResult result = client.upload(once(content(size)), TARGET);
      assertEquals(Outcome.COMMITTED, result.outcome());
      assertEquals(size, result.object().sizeBytes().getAsLong());
    }
    UploadHeader header = gateway.headers.get(0);
    assertEquals("a b/ü?#%2F", header.getObject().getPath());
    assertEquals(36, header.getRequestId().length());
    assertTrue(header.hasSizeBytes());
  }

  @Test
  void moreIsAStreamWithChecksums() throws Exception {
    byte[] content = content(3 * MIB + 17);
    gateway.streams.add(FakeGateway::takeAll);
    UploadResult result = client.upload(once(content), TARGET);
    assertEquals(
        Integer.toUnsignedLong(Crc32c.of(content, 0, content.length)), result.crc32c().getAsLong());
    assertFalse(gateway.headers.get(0).hasSizeBytes());
    assertFalse(gateway.headers.get(0).getCanRewind());
  }

  @Test
  void optionsAreInTheHeader() {
    gateway.objects.add(FakeGateway::committed);
    client.upload(
        new byte[1],
        TARGET,
        UploadOption.contentType("text/csv"),
        UploadOption.userMetadata(java.util.Map.of("k", "v")),
        UploadOption.ifAbsent(),
        UploadOption.force(),
        UploadOption.mtime(java.time.Instant.ofEpochSecond(-2, 700_000_000)),
        UploadOption.requestId("mine"));
    UploadHeader header = gateway.headers.get(0);
    assertEquals("text/csv", header.getContentType());
    assertEquals("v", header.getUserMetadataMap().get("k"));
    assertTrue(header.getIfAbsent() && header.getForce());
    assertEquals(-2, header.getMtime().getSeconds());
    assertEquals(0, header.getMtime().getNanos());
    assertEquals("mine", header.getRequestId());
    assertEquals(0, header.getAttempt());
  }

  @Test
  void repeatableSourceIsRepeatedWithTheSameHeader(@TempDir Path folder) throws Exception {
    byte[] content = content(2 * MIB + 1);
    Path file = Files.write(folder.resolve("file"), content);
    gateway.streams.add(
        stream -> {
          FakeGateway.readUntil(stream, MIB);
          stream.end(FakeGateway.draining());
        });
    gateway.streams.add(
        stream -> {
          assertArrayEquals(content, FakeGateway.readToFinish(stream));
          stream.send(
              example.lakefs_staging.v1.UploadAndLinkResponse.newBuilder()
                  .setResult(FakeGateway.result(content.length))
                  .build());
          stream.complete();
        });
    assertEquals(2, client.upload(file, TARGET).attempts());
    sameButForAttempt(gateway.headers.get(0), gateway.headers.get(1));
  }

  @Test
  void smallStreamIsRepeated() throws Exception {
    gateway.objects.add(
        request -> {
          throw FakeGateway.draining();
        });
    gateway.objects.add(FakeGateway::committed);
    assertEquals(2, client.upload(once(content(100)), TARGET).attempts());
    sameButForAttempt(gateway.headers.get(0), gateway.headers.get(1));
  }

  @Test
  void largeStreamIsNotRepeated() {
    gateway.streams.add(
        stream -> {
          FakeGateway.readUntil(stream, MIB);
          stream.end(FakeGateway.draining());
        });
    StagingException e =
        assertThrows(StagingException.class, () -> client.upload(once(content(3 * MIB)), TARGET));
    assertEquals("DRAINING", e.reason());
    assertTrue(e.nothingLinked() && e.retryable());
    assertEquals(1, gateway.headers.size());
  }

  @Test
  void fixRequestIsNotRepeated() {
    gateway.objects.add(
        request -> {
          throw FakeGateway.error(
              Status.Code.ALREADY_EXISTS,
              "OBJECT_EXISTS",
              example.lakefs_staging.v1.Outcome.OUTCOME_NOT_COMMITTED,
              Advice.ADVICE_FIX_REQUEST);
        });
    assertThrows(ObjectExistsException.class, () -> client.upload(new byte[1], TARGET));
    assertEquals(1, gateway.headers.size());
  }

  @Test
  void attemptsAreBounded() {
    for (int i = 0; i < 3; i++) {
      gateway.objects.add(
          request -> {
            throw FakeGateway.draining();
          });
    }
    StagingException e =
        assertThrows(
            StagingException.class,
            () -> client.upload(new byte[1], TARGET, UploadOption.attempts(3)));
    assertEquals(3, e.attempts());
    assertEquals(3, gateway.headers.size());
  }

  @Test
  void sourcesOwnErrorIsThrownAsItWasAndCancels() throws Exception {
    IOException own = new IOException("mine");
    gateway.streams.add(FakeGateway.Stream::awaitCancel);
    assertSame(
        own,
        assertThrows(
            IOException.class, () -> client.upload(thenThrowing(content(3 * MIB), own), TARGET)));
    assertTrue(gateway.cancelled.await(60, TimeUnit.SECONDS));
  }

  @Test
  void toldSizeHasToBeMet() {
    for (int told : new int[] {10, 30}) {
      assertThrows(
          ContentMismatchException.class,
          () -> client.upload(once(content(20)), TARGET, UploadOption.sizeBytes(told)));
    }
    for (int told : new int[] {2 * MIB, 5 * MIB}) {
      gateway.streams.add(FakeGateway.Stream::awaitCancel);
      StagingException e =
          assertThrows(
              ContentMismatchException.class,
              () -> client.upload(once(content(3 * MIB)), TARGET, UploadOption.sizeBytes(told)));
      assertEquals("SIZE_MISMATCH", e.reason());
      assertTrue(e.nothingLinked());
    }
  }

  @Test
  void fileThatChangesIsNotLinked(@TempDir Path folder) throws Exception {
    Path file = Files.write(folder.resolve("file"), content(30 * MIB));
    gateway.streams.add(
        stream -> {
          FakeGateway.readUntil(stream, MIB);
          Files.write(file, content(5 * MIB));
          stream.awaitCancel();
        });
    StagingException e =
        assertThrows(
            StagingException.class, () -> client.upload(file, TARGET, UploadOption.attempts(1)));
    assertEquals("SOURCE_CHANGED", e.reason());
    assertTrue(e.nothingLinked());
  }

  @Test
  void rewindSendsAgainFromThere() throws Exception {
    byte[] content = content(4 * MIB + 5);
    gateway.streams.add(
        stream -> {
          FakeGateway.readUntil(stream, 3 * MIB);
          FakeGateway.rewind(stream, MIB + 12345);
          assertArrayEquals(content, FakeGateway.readToFinish(stream));
          FakeGateway.rewind(stream, 7);
          FakeGateway.takeAll(stream);
        });
    assertEquals(
        content.length,
        client.upload(() -> once(content), TARGET).object().sizeBytes().getAsLong());
  }

  @Test
  void unknownOutcomeIsAskedFor() throws Exception {
    gateway.streams.add(
        stream -> {
          FakeGateway.readToFinish(stream);
          stream.end(Status.UNAVAILABLE.asRuntimeException());
        });
    gateway.outcomes.add(
        request -> GetUploadOutcomeResponse.newBuilder().setInProgress(true).build());
    gateway.outcomes.add(
        request -> {
          assertEquals(gateway.headers.get(0).getRequestId(), request.getRequestId());
          return GetUploadOutcomeResponse.newBuilder().setResult(FakeGateway.result(7)).build();
        });
    assertEquals(7, client.upload(once(content(2 * MIB)), TARGET).object().sizeBytes().getAsLong());
  }

  @Test
  void outcomeThatNobodyKnowsIsSaid() {
    gateway.streams.add(
        stream -> {
          FakeGateway.readToFinish(stream);
          stream.end(Status.UNAVAILABLE.asRuntimeException());
        });
    gateway.outcomes.add(
        request -> {
          throw FakeGateway.error(
              Status.Code.NOT_FOUND,
              "nothing",
              com.google.rpc.ErrorInfo.newBuilder()
                  .setReason("NOT_FOUND")
                  .setDomain("lakefs.staging")
                  .build());
        });
    OutcomeUnknownException e =
        assertThrows(
            OutcomeUnknownException.class, () -> client.upload(once(content(2 * MIB)), TARGET));
    assertEquals("GATEWAY_CONNECTION_LOST", e.reason());
    assertEquals(gateway.headers.get(0).getRequestId(), e.requestId());
    assertTrue(e.getMessage().contains(e.requestId()));
  }

  @Test
  void withoutRequestIdUnknownIsNotRepeated() {
    gateway.objects.add(
        request -> {
          throw Status.UNAVAILABLE.asRuntimeException();
        });
    OutcomeUnknownException e =
        assertThrows(
            OutcomeUnknownException.class,
            () -> client.upload(new byte[1], TARGET, UploadOption.requestId("")));
    assertTrue(e.getMessage().contains("look at the path"));
    assertEquals(1, gateway.headers.size());
  }

  @Test
  void doubtIsNotForgotten() {
    gateway.objects.add(
        request -> {
          throw Status.UNAVAILABLE.asRuntimeException();
        });
    gateway.objects.add(
        request -> {
          throw FakeGateway.draining();
        });
    StagingException e =
        assertThrows(
            StagingException.class,
            () -> client.upload(new byte[1], TARGET, UploadOption.attempts(2)));
    assertEquals(Outcome.UNKNOWN, e.outcome());
  }

  @Test
  void sourceThatBlocksHoldsNobodyBeyondHisTime() {
    CountDownLatch reached = new CountDownLatch(1);
    StagingException e =
        assertThrows(
            StagingException.class,
            () ->
                client.upload(
                    thenBlocking(content(10), reached),
                    TARGET,
                    UploadOption.timeout(Duration.ofMillis(300))));
    assertEquals("DEADLINE_EXCEEDED", e.reason());
    assertTrue(e.nothingLinked());
  }

  @Test
  void interruptCancels() throws Exception {
    CountDownLatch reached = new CountDownLatch(1);
    gateway.streams.add(FakeGateway.Stream::awaitCancel);
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    List<Boolean> interrupted = new ArrayList<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                client.upload(thenBlocking(content(3 * MIB), reached), TARGET);
              } catch (Throwable e) {
                thrown.set(e);
                interrupted.add(Thread.currentThread().isInterrupted());
              }
            });
    thread.start();
    assertTrue(reached.await(60, TimeUnit.SECONDS));
    thread.interrupt();
    thread.join();
    StagingException e = assertInstanceOf(StagingException.class, thrown.get());
    assertEquals("CANCELLED", e.reason());
    assertInstanceOf(InterruptedException.class, e.getCause());
    assertEquals(List.of(true), interrupted);
    assertTrue(gateway.cancelled.await(60, TimeUnit.SECONDS));
  }

  @Test
  void cancelledFutureCancels() throws Exception {
    CountDownLatch reached = new CountDownLatch(1);
    gateway.streams.add(FakeGateway.Stream::awaitCancel);
    CompletableFuture<UploadResult> future =
        client.uploadAsync(thenBlocking(content(3 * MIB), reached), TARGET);
    assertTrue(reached.await(60, TimeUnit.SECONDS));
    assertTrue(future.cancel(true));
    assertThrows(CancellationException.class, future::join);
    assertTrue(gateway.cancelled.await(60, TimeUnit.SECONDS));
  }

  @Test
  void progressEndsWithTheSizeAndItsErrorIsTheCallers() throws Exception {
    List<Long> told = new ArrayList<>();
    gateway.streams.add(FakeGateway::takeAll);
    client.upload(
        once(content(5 * MIB)),
        TARGET,
        UploadOption.progress(progress -> told.add(progress.receivedBytes())));
    assertEquals(5L * MIB, told.get(told.size() - 1));
    assertEquals(told.stream().sorted().collect(java.util.stream.Collectors.toList()), told);

    IllegalStateException own = new IllegalStateException("mine");
    gateway.streams.add(FakeGateway.Stream::awaitCancel);
    assertSame(
        own,
        assertThrows(
            IllegalStateException.class,
            () ->
                client.upload(
                    once(content(5 * MIB)),
                    TARGET,
                    UploadOption.progress(
                        progress -> {
                          throw own;
                        }))));
    assertTrue(gateway.cancelled.await(60, TimeUnit.SECONDS));
  }

  @Test
  void resumedUploadSendsFromTheOffset() throws Exception {
    byte[] content = content(4 * MIB);
    gateway.streams.add(
        stream -> {
          assertEquals("token", stream.next().getHeader().getResumeToken().toStringUtf8());
          stream.send(
              example.lakefs_staging.v1.UploadAndLinkResponse.newBuilder()
                  .setRewind(example.lakefs_staging.v1.UploadRewind.newBuilder().setOffset(MIB + 5))
                  .build());
          var first = stream.next().getChunk();
          assertEquals(MIB + 5, first.getWriteOffset());
          for (var next = stream.next(); !next.hasFinish(); next = stream.next()) {}
          stream.send(
              example.lakefs_staging.v1.UploadAndLinkResponse.newBuilder()
                  .setResult(FakeGateway.result(content.length))
                  .build());
          stream.complete();
        });
    client.upload(
        once(content),
        TARGET,
        UploadOption.requestId("mine"),
        UploadOption.resumeToken("token".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
  }

  @Test
  void tokenThatIsRefusedIsDropped() {
    gateway.streams.add(
        stream -> {
          stream.next();
          stream.end(
              FakeGateway.error(
                  Status.Code.PERMISSION_DENIED,
                  "RESUME_REFUSED",
                  example.lakefs_staging.v1.Outcome.OUTCOME_NOT_COMMITTED,
                  Advice.ADVICE_FIX_REQUEST));
        });
    gateway.streams.add(FakeGateway::takeAll);
    UploadResult result =
        client.upload(
            content(2 * MIB),
            TARGET,
            UploadOption.requestId("mine"),
            UploadOption.resumeToken(new byte[] {1}));
    assertEquals(2, result.attempts());
    assertTrue(gateway.headers.get(1).getResumeToken().isEmpty());
  }

  @Test
  void checkpointsNeedARequestId() {
    assertThrows(
        InvalidRequestException.class,
        () -> client.upload(new byte[1], TARGET, UploadOption.checkpoint(told -> {})));
  }

  @Test
  void closedClientIsNotUsed() {
    client.close();
    assertThrows(IllegalStateException.class, () -> client.upload(new byte[1], TARGET));
  }
}
