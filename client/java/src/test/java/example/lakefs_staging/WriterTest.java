package example.lakefs_staging;

import static example.lakefs_staging.FakeGateway.MIB;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class WriterTest extends GatewayFixture {
  private static final String TARGET = "lakefs://repo/main/object";

  /** Takes the header and what else comes, until the call is cancelled. */
  private void expectCancel() {
    gateway.streams.add(FakeGateway.Stream::awaitCancel);
  }

  private void assertCancelled() throws InterruptedException {
    assertTrue(gateway.cancelled.await(60, TimeUnit.SECONDS));
  }

  @Test
  void commitLinksAndGivesTheSameAgain() throws Exception {
    gateway.streams.add(FakeGateway::takeAll);
    try (ObjectWriter out = client.openWriter(TARGET)) {
      out.write(new byte[3 * MIB]);
      out.write(1);
      UploadResult result = out.commit();
      assertEquals(3 * MIB + 1, result.object().sizeBytes().getAsLong());
      assertSame(result, out.commit());
      assertThrows(IOException.class, () -> out.write(1));
      out.abort();
      assertSame(result, out.commit());
    }
  }

  @Test
  void smallObjectIsOneMessageAndRepeated() throws Exception {
    gateway.objects.add(
        request -> {
          throw FakeGateway.draining();
        });
    gateway.objects.add(FakeGateway::committed);
    UploadResult result = client.write(TARGET, out -> out.write(new byte[100]));
    assertEquals(2, result.attempts());
    assertEquals(100, result.object().sizeBytes().getAsLong());
  }

  @Test
  void exactlyOneMebibyteIsOneMessage() throws Exception {
    gateway.objects.add(FakeGateway::committed);
    assertEquals(
        MIB, client.write(TARGET, o -> o.write(new byte[MIB])).object().sizeBytes().getAsLong());
  }

  @Test
  void closeWithoutCommitThrowsAndCancels() throws Exception {
    expectCancel();
    ObjectWriter out = client.openWriter(TARGET);
    out.write(new byte[3 * MIB + 1]);
    StagingIOException e = assertThrows(StagingIOException.class, out::close);
    assertTrue(e.getCause().nothingLinked());
    out.close();
    assertThrows(StagingException.class, out::commit);
    assertCancelled();
  }

  @Test
  void abortIsSilent() throws Exception {
    expectCancel();
    ObjectWriter out = client.openWriter(TARGET);
    out.write(new byte[3 * MIB + 1]);
    out.abort();
    out.close();
    assertTrue(assertThrows(StagingException.class, out::commit).nothingLinked());
    assertCancelled();
  }

  @Test
  void exceptionOfTheScopeIsThrownAsItWas() throws Exception {
    expectCancel();
    Exception own = new Exception("mine");
    assertSame(
        own,
        assertThrows(
            Exception.class,
            () ->
                client.write(
                    TARGET,
                    out -> {
                      out.write(new byte[3 * MIB + 1]);
                      throw own;
                    })));
    assertCancelled();
  }

  @Test
  void smallScopeThatThrowsCallsNobody() {
    assertThrows(
        IllegalStateException.class,
        () ->
            client.<IOException>write(
                TARGET,
                out -> {
                  try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
                    gzip.write(7);
                    throw new IllegalStateException();
                  }
                }));
    assertEquals(0, gateway.headers.size());
  }

  @Test
  void wrapperMayCloseWithinTheScope() throws Exception {
    byte[] content = new byte[2 * MIB];
    new java.util.Random(1).nextBytes(content);
    AtomicReference<byte[]> linked = new AtomicReference<>();
    gateway.streams.add(
        stream -> {
          linked.set(FakeGateway.readToFinish(stream));
          stream.send(
              example.lakefs_staging.v1.UploadAndLinkResponse.newBuilder()
                  .setResult(FakeGateway.result(1))
                  .build());
          stream.complete();
        });
    client.write(
        TARGET,
        out -> {
          try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(content);
          }
        });
    assertArrayEquals(
        content, new GZIPInputStream(new ByteArrayInputStream(linked.get())).readAllBytes());
  }

  @Test
  void errorOfTheCallIsThrownByTheWriteAndTheScope() {
    gateway.streams.add(stream -> stream.end(FakeGateway.draining()));
    AtomicReference<IOException> met = new AtomicReference<>();
    StagingException e =
        assertThrows(
            StagingException.class,
            () ->
                client.<IOException>write(
                    TARGET,
                    out -> {
                      try {
                        for (; ; ) {
                          out.write(new byte[MIB]);
                        }
                      } catch (IOException failed) {
                        met.set(failed);
                        throw failed;
                      }
                    }));
    assertEquals("DRAINING", e.reason());
    assertSame(e, met.get().getCause());
  }

  @Test
  void errorThatTheScopeSwallowsIsThrownByTheCommit() {
    gateway.streams.add(stream -> stream.end(FakeGateway.draining()));
    StagingException e =
        assertThrows(
            StagingException.class,
            () ->
                client.write(
                    TARGET,
                    out -> {
                      try {
                        for (; ; ) {
                          out.write(new byte[MIB]);
                        }
                      } catch (IOException failed) {
                        // as if nothing were
                      }
                    }));
    assertEquals("DRAINING", e.reason());
  }

  @Test
  void droppedWriterIsCancelled() throws Exception {
    expectCancel();
    writeAndDrop();
    while (gateway.cancelled.getCount() > 0) {
      System.gc();
      gateway.cancelled.await(20, TimeUnit.MILLISECONDS);
    }
  }

  private void writeAndDrop() throws IOException {
    new GZIPOutputStream(client.openWriter(TARGET)) {}.flush();
    client.openWriter(TARGET).write(new byte[3 * MIB + 1]);
  }

  @Test
  void interruptOfAWriteCancels() throws Exception {
    expectCancel();
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread thread =
        new Thread(
            () -> {
              try (ObjectWriter out = client.openWriter(TARGET)) {
                for (; ; ) {
                  out.write(new byte[MIB]); // the gateway takes little of it
                }
              } catch (Throwable e) {
                thrown.set(e);
              }
            });
    gateway.streams.clear();
    gateway.streams.add(
        stream -> {
          FakeGateway.readUntil(stream, MIB);
          thread.interrupt();
          stream.awaitCancel();
        });
    thread.start();
    thread.join();
    assertEquals("CANCELLED", ((StagingIOException) thrown.get()).getCause().reason());
    assertCancelled();
  }

  @Test
  void badTargetIsSaidBeforeAnythingIsWritten() {
    assertThrows(InvalidRequestException.class, () -> client.openWriter("lakefs://repo/main"));
  }
}
