package example.lakefs_staging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

/** The library beside a real gateway and the emulated lakeFS. */
@Timeout(300)
@EnabledIfEnvironmentVariable(named = "LAKEFS_STAGING_BIN", matches = ".+")
class RealGatewayTest {
  private static final int MIB = 1 << 20;
  private static final List<Process> RUNNING = new ArrayList<>();

  @TempDir static Path folder;
  private static String address;

  private static Matcher start(String pattern, Map<String, String> environment, String... command)
      throws IOException {
    List<String> words = new ArrayList<>(List.of(command));
    words.set(0, Path.of(System.getenv("LAKEFS_STAGING_BIN"), command[0]).toString());
    ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
    builder.environment().putAll(environment);
    builder.environment().put("no_proxy", "127.0.0.1");
    Process process = builder.start();
    RUNNING.add(process);
    BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Matcher matcher = Pattern.compile(pattern).matcher(line);
      if (matcher.find()) {
        Thread drain = new Thread(() -> drain(lines));
        drain.setDaemon(true);
        drain.start();
        return matcher;
      }
    }
    throw new IllegalStateException(command[0] + " has ended");
  }

  private static void drain(BufferedReader lines) {
    try {
      while (lines.readLine() != null) {}
    } catch (IOException e) {
      // It has ended.
    }
  }

  @BeforeAll
  static void start() throws IOException {
    String url =
        start("listening on (http://\\S+)", Map.of(), "lakefs-emulator", "--port=0").group(1);
    address =
        start(
                "^listening on (unix:.*)$",
                Map.of(
                    "HOME",
                    folder.toString(),
                    "LAKECTL_SERVER_ENDPOINT_URL",
                    url,
                    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID",
                    "AKIAIOSFODNN7EXAMPLE",
                    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
                    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                "lakefs-staging-gateway",
                "--listen=unix:" + folder + "/gateway.sock",
                "--admin-listen=off",
                "--source-root=" + folder)
            .group(1);
  }

  @AfterAll
  static void stop() throws InterruptedException {
    for (Process process : RUNNING) {
      process.destroy();
      process.waitFor();
    }
  }

  private static StagingClient client() {
    return new StagingClientBuilder(name -> null).gateway(address).build();
  }

  private static String target(String path) {
    return "lakefs://quickstart/main/" + path;
  }

  private static byte[] content(int size) {
    byte[] content = new byte[size];
    new java.util.Random(size).nextBytes(content);
    return content;
  }

  @Test
  void objectsOfAnySizeAreLinked() {
    try (StagingClient client = client()) {
      for (int size : new int[] {0, 1, MIB, MIB + 1, 20 * MIB + 17}) {
        byte[] content = content(size);
        UploadResult result = client.upload(content, target("sizes/" + size));
        assertEquals(Outcome.COMMITTED, result.outcome());
        assertEquals(size, result.object().sizeBytes().getAsLong());
        assertEquals(
            Integer.toUnsignedLong(Crc32c.of(content, 0, size)), result.crc32c().getAsLong());
      }
    }
  }

  @Test
  void writerLinksOrLeavesNothing() throws Exception {
    try (StagingClient client = client()) {
      client.write(
          target("written.gz"),
          out -> {
            try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
              gzip.write(content(5 * MIB));
            }
          });
      assertThrows(
          ObjectExistsException.class,
          () -> client.upload(new byte[1], target("written.gz"), UploadOption.ifAbsent()));
      assertThrows(
          IllegalStateException.class,
          () ->
              client.<IOException>write(
                  target("thrown"),
                  out -> {
                    out.write(content(12 * MIB));
                    throw new IllegalStateException();
                  }));
      assertEquals(
          Outcome.COMMITTED,
          client.upload(new byte[1], target("thrown"), UploadOption.ifAbsent()).outcome());
    }
  }

  @Test
  void manyAreLinked() {
    try (StagingClient client = client()) {
      List<SmallObjectResult> results = new ArrayList<>();
      client.uploadMany(
          IntStream.range(0, 300)
              .mapToObj(n -> SmallObject.of(target("many/" + n), content(n)))
              .iterator(),
          results::add);
      assertEquals(300, results.size());
      results.forEach(result -> assertEquals(Outcome.COMMITTED, result.result().outcome()));
    }
  }

  @Test
  void sharedFileIsLinked() throws Exception {
    Path file = Files.write(folder.resolve("shared"), content(9 * MIB));
    try (StagingClient client = client()) {
      List<Long> told = new ArrayList<>();
      UploadResult result =
          client.uploadFile(
              file, target("shared"), UploadOption.progress(p -> told.add(p.storedBytes())));
      assertEquals(9 * MIB, result.object().sizeBytes().getAsLong());
      assertEquals(9L * MIB, told.get(told.size() - 1));
      StagingException e =
          assertThrows(
              StagingException.class,
              () -> client.uploadFile(Path.of("/etc/hostname"), target("refused")));
      assertEquals("SOURCE_REFUSED", e.reason());
    }
  }

  @Test
  void outcomeIsKnownAfterwards() {
    try (StagingClient client = client()) {
      client.upload(content(10), target("asked"), UploadOption.requestId("asked-for"));
      UploadOutcome told = client.outcome("asked-for", target("asked"));
      assertEquals(Outcome.COMMITTED, told.outcome());
      assertFalse(told.inProgress());
      assertEquals(10, told.result().orElseThrow().object().sizeBytes().getAsLong());
      assertEquals(Outcome.COMMITTED, client.outcome("asked-for").outcome());
      assertThrows(NotFoundException.class, () -> client.outcome("never-used", target("x")));
    }
  }

  @Test
  void plainCallsWork() {
    try (StagingClient client = client()) {
      StagingLocation location = client.getPhysicalAddress(target("plain"), true);
      assertTrue(location.presignedUrl().isPresent());
      assertFalse(location.toString().contains(location.presignedUrl().get()));
      UploadResult result = client.linkPhysicalAddress(target("plain"), location, "abc", 0);
      assertEquals(Outcome.COMMITTED, result.outcome());
    }
  }

  @Test
  void missingRepositoryIsNamed() {
    try (StagingClient client = client()) {
      NotFoundException e =
          assertThrows(
              NotFoundException.class,
              () -> client.upload(content(20 * MIB), "lakefs://missing/main/object"));
      assertEquals("missing", e.resource().orElseThrow().name());
      assertTrue(e.nothingLinked());
    }
  }
}
