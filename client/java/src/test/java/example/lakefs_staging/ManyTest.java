package example.lakefs_staging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.ErrorInfo;
import example.lakefs_staging.v1.UploadFailure;
import example.lakefs_staging.v1.UploadManyRequest;
import example.lakefs_staging.v1.UploadManyResponse;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class ManyTest extends GatewayFixture {
  private static Iterator<SmallObject> objects(int count) {
    return IntStream.range(0, count)
        .mapToObj(n -> SmallObject.of("lakefs://repo/main/" + n, new byte[] {(byte) n}))
        .iterator();
  }

  private static UploadManyResponse linked(UploadManyRequest request) {
    return UploadManyResponse.newBuilder()
        .setId(request.getId())
        .setResult(FakeGateway.result(request.getData().size()))
        .build();
  }

  private static UploadManyResponse failed(
      UploadManyRequest request, String reason, UploadFailure.Advice advice) {
    return UploadManyResponse.newBuilder()
        .setId(request.getId())
        .setStatus(
            FakeGateway.status(
                    Status.Code.UNAVAILABLE,
                    "m",
                    ErrorInfo.newBuilder().setReason(reason).setDomain("lakefs.staging").build(),
                    UploadFailure.newBuilder()
                        .setOutcome(example.lakefs_staging.v1.Outcome.OUTCOME_NOT_COMMITTED)
                        .setAdvice(advice)
                        .build())
                .toByteString())
        .build();
  }

  private static void linkAll(FakeGateway.Stream<UploadManyRequest, UploadManyResponse> stream)
      throws InterruptedException {
    for (UploadManyRequest next = stream.next(); next != null; next = stream.next()) {
      stream.send(linked(next));
    }
    stream.complete();
  }

  private List<SmallObjectResult> upload(int count) {
    List<SmallObjectResult> results = new ArrayList<>();
    client.uploadMany(objects(count), results::add);
    return results;
  }

  private static Set<String> targets(List<SmallObjectResult> results) {
    return results.stream()
        .map(result -> result.object().target())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void eachIsToldOnce() {
    gateway.many.add(ManyTest::linkAll);
    List<SmallObjectResult> results = upload(500);
    assertEquals(500, results.size());
    assertEquals(500, targets(results).size());
    results.forEach(result -> assertEquals(Outcome.COMMITTED, result.result().outcome()));
  }

  @Test
  void noneIsNoCall() {
    upload(0);
  }

  @Test
  void sixtyFourAreTakenWithoutAnAnswer() {
    AtomicInteger taken = new AtomicInteger();
    Iterator<SmallObject> all = objects(200);
    Iterator<SmallObject> counted =
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            return all.hasNext();
          }

          @Override
          public SmallObject next() {
            taken.incrementAndGet();
            return all.next();
          }
        };
    gateway.many.add(
        stream -> {
          List<UploadManyRequest> held = new ArrayList<>();
          for (int n = 0; n < 64; n++) {
            held.add(stream.next());
          }
          assertEquals(64, taken.get());
          held.forEach(request -> stream.send(linked(request)));
          linkAll(stream);
        });
    client.uploadMany(counted, result -> {});
    assertEquals(200, taken.get());
  }

  @Test
  void oneThatFailsEndsNothingElse() {
    gateway.many.add(
        stream -> {
          stream.send(failed(stream.next(), "X", UploadFailure.Advice.ADVICE_FIX_REQUEST));
          linkAll(stream);
        });
    List<SmallObjectResult> results = upload(10);
    assertEquals(
        List.of("X"),
        results.stream()
            .flatMap(result -> result.error().stream())
            .map(StagingException::reason)
            .collect(Collectors.toList()));
    assertEquals(10, results.size());
  }

  @Test
  void oneIsRepeatedOnTheSameStream() {
    gateway.many.add(
        stream -> {
          UploadManyRequest first = stream.next();
          assertEquals(1, first.getHeader().getAttempt());
          stream.send(failed(first, "X", UploadFailure.Advice.ADVICE_RETRY_CALL));
          UploadManyRequest second = stream.next();
          assertEquals(2, second.getHeader().getAttempt());
          assertEquals(first.getHeader().getRequestId(), second.getHeader().getRequestId());
          stream.send(linked(second));
          linkAll(stream);
        });
    assertEquals(2, upload(1).get(0).result().attempts());
  }

  @Test
  void whatAStreamLeftIsSentOnTheNext() {
    gateway.many.add(
        stream -> {
          UploadManyRequest first = stream.next();
          stream.next();
          stream.send(linked(first));
          stream.end(
              FakeGateway.error(
                  Status.Code.UNAVAILABLE,
                  "m",
                  ErrorInfo.newBuilder()
                      .setReason("DRAINING")
                      .setDomain("lakefs.staging")
                      .build()));
        });
    gateway.many.add(ManyTest::linkAll);
    List<SmallObjectResult> results = upload(20);
    assertEquals(20, targets(results).size());
    assertEquals(20, results.size());
    results.forEach(result -> assertEquals(Outcome.COMMITTED, result.result().outcome()));
  }

  @Test
  void iteratorMayWaitForAnAnswer() {
    SynchronousQueue<String> answered = new SynchronousQueue<>();
    gateway.many.add(ManyTest::linkAll);
    Iterator<SmallObject> two = objects(2);
    Iterator<SmallObject> waiting =
        new Iterator<>() {
          private boolean first = true;

          @Override
          public boolean hasNext() {
            return two.hasNext();
          }

          @Override
          public SmallObject next() {
            try {
              if (!first) {
                assertEquals("lakefs://repo/main/0", answered.poll(60, TimeUnit.SECONDS));
              }
              first = false;
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
            return two.next();
          }
        };
    AtomicInteger told = new AtomicInteger();
    client.uploadMany(
        waiting,
        result -> {
          if (told.incrementAndGet() == 1) {
            try {
              answered.offer(result.object().target(), 60, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
          }
        });
    assertEquals(2, told.get());
  }

  @Test
  void exceptionsOfTheCallerAreHis() {
    IllegalStateException own = new IllegalStateException("mine");
    gateway.many.add(
        stream -> {
          stream.send(linked(stream.next()));
          stream.awaitCancel();
        });
    assertSame(
        own,
        assertThrows(
            IllegalStateException.class,
            () ->
                client.uploadMany(
                    objects(3),
                    result -> {
                      throw own;
                    })));
    Iterator<SmallObject> throwing =
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            throw own;
          }

          @Override
          public SmallObject next() {
            throw own;
          }
        };
    assertSame(
        own,
        assertThrows(IllegalStateException.class, () -> client.uploadMany(throwing, result -> {})));
  }

  @Test
  void whatCannotBeSentIsToldAlone() {
    gateway.many.add(ManyTest::linkAll);
    List<SmallObjectResult> results = new ArrayList<>();
    client.uploadMany(
        List.of(
                SmallObject.of("nowhere", new byte[1]),
                SmallObject.of("lakefs://repo/main/big", new byte[(4 << 20) + 1]),
                SmallObject.of("lakefs://repo/main/good", new byte[1]))
            .iterator(),
        results::add);
    assertEquals(3, results.size());
    assertTrue(results.get(0).error().orElseThrow() instanceof InvalidRequestException);
    assertTrue(results.get(1).error().orElseThrow() instanceof InvalidRequestException);
    assertEquals(Outcome.COMMITTED, results.get(2).result().outcome());
  }
}
