package example.lakefs_staging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import example.lakefs_staging.v1.UploadFailure;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class ClientTest {
  private static final String TARGET = "lakefs://repo/main/object";
  private static final String SECRET = "Bearer very-secret";

  private static StagingClientBuilder builder(Map<String, String> environment) {
    return new StagingClientBuilder(environment::get);
  }

  private static String printed(Throwable e) {
    StringWriter text = new StringWriter();
    e.printStackTrace(new PrintWriter(text));
    return text.toString();
  }

  @Test
  void gatewayIsNamedOrOfTheEnvironmentOrTheUsualOne() {
    Map<String, String> set = Map.of("LAKEFS_STAGING_GATEWAY", "unix:/run/g.sock");
    try (StagingClient usual = builder(Map.of()).build();
        StagingClient environment = builder(set).build();
        StagingClient named = builder(set).gateway("[::1]:1").build()) {
      assertEquals("127.0.0.1:8765", usual.address());
      assertEquals("unix:/run/g.sock", environment.address());
      assertEquals("[::1]:1", named.address());
    }
  }

  @Test
  void anythingElseIsNoAddress() {
    for (String bad :
        new String[] {
          "", "host", ":1", "h:0", "h:65536", "http://h:1", "unix:", "h:1/x", "a b:1"
        }) {
      InvalidRequestException e =
          assertThrows(
              InvalidRequestException.class, () -> builder(Map.of()).gateway(bad).build(), bad);
      assertTrue(e.getMessage().contains('"' + bad + '"'));
    }
  }

  @Test
  void targetsAreTakenApartAndNotDecoded() {
    assertEquals("lakefs://r/b//x?#%2F", StagingClient.target("r", "b", "/x?#%2F"));
    assertEquals("/x?#%2F", Targets.parse("lakefs://r/b//x?#%2F").getPath());
    for (String bad :
        new String[] {
          "",
          "s3://r/b/p",
          "lakefs://",
          "lakefs://r",
          "lakefs://r/b",
          "lakefs://r/b/",
          "lakefs:///b/p",
          "lakefs://r//p",
          "lakefs://r/b/\ud800",
          "lakefs://r/b/\udc00x"
        }) {
      assertThrows(InvalidRequestException.class, () -> Targets.parse(bad), bad);
    }
    assertThrows(InvalidRequestException.class, () -> StagingClient.target("r/x", "b", "p"));
    assertEquals("\ud83d\ude00", Targets.parse("lakefs://r/b/\ud83d\ude00").getPath());
  }

  @Test
  void nobodyThereIsToldWithTheAddress() {
    int port;
    try (FakeGateway gone = new FakeGateway()) {
      port = gone.port();
    }
    try (StagingClient client =
        builder(Map.of())
            .gateway("127.0.0.1:" + port)
            .connectTimeout(Duration.ofMillis(300))
            .build()) {
      StagingException e =
          assertThrows(StagingException.class, () -> client.upload(new byte[1], TARGET));
      assertEquals("GATEWAY_UNREACHABLE", e.reason());
      assertTrue(e.nothingLinked() && e.retryable());
      assertTrue(e.getMessage().contains("127.0.0.1:" + port));
    }
  }

  @Test
  void gatewayThatComesLaterIsReached() throws Exception {
    int port;
    try (FakeGateway gone = new FakeGateway()) {
      port = gone.port();
    }
    try (StagingClient client = builder(Map.of()).gateway("127.0.0.1:" + port).build()) {
      var upload = client.uploadAsync(new byte[1], TARGET);
      try (FakeGateway gateway = new FakeGateway(port)) {
        gateway.objects.add(FakeGateway::committed);
        assertEquals(Outcome.COMMITTED, upload.get().outcome());
      }
    }
  }

  @Test
  void authorizationGoesWithEveryCallAndIsPrintedNowhere() {
    try (FakeGateway gateway = new FakeGateway();
        StagingClient client =
            builder(Map.of("LAKEFS_STAGING_AUTHORIZATION", SECRET))
                .gateway(gateway.address())
                .build()) {
      gateway.objects.add(
          request -> {
            throw FakeGateway.draining();
          });
      gateway.objects.add(
          request -> {
            throw FakeGateway.error(
                Status.Code.PERMISSION_DENIED,
                "PERMISSION_DENIED",
                example.lakefs_staging.v1.Outcome.OUTCOME_NOT_COMMITTED,
                UploadFailure.Advice.ADVICE_FIX_REQUEST);
          });
      PermissionDeniedException e =
          assertThrows(PermissionDeniedException.class, () -> client.upload(new byte[1], TARGET));
      assertFalse((printed(e) + client).contains("secret"));
      assertEquals(2, gateway.metadata.size());
      for (Metadata metadata : gateway.metadata) {
        assertEquals(
            SECRET,
            metadata.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER)));
      }
    }
  }

  @Test
  void authorizationStaysOnTheMachineWithoutTls() {
    try (StagingClient client =
        builder(Map.of()).gateway("192.0.2.1:8765").authorization(SECRET).build()) {
      InvalidRequestException e =
          assertThrows(InvalidRequestException.class, () -> client.upload(new byte[1], TARGET));
      assertFalse(printed(e).contains("secret"));
    }
    InvalidRequestException e =
        assertThrows(
            InvalidRequestException.class,
            () -> builder(Map.of()).authorization("secret\n").build());
    assertFalse(printed(e).contains("secret"));
  }

  @Test
  void secretsAreNotPrinted() {
    StagingLocation location = StagingLocation.of("s3://b/x", Optional.of("secret"));
    UploadCheckpoint checkpoint = new UploadCheckpoint(new byte[] {115, 101, 99}, 7);
    assertEquals("StagingLocation[s3://b/x]", location.toString());
    assertEquals("UploadCheckpoint[offset=7]", checkpoint.toString());
  }

  @Test
  void errorsCanBeSerialized() throws Exception {
    StagingException e = Failure.invalid("wrong");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(e);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      StagingException copy = (StagingException) in.readObject();
      assertEquals(e.toString(), copy.toString());
    }
  }

  @Test
  void checksumsOfPiecesMakeThatOfTheWhole() {
    byte[] data = new byte[100_003];
    new java.util.Random(7).nextBytes(data);
    int whole = Crc32c.of(data, 0, data.length);
    for (int cut : new int[] {0, 1, 2, 65_536, data.length - 1, data.length}) {
      int first = Crc32c.of(data, 0, cut);
      int second = Crc32c.of(data, cut, data.length - cut);
      assertEquals(whole, Crc32c.concat(first, second, data.length - cut));
    }
  }

  @Test
  void waitsGrowAndKeepToWhatTheGatewaySays() {
    for (int n = 1; n < 40; n++) {
      long most = Math.min(5000, 100L << Math.min(n - 1, 20));
      long wait = Repetition.waitAfter(n, null).toMillis();
      assertTrue(wait >= most / 2 && wait <= most, n + ": " + wait);
    }
    assertEquals(Duration.ofSeconds(60), Repetition.waitAfter(1, Duration.ofSeconds(60)));
  }
}
