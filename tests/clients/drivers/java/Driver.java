import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import example.lakefs_staging.ObjectStats;
import example.lakefs_staging.ObjectWriter;
import example.lakefs_staging.SmallObject;
import example.lakefs_staging.StagingClient;
import example.lakefs_staging.StagingClientBuilder;
import example.lakefs_staging.StagingException;
import example.lakefs_staging.StagingIOException;
import example.lakefs_staging.StagingLocation;
import example.lakefs_staging.StreamSupplier;
import example.lakefs_staging.UploadOption;
import example.lakefs_staging.UploadOutcome;
import example.lakefs_staging.UploadResult;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Does as it is told by tests/clients/run, with the Java client. */
public final class Driver {
  private static final Gson GSON =
      new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
  private static final PrintStream OUT =
      new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
  private static final Map<String, StagingClient> CLIENTS = new ConcurrentHashMap<>();
  private static final Map<Long, Runnable> CANCELS = new ConcurrentHashMap<>();
  private static final List<Command> RUNNING = new ArrayList<>();

  /** The driver's own, of a source, a producer or a callback. */
  private static final class Own extends IOException {
    Own(String message) {
      super(message);
    }
  }

  private static final class OwnInCallback extends RuntimeException {
    OwnInCallback(String message) {
      super(message);
    }
  }

  public static void main(String[] arguments) throws Exception {
    System.setOut(System.err);
    Logger root = Logger.getLogger("example.lakefs_staging");
    root.addHandler(
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            if (record.getLevel().intValue() < Level.WARNING.intValue()) {
              return;
            }
            JsonObject warning = new JsonObject();
            warning.addProperty("warning", record.getMessage());
            synchronized (RUNNING) {
              RUNNING.forEach(command -> command.event(warning));
            }
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        });
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    List<Thread> threads = new ArrayList<>();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (line.isBlank()) {
        continue;
      }
      Command command = new Command(JsonParser.parseString(line).getAsJsonObject());
      Thread thread = new Thread(command, "command");
      if (!command.op.equals("cancel") && !command.op.equals("status")) {
        CANCELS.put(command.id, command::cancel);
      }
      threads.removeIf(t -> !t.isAlive());
      threads.add(thread);
      command.thread = thread;
      thread.start();
    }
    System.exit(0);
  }

  private static void answer(JsonObject answer) {
    synchronized (OUT) {
      OUT.println(GSON.toJson(answer));
      OUT.flush();
    }
  }

  private static final class Command implements Runnable {
    final JsonObject json;
    final long id;
    final String op;
    final JsonArray events = new JsonArray();
    volatile Thread thread;
    volatile CompletableFuture<UploadResult> future;
    volatile boolean cancelled;

    Command(JsonObject json) {
      this.json = json;
      this.id = json.get("id").getAsLong();
      this.op = json.get("op").getAsString();
    }

    void event(JsonObject event) {
      synchronized (events) {
        events.add(event);
      }
    }

    void event(String name, Object value) {
      JsonObject event = new JsonObject();
      event.add(name, GSON.toJsonTree(value));
      event(event);
    }

    synchronized void cancel() {
      cancelled = true;
      if (future != null) {
        future.cancel(true);
      } else {
        thread.interrupt();
      }
    }

    @Override
    public void run() {
      long begin = System.nanoTime();
      JsonObject answer = new JsonObject();
      answer.addProperty("id", id);
      synchronized (RUNNING) {
        RUNNING.add(this);
      }
      try {
        JsonElement result = perform();
        if (result instanceof JsonObject && ((JsonObject) result).has("unsupported")) {
          answer.add("unsupported", ((JsonObject) result).get("unsupported"));
        } else if (result instanceof JsonObject && ((JsonObject) result).has("end")) {
          ((JsonObject) result)
              .entrySet()
              .forEach(
                  e -> {
                    if (!e.getKey().equals("end")) {
                      answer.add(e.getKey(), e.getValue());
                    }
                  });
        } else {
          answer.add("result", result);
        }
      } catch (Throwable e) {
        answer.add("error", error(e));
      }
      synchronized (RUNNING) {
        RUNNING.remove(this);
      }
      CANCELS.remove(id);
      synchronized (events) {
        answer.add("events", events);
        answer.addProperty("elapsed", (System.nanoTime() - begin) / 1e9);
        answer(answer);
      }
    }

    JsonElement perform() throws Throwable {
      switch (op) {
        case "upload":
          return upload();
        case "write":
          return write();
        case "upload_many":
          return uploadMany();
        case "upload_file":
          return result(
              client().uploadFile(Path.of(json.get("file").getAsString()), target(), options()));
        case "outcome":
          return outcome();
        case "discard":
          client().discard(base64(json.get("resume_token")));
          return new JsonObject();
        case "address":
          return location(
              client().getPhysicalAddress(
                  target(), json.has("presign") && json.get("presign").getAsBoolean()));
        case "link":
          return link();
        case "cancel":
          Runnable cancel = CANCELS.get(json.get("of").getAsLong());
          if (cancel != null) {
            cancel.run();
          }
          return new JsonObject();
        case "status":
          return status();
        default:
          return unsupported("no such operation: " + op);
      }
    }

    StagingClient client() {
      JsonObject settings =
          json.has("client") ? json.getAsJsonObject("client") : new JsonObject();
      String key = settings.toString();
      StagingClient known = CLIENTS.get(key);
      if (known != null) {
        return known;
      }
      synchronized (CLIENTS) {
        return CLIENTS.computeIfAbsent(key, k -> connect(settings));
      }
    }

    static StagingClient connect(JsonObject settings) {
      StagingClientBuilder builder = StagingClient.builder();
      if (settings.has("gateway")) {
        builder.gateway(settings.get("gateway").getAsString());
      }
      if (settings.has("authorization")) {
        builder.authorization(settings.get("authorization").getAsString());
      }
      if (settings.has("allow_plaintext_authorization")
          && settings.get("allow_plaintext_authorization").getAsBoolean()) {
        builder.allowPlaintextAuthorization();
      }
      if (settings.has("ca_file")) {
        builder.ca(Path.of(settings.get("ca_file").getAsString()));
      }
      if (settings.has("cert_file")) {
        builder.clientCertificate(
            Path.of(settings.get("cert_file").getAsString()),
            Path.of(settings.get("key_file").getAsString()));
      }
      if (settings.has("connect_timeout")) {
        builder.connectTimeout(seconds(settings.get("connect_timeout")));
      }
      return builder.build();
    }

    String target() {
      return json.get("target").getAsString();
    }

    UploadOption[] options() {
      JsonObject given = json.has("options") ? json.getAsJsonObject("options") : new JsonObject();
      List<UploadOption> options = new ArrayList<>(common(given));
      if (json.has("source") && json.getAsJsonObject("source").has("told_size")) {
        options.add(
            UploadOption.sizeBytes(json.getAsJsonObject("source").get("told_size").getAsLong()));
      }
      boolean throwing =
          given.has("throw_in_progress") && given.get("throw_in_progress").getAsBoolean();
      if (throwing || (given.has("progress") && given.get("progress").getAsBoolean())) {
        options.add(
            UploadOption.progress(
                p -> {
                  event(
                      "progress",
                      new Object[] {p.phase().name(), p.receivedBytes(), p.storedBytes()});
                  if (throwing) {
                    throw new OwnInCallback("the callback throws");
                  }
                }));
      }
      if (given.has("checkpoint") && given.get("checkpoint").getAsBoolean()) {
        options.add(
            UploadOption.checkpoint(
                c ->
                    event(
                        "checkpoint",
                        new Object[] {
                          Base64.getEncoder().encodeToString(c.token()), c.offset()
                        })));
      }
      return options.toArray(new UploadOption[0]);
    }

    static List<UploadOption> common(JsonObject given) {
      List<UploadOption> options = new ArrayList<>();
      for (String name : given.keySet()) {
        JsonElement value = given.get(name);
        switch (name) {
          case "content_type":
            options.add(UploadOption.contentType(value.getAsString()));
            break;
          case "user_metadata":
            Map<String, String> metadata = new java.util.LinkedHashMap<>();
            value
                .getAsJsonObject()
                .entrySet()
                .forEach(e -> metadata.put(e.getKey(), e.getValue().getAsString()));
            options.add(UploadOption.userMetadata(metadata));
            break;
          case "if_absent":
            if (value.getAsBoolean()) {
              options.add(UploadOption.ifAbsent());
            }
            break;
          case "if_match":
            options.add(UploadOption.ifMatch(value.getAsString()));
            break;
          case "force":
            if (value.getAsBoolean()) {
              options.add(UploadOption.force());
            }
            break;
          case "mtime":
            double mtime = value.getAsDouble();
            options.add(
                UploadOption.mtime(
                    Instant.ofEpochSecond(
                        (long) Math.floor(mtime), (long) ((mtime - Math.floor(mtime)) * 1e9))));
            break;
          case "request_id":
            options.add(UploadOption.requestId(value.getAsString()));
            break;
          case "attempt":
            options.add(UploadOption.attempt(value.getAsInt()));
            break;
          case "attempts":
            options.add(UploadOption.attempts(value.getAsInt()));
            break;
          case "timeout":
            options.add(UploadOption.timeout(seconds(value)));
            break;
          case "sha256":
            options.add(UploadOption.sha256(hex(value.getAsString())));
            break;
          case "md5":
            options.add(UploadOption.md5(hex(value.getAsString())));
            break;
          case "resume_token":
            options.add(UploadOption.resumeToken(base64(value)));
            break;
          default:
        }
      }
      return options;
    }

    JsonElement upload() throws Throwable {
      StagingClient client = client();
      UploadOption[] options = options();
      Data data = new Data(json.getAsJsonObject("source"), this);
      CompletableFuture<UploadResult> started;
      switch (data.kind) {
        case "bytes":
          started = client.uploadAsync(data.all(), target(), options);
          break;
        case "file":
          started = client.uploadAsync(data.file(), target(), options);
          break;
        case "seekable":
          started = client.uploadAsync(data.new Channel(), target(), options);
          break;
        case "opener":
          StreamSupplier supplier = data::open;
          started = client.uploadAsync(supplier, target(), options);
          break;
        case "stream":
        case "generator":
          started = client.uploadAsync(data.new Stream(1), target(), options);
          break;
        default:
          return unsupported("Java has no source of kind " + data.kind);
      }
      synchronized (this) {
        future = started;
        if (cancelled) {
          future.cancel(true);
        }
      }
      try {
        return result(future.get());
      } catch (ExecutionException e) {
        throw e.getCause();
      } catch (CancellationException e) {
        data.awaitClosed(); // the future is over before the upload is
        throw e;
      } finally {
        data.clean();
      }
    }

    JsonElement write() throws Throwable {
      Data data = new Data(json.getAsJsonObject("source"), this);
      String wrapper = json.has("wrapper") ? json.get("wrapper").getAsString() : "";
      int pieces = json.has("pieces") ? json.get("pieces").getAsInt() : 1 << 16;
      List<String> end = new ArrayList<>();
      if (!json.has("end")) {
        end.add("scope");
      } else if (json.get("end").isJsonArray()) {
        json.getAsJsonArray("end").forEach(e -> end.add(e.getAsString()));
      } else {
        end.add(json.get("end").getAsString());
      }
      if (end.get(0).startsWith("scope")) {
        boolean throwing = end.get(0).equals("scope_throws");
        return result(
            client()
                .<IOException>write(
                    target(),
                    out -> {
                      OutputStream wrapped = wrap(out, wrapper);
                      data.writeTo(wrapped, wrapper, pieces);
                      if (throwing) {
                        throw new Own("the producer throws");
                      }
                      if (wrapped != out) {
                        wrapped.close();
                      }
                    },
                    options()));
      }
      ObjectWriter[] writer = {client().openWriter(target(), options())};
      OutputStream[] wrapped = {wrap(unclosed(writer[0]), wrapper)};
      data.writeTo(wrapped[0], wrapper, pieces);
      JsonObject last = new JsonObject();
      boolean finished = false;
      for (String step : end) {
        JsonObject answer = new JsonObject();
        answer.addProperty("end", step);
        try {
          if (!finished && !wrapper.isEmpty() && step.equals("commit")) {
            finished = true;
            wrapped[0].close();
          }
          UploadResult result = null;
          switch (step) {
            case "commit":
              result = writer[0].commit();
              break;
            case "close":
              writer[0].close();
              break;
            case "abort":
              writer[0].abort();
              break;
            case "write":
              writer[0].write(1);
              break;
            case "drop":
              drop(writer, wrapped);
              break;
            default:
              return unsupported("no such end: " + step);
          }
          if (result != null) {
            answer.add("result", result(result));
          } else {
            answer.addProperty("nothing", true);
          }
        } catch (Throwable e) {
          answer.add("error", error(e));
        }
        event(answer);
        last = answer;
      }
      return last;
    }

    private static void drop(ObjectWriter[] writer, OutputStream[] wrapped)
        throws InterruptedException {
      WeakReference<ObjectWriter> gone = new WeakReference<>(writer[0]);
      writer[0] = null;
      wrapped[0] = null;
      while (gone.get() != null) {
        System.gc();
        Thread.sleep(20);
      }
      Thread.sleep(200); // what runs when it is collected
    }

    private static OutputStream wrap(OutputStream out, String wrapper) throws IOException {
      switch (wrapper) {
        case "gzip":
          return new GZIPOutputStream(out);
        case "buffered":
          return new BufferedOutputStream(out, 1 << 16);
        case "zip":
          ZipOutputStream zip = new ZipOutputStream(out);
          zip.putNextEntry(new ZipEntry("content"));
          return zip;
        default:
          return out;
      }
    }

    /** Wrappers close what they wrap; that would abandon the object. */
    private static OutputStream unclosed(ObjectWriter writer) {
      return new OutputStream() {
        @Override
        public void write(int b) throws IOException {
          writer.write(b);
        }

        @Override
        public void write(byte[] data, int offset, int length) throws IOException {
          writer.write(data, offset, length);
        }
      };
    }

    JsonElement uploadMany() {
      JsonArray done = new JsonArray();
      client()
          .uploadMany(
              objects(),
              result -> {
                JsonObject one = new JsonObject();
                one.addProperty("target", result.object().target());
                if (result.error().isPresent()) {
                  one.add("error", error(result.error().get()));
                } else {
                  one.add("result", result(result.result()));
                }
                done.add(one);
              });
      return done;
    }

    Iterator<SmallObject> objects() {
      if (json.has("objects")) {
        Iterator<JsonElement> all = json.getAsJsonArray("objects").iterator();
        return new Iterator<>() {
          @Override
          public boolean hasNext() {
            return all.hasNext();
          }

          @Override
          public SmallObject next() {
            JsonObject object = all.next().getAsJsonObject();
            JsonObject given =
                object.has("options") ? object.getAsJsonObject("options") : new JsonObject();
            return SmallObject.of(
                object.get("target").getAsString(),
                new Data(object.getAsJsonObject("source"), Command.this).all(),
                common(given).toArray(new UploadOption[0]));
          }
        };
      }
      int count = json.get("count").getAsInt();
      JsonObject given = json.has("options") ? json.getAsJsonObject("options") : new JsonObject();
      return new Iterator<>() {
        int number;

        @Override
        public boolean hasNext() {
          return number < count;
        }

        @Override
        public SmallObject next() {
          JsonObject source = new JsonObject();
          source.add("size", json.get("size"));
          source.add("seed", json.get("seed"));
          return SmallObject.of(
              target() + number++,
              new Data(source, Command.this).all(),
              common(given).toArray(new UploadOption[0]));
        }
      };
    }

    JsonElement outcome() {
      String requestId = json.get("request_id").getAsString();
      UploadOutcome told =
          json.has("target") && !json.get("target").isJsonNull()
              ? client().outcome(requestId, target())
              : client().outcome(requestId);
      JsonObject answer = new JsonObject();
      answer.addProperty("outcome", told.outcome().name());
      answer.addProperty("in_progress", told.inProgress());
      answer.add("result", told.result().map(Driver::result).orElse(null));
      answer.addProperty(
          "failure_reason", told.failure().map(StagingException::reason).orElse(null));
      return answer;
    }

    JsonElement link() {
      JsonObject given = json.getAsJsonObject("location");
      return result(
          client()
              .linkPhysicalAddress(
                  target(),
                  StagingLocation.of(
                      given.get("physical_address").getAsString(),
                      java.util.Optional.ofNullable(given.get("token"))
                          .filter(token -> !token.isJsonNull())
                          .map(JsonElement::getAsString)),
                  json.get("checksum").getAsString(),
                  json.get("size_bytes").getAsLong(),
                  options()));
    }
  }

  /** The bytes of a source. */
  private static final class Data {
    final JsonObject json;
    final Command command;
    final String kind;
    final long size;
    final long failAt;
    final long blockAt;
    private Path temporary;
    private int opened;
    private int closed;

    Data(JsonObject json, Command command) {
      this.json = json == null ? new JsonObject() : json;
      this.command = command;
      this.kind = text("kind", "bytes");
      this.size = number("size", 0);
      this.failAt = number("fail_at", Long.MAX_VALUE);
      this.blockAt = number("block_at", Long.MAX_VALUE);
    }

    private String text(String name, String fallback) {
      return json.has(name) ? json.get(name).getAsString() : fallback;
    }

    private long number(String name, long fallback) {
      return json.has(name) && !json.get(name).isJsonNull()
          ? json.get(name).getAsLong()
          : fallback;
    }

    private int seed(int opening) {
      return (int) (opening > 1 ? number("second", number("seed", 1)) : number("seed", 1));
    }

    byte[] all() {
      byte[] all = new byte[(int) size];
      new Bytes(seed(1)).copy(0, all, 0, all.length);
      return all;
    }

    Path file() throws IOException {
      if (json.has("file")) {
        return Path.of(text("file", ""));
      }
      temporary = Files.createTempFile("driver", ".bin");
      try (OutputStream out = Files.newOutputStream(temporary);
          InputStream in = new Stream(1)) {
        in.transferTo(out);
      }
      return temporary;
    }

    void clean() throws IOException {
      if (temporary != null) {
        Files.deleteIfExists(temporary);
      }
    }

    synchronized void awaitClosed() throws InterruptedException {
      for (int i = 0; i < 50 && closed < opened; i++) {
        wait(100);
      }
    }

    private synchronized void closed() {
      closed++;
      command.event("closed", true);
      notifyAll();
    }

    synchronized InputStream open() {
      opened++;
      command.event("opened", opened);
      return new Stream(opened);
    }

    void writeTo(OutputStream out, String wrapper, int pieces) throws IOException {
      OutputStreamWriter text =
          wrapper.equals("text") ? new OutputStreamWriter(out, StandardCharsets.US_ASCII) : null;
      try (Stream in = new Stream(1)) {
        byte[] piece = new byte[Math.max(1, pieces)];
        for (int n = in.readNBytes(piece, 0, piece.length);
            n > 0;
            n = in.readNBytes(piece, 0, piece.length)) {
          if (text == null) {
            out.write(piece, 0, n);
            continue;
          }
          StringBuilder hex = new StringBuilder(2 * n);
          for (int i = 0; i < n; i++) {
            hex.append(Character.forDigit((piece[i] >> 4) & 15, 16));
            hex.append(Character.forDigit(piece[i] & 15, 16));
          }
          text.append(hex);
        }
      }
      if (text != null) {
        text.flush();
      }
    }

    /** As many bytes as may be read at this offset. */
    private int take(long offset, int wanted) throws IOException {
      if (json.has("delay")) {
        pause((long) (json.get("delay").getAsDouble() * 1000));
      }
      if (offset >= failAt) {
        throw new Own("the source fails at " + failAt);
      }
      if (offset >= blockAt) {
        block();
      }
      long most = Math.min(wanted, number("piece", Long.MAX_VALUE));
      most = Math.min(most, Math.min(size, Math.min(failAt, blockAt)) - offset);
      return (int) most;
    }

    private static void pause(long millis) throws IOException {
      try {
        Thread.sleep(millis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException();
      }
    }

    private static void block() throws IOException {
      try {
        new CountDownLatch(1).await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException();
      }
    }

    final class Stream extends InputStream {
      private final Bytes bytes;
      private long offset;

      Stream(int opening) {
        bytes = new Bytes(seed(opening));
      }

      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 255;
      }

      @Override
      public int read(byte[] data, int from, int wanted) throws IOException {
        if (offset == size && failAt > size && blockAt > size) {
          return -1;
        }
        int n = take(offset, wanted);
        if (n <= 0) {
          return -1;
        }
        bytes.copy(offset, data, from, n);
        offset += n;
        return n;
      }

      @Override
      public void close() {
        if (kind.equals("opener")) {
          closed();
        }
      }
    }

    final class Channel implements SeekableByteChannel {
      private Bytes bytes = new Bytes(seed(1));
      private long offset;

      @Override
      public int read(ByteBuffer to) throws IOException {
        if (offset >= size && failAt > size && blockAt > size) {
          return -1;
        }
        int n = take(offset, to.remaining());
        if (n <= 0) {
          return -1;
        }
        byte[] data = new byte[n];
        bytes.copy(offset, data, 0, n);
        to.put(data);
        offset += n;
        return n;
      }

      @Override
      public long position() {
        return offset;
      }

      @Override
      public SeekableByteChannel position(long to) {
        command.event("sought", to);
        offset = to;
        bytes = new Bytes(seed(2));
        return this;
      }

      @Override
      public long size() {
        return number("told_size", size);
      }

      @Override
      public int write(ByteBuffer from) {
        throw new UnsupportedOperationException();
      }

      @Override
      public SeekableByteChannel truncate(long to) {
        throw new UnsupportedOperationException();
      }

      @Override
      public boolean isOpen() {
        return true;
      }

      @Override
      public void close() {
        command.event("closed", true);
      }
    }
  }

  /** The bytes of one seed. */
  private static final class Bytes {
    private static final int BLOCK = 65536;
    private final byte[] block = new byte[BLOCK];

    Bytes(int seed) {
      ByteBuffer numbers = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
      int x = seed;
      while (numbers.hasRemaining()) {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        numbers.putInt(x);
      }
    }

    void copy(long offset, byte[] to, int at, int length) {
      for (int done = 0; done < length; ) {
        long number = (offset + done) / BLOCK;
        int within = (int) ((offset + done) % BLOCK);
        int n = Math.min(length - done, BLOCK - within);
        ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN).putLong(0, number);
        System.arraycopy(block, within, to, at + done, n);
        done += n;
      }
    }
  }

  private static JsonObject result(UploadResult result) {
    JsonObject json = new JsonObject();
    json.addProperty("outcome", result.outcome().name());
    json.addProperty("plan", result.plan().name());
    result.crc32c().ifPresent(crc -> json.addProperty("crc32c", crc));
    json.add("object", object(result.object()));
    json.addProperty("attempts", result.attempts());
    return json;
  }

  private static JsonObject object(ObjectStats stats) {
    JsonObject json = new JsonObject();
    json.addProperty("path", stats.path());
    json.addProperty("physical_address", stats.physicalAddress());
    json.addProperty("checksum", stats.checksum());
    stats.sizeBytes().ifPresent(size -> json.addProperty("size_bytes", size));
    json.addProperty("content_type", stats.contentType());
    json.add("user_metadata", GSON.toJsonTree(stats.userMetadata()));
    stats.mtime().ifPresent(mtime -> json.addProperty("mtime", mtime.getEpochSecond()));
    return json;
  }

  private static JsonObject location(StagingLocation location) {
    JsonObject json = new JsonObject();
    json.addProperty("physical_address", location.physicalAddress());
    location.token().ifPresent(token -> json.addProperty("token", token));
    location.presignedUrl().ifPresent(url -> json.addProperty("presigned_url", url));
    return json;
  }

  private static JsonObject error(Throwable error) {
    JsonObject json = new JsonObject();
    StringWriter printed = new StringWriter();
    error.printStackTrace(new PrintWriter(printed));
    if (error instanceof Own || error instanceof OwnInCallback) {
      json.addProperty("own", true);
      json.addProperty("message", error.getMessage());
      return json;
    }
    if (error instanceof CancellationException
        || error instanceof InterruptedException
        || error instanceof ClosedByInterruptException
        || error.getCause() instanceof InterruptedException) {
      json.addProperty("cancelled", true);
    }
    json.addProperty("class", error.getClass().getSimpleName());
    json.addProperty("printed", printed.toString());
    json.addProperty("message", error.getMessage());
    StagingException e = null;
    if (error instanceof StagingException) {
      e = (StagingException) error;
    } else if (error instanceof StagingIOException) {
      e = ((StagingIOException) error).getCause();
    }
    if (e == null) {
      return json;
    }
    if (e.getCause() instanceof InterruptedException) {
      json.addProperty("cancelled", true);
    }
    json.addProperty("code", e.code().name());
    json.addProperty("reason", e.reason());
    json.addProperty("domain", e.domain());
    json.addProperty("outcome", e.outcome().name());
    json.addProperty("advice", e.advice().name());
    json.addProperty("retry_after", e.retryAfter().map(d -> d.toNanos() / 1e9).orElse(null));
    JsonArray violations = new JsonArray();
    e.violations()
        .forEach(v -> violations.add(GSON.toJsonTree(new String[] {v.field(), v.description()})));
    json.add("violations", violations);
    json.add(
        "resource",
        e.resource()
            .<JsonElement>map(r -> GSON.toJsonTree(new String[] {r.type(), r.name()}))
            .orElse(JsonNull.INSTANCE));
    json.add("object", e.object().<JsonElement>map(Driver::object).orElse(JsonNull.INSTANCE));
    json.add("metadata", GSON.toJsonTree(e.metadata()));
    json.addProperty("request_id", e.requestId());
    json.addProperty("attempts", e.attempts());
    json.addProperty("retryable", e.retryable());
    json.addProperty("nothing_linked", e.nothingLinked());
    return json;
  }

  private static JsonObject status() throws Exception {
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(50);
    }
    JsonObject json = new JsonObject();
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      String[] words = line.split("\\s+");
      if (words[0].equals("VmRSS:")) {
        json.addProperty("rss_kib", Long.parseLong(words[1]));
      } else if (words[0].equals("Threads:")) {
        json.addProperty("threads", Long.parseLong(words[1]));
      }
    }
    String[] descriptors = Path.of("/proc/self/fd").toFile().list();
    json.addProperty("descriptors", descriptors == null ? 0 : descriptors.length);
    json.addProperty("tasks", Thread.activeCount());
    return json;
  }

  private static JsonObject unsupported(String why) {
    JsonObject json = new JsonObject();
    json.addProperty("unsupported", why);
    return json;
  }

  private static Duration seconds(JsonElement value) {
    return Duration.ofNanos((long) (value.getAsDouble() * 1e9));
  }

  private static byte[] base64(JsonElement value) {
    return Base64.getDecoder().decode(value.getAsString());
  }

  private static byte[] hex(String text) {
    byte[] bytes = new byte[text.length() / 2];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
    }
    return bytes;
  }
}
