package example.lakefs_staging;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import example.lakefs_staging.v1.GetUploadOutcomeRequest;
import example.lakefs_staging.v1.GetUploadOutcomeResponse;
import example.lakefs_staging.v1.Outcome;
import example.lakefs_staging.v1.UploadAndLinkRequest;
import example.lakefs_staging.v1.UploadAndLinkResponse;
import example.lakefs_staging.v1.UploadFailure;
import example.lakefs_staging.v1.UploadHeader;
import example.lakefs_staging.v1.UploadManyRequest;
import example.lakefs_staging.v1.UploadManyResponse;
import example.lakefs_staging.v1.UploadObjectRequest;
import example.lakefs_staging.v1.UploadObjectResponse;
import example.lakefs_staging.v1.UploadResult;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A gateway on a port of loopback that does as the test says: each call takes the next script of
 * its kind.
 */
final class FakeGateway implements AutoCloseable {
  static final int MIB = 1 << 20;
  private static final long LIMIT_SECONDS = 60;
  private static final Metadata.Key<com.google.rpc.Status> DETAILS =
      Metadata.Key.of(
          "grpc-status-details-bin",
          ProtoUtils.metadataMarshaller(com.google.rpc.Status.getDefaultInstance()));

  /** What happens in a call of many messages. Runs on a thread of its own. */
  interface Script<Q, R> {
    void run(Stream<Q, R> stream) throws Exception;
  }

  /** What a call of one message is answered. */
  interface Answer<Q, R> {
    R to(Q request);
  }

  /** The gateway's side of a stream. */
  static final class Stream<Q, R> {
    private final ServerCallStreamObserver<R> replies;
    private final BlockingQueue<Object> requests = new LinkedBlockingQueue<>();
    private final CountDownLatch cancelled = new CountDownLatch(1);
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    Stream(ServerCallStreamObserver<R> replies) {
      this.replies = replies;
    }

    /** The next message, or null after the half-close. */
    @SuppressWarnings("unchecked")
    Q next() throws InterruptedException {
      Object next = requests.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
      if (next == null) {
        throw new IllegalStateException("nothing came");
      }
      return next == this ? null : (Q) next;
    }

    void send(R reply) {
      synchronized (this) {
        replies.onNext(reply);
      }
    }

    void end(StatusRuntimeException error) {
      replies.onError(error);
    }

    void complete() {
      replies.onCompleted();
    }

    void awaitCancel() throws InterruptedException {
      if (!cancelled.await(LIMIT_SECONDS, TimeUnit.SECONDS)) {
        throw new IllegalStateException("not cancelled");
      }
    }
  }

  final Queue<Script<UploadAndLinkRequest, UploadAndLinkResponse>> streams =
      new ConcurrentLinkedQueue<>();
  final Queue<Script<UploadManyRequest, UploadManyResponse>> many = new ConcurrentLinkedQueue<>();
  final Queue<Answer<UploadObjectRequest, UploadObjectResponse>> objects =
      new ConcurrentLinkedQueue<>();
  final Queue<Answer<GetUploadOutcomeRequest, GetUploadOutcomeResponse>> outcomes =
      new ConcurrentLinkedQueue<>();
  final List<UploadHeader> headers = new CopyOnWriteArrayList<>();
  final List<Metadata> metadata = new CopyOnWriteArrayList<>();
  final CountDownLatch cancelled = new CountDownLatch(1);
  private final List<Throwable> failures = new CopyOnWriteArrayList<>();
  private final Server server;

  FakeGateway() {
    this(0);
  }

  FakeGateway(int port) {
    try {
      server =
          NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", port))
              .maxInboundMessageSize(5 * MIB)
              .addService(ServerInterceptors.intercept(service(), this::record))
              .build()
              .start();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  String address() {
    return "127.0.0.1:" + server.getPort();
  }

  int port() {
    return server.getPort();
  }

  StagingClient client() {
    return new StagingClientBuilder(name -> null).gateway(address()).build();
  }

  /** Ends it, and fails if a script has. */
  @Override
  public void close() {
    server.shutdownNow();
    for (Throwable failure : failures) {
      throw new AssertionError("in a script", failure);
    }
  }

  static UploadResult result(long size) {
    return UploadResult.newBuilder()
        .setOutcome(Outcome.OUTCOME_COMMITTED)
        .setObject(
            example.lakefs_staging.v1.ObjectStats.newBuilder().setPath("object").setSizeBytes(size))
        .build();
  }

  static UploadObjectResponse committed(UploadObjectRequest request) {
    return UploadObjectResponse.newBuilder().setResult(result(request.getData().size())).build();
  }

  /** Takes all bytes, checks them, and answers with a result. */
  static void takeAll(Stream<UploadAndLinkRequest, UploadAndLinkResponse> stream)
      throws InterruptedException {
    byte[] whole = readToFinish(stream);
    stream.send(
        UploadAndLinkResponse.newBuilder()
            .setResult(result(whole.length).toBuilder().setCrc32C(crc(whole)))
            .build());
    stream.complete();
  }

  /** The bytes up to a finish that fits them. */
  static byte[] readToFinish(Stream<UploadAndLinkRequest, UploadAndLinkResponse> stream)
      throws InterruptedException {
    for (; ; ) {
      UploadAndLinkRequest request = stream.next();
      if (request == null) {
        throw new IllegalStateException("no finish");
      }
      if (request.hasFinish()) {
        byte[] whole = stream.bytes.toByteArray();
        check(request.getFinish().getSizeBytes() == whole.length, "size of the whole");
        check(request.getFinish().getCrc32C() == crc(whole), "checksum of the whole");
        return whole;
      }
      take(stream, request);
    }
  }

  /** Reads until this many bytes have come. */
  static void readUntil(Stream<UploadAndLinkRequest, UploadAndLinkResponse> stream, int size)
      throws InterruptedException {
    while (stream.bytes.size() < size) {
      take(stream, stream.next());
    }
  }

  /** Asks for bytes again. */
  static void rewind(Stream<UploadAndLinkRequest, UploadAndLinkResponse> stream, int offset)
      throws InterruptedException {
    byte[] kept = java.util.Arrays.copyOf(stream.bytes.toByteArray(), offset);
    stream.bytes.reset();
    stream.bytes.writeBytes(kept);
    stream.send(
        UploadAndLinkResponse.newBuilder()
            .setRewind(example.lakefs_staging.v1.UploadRewind.newBuilder().setOffset(offset))
            .build());
    // What was under way is dropped; the chunk that is wanted begins there.
    for (; ; ) {
      UploadAndLinkRequest request = stream.next();
      if (request.hasChunk() && request.getChunk().getWriteOffset() == offset) {
        take(stream, request);
        return;
      }
    }
  }

  private static void take(
      Stream<UploadAndLinkRequest, UploadAndLinkResponse> stream, UploadAndLinkRequest request) {
    if (request.hasChunk()) {
      byte[] data = request.getChunk().getData().toByteArray();
      check(data.length > 0 && data.length <= MIB, "size of a chunk");
      check(request.getChunk().getWriteOffset() == stream.bytes.size(), "offset of a chunk");
      check(request.getChunk().getCrc32C() == crc(data), "checksum of a chunk");
      stream.bytes.writeBytes(data);
    }
  }

  static StatusRuntimeException error(
      Status.Code code, String reason, Outcome outcome, UploadFailure.Advice advice) {
    return error(
        code,
        "as the test says",
        ErrorInfo.newBuilder().setReason(reason).setDomain("lakefs.staging").build(),
        UploadFailure.newBuilder().setOutcome(outcome).setAdvice(advice).build());
  }

  static StatusRuntimeException error(Status.Code code, String message, Message... details) {
    Metadata trailers = new Metadata();
    trailers.put(DETAILS, status(code, message, details));
    return new StatusRuntimeException(code.toStatus().withDescription(message), trailers);
  }

  static com.google.rpc.Status status(Status.Code code, String message, Message... details) {
    com.google.rpc.Status.Builder status =
        com.google.rpc.Status.newBuilder().setCode(code.value()).setMessage(message);
    for (Message detail : details) {
      status.addDetails(Any.pack(detail));
    }
    return status.build();
  }

  static StatusRuntimeException draining() {
    return error(
        Status.Code.UNAVAILABLE,
        "DRAINING",
        Outcome.OUTCOME_NOT_COMMITTED,
        UploadFailure.Advice.ADVICE_RETRY_CALL);
  }

  private static int crc(byte[] data) {
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(data);
    return (int) crc.getValue();
  }

  private static void check(boolean right, String what) {
    if (!right) {
      throw new IllegalStateException("wrong " + what);
    }
  }

  private <Q, R> ServerCall.Listener<Q> record(
      ServerCall<Q, R> call, Metadata headers, io.grpc.ServerCallHandler<Q, R> next) {
    metadata.add(headers);
    return next.startCall(call, headers);
  }

  private ServerServiceDefinition service() {
    return ServerServiceDefinition.builder(Methods.SERVICE)
        .addMethod(
            Methods.UPLOAD_AND_LINK, ServerCalls.asyncBidiStreamingCall(r -> stream(r, streams)))
        .addMethod(Methods.UPLOAD_MANY, ServerCalls.asyncBidiStreamingCall(r -> stream(r, many)))
        .addMethod(
            Methods.UPLOAD_OBJECT,
            ServerCalls.asyncUnaryCall(
                (request, reply) -> {
                  headers.add(request.getHeader());
                  answer(objects, Methods.UPLOAD_OBJECT, request, reply);
                }))
        .addMethod(
            Methods.GET_UPLOAD_OUTCOME,
            ServerCalls.asyncUnaryCall(
                (request, reply) -> answer(outcomes, Methods.GET_UPLOAD_OUTCOME, request, reply)))
        .build();
  }

  private <Q, R> void answer(
      Queue<Answer<Q, R>> answers,
      MethodDescriptor<Q, R> method,
      Q request,
      StreamObserver<R> reply) {
    Answer<Q, R> answer = answers.poll();
    if (answer == null) {
      failures.add(new IllegalStateException("no answer for " + method.getFullMethodName()));
      reply.onError(Status.INTERNAL.withDescription("unscripted").asRuntimeException());
      return;
    }
    try {
      reply.onNext(answer.to(request));
      reply.onCompleted();
    } catch (StatusRuntimeException e) {
      reply.onError(e);
    }
  }

  private static void endQuietly(Stream<?, ?> stream) {
    try {
      stream.replies.onError(Status.INTERNAL.asRuntimeException());
    } catch (RuntimeException e) {
      // The test has ended, and the server with it.
    }
  }

  private <Q, R> StreamObserver<Q> stream(StreamObserver<R> replies, Queue<Script<Q, R>> scripts) {
    Stream<Q, R> stream = new Stream<>((ServerCallStreamObserver<R>) replies);
    stream.replies.setOnCancelHandler(
        () -> {
          cancelled.countDown();
          stream.cancelled.countDown();
        });
    Script<Q, R> script = scripts.poll();
    Thread thread =
        new Thread(
            () -> {
              try {
                if (script == null) {
                  throw new IllegalStateException("no script for a stream");
                }
                script.run(stream);
              } catch (Throwable e) {
                failures.add(e);
                endQuietly(stream);
              }
            });
    thread.setDaemon(true);
    thread.start();
    return new StreamObserver<>() {
      @Override
      public void onNext(Q request) {
        if (request instanceof UploadAndLinkRequest
            && ((UploadAndLinkRequest) request).hasHeader()) {
          headers.add(((UploadAndLinkRequest) request).getHeader());
        }
        stream.requests.add(request);
      }

      @Override
      public void onError(Throwable error) {}

      @Override
      public void onCompleted() {
        stream.requests.add(stream);
      }
    };
  }
}
