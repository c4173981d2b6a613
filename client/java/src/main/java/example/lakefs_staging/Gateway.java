package example.lakefs_staging;

import example.lakefs_staging.v1.GetUploadOutcomeRequest;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.Deadline;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;

/** The connection to one gateway, and single calls of it. */
final class Gateway implements AutoCloseable {
  // Chunks are of 1 MiB: one may be on its way through the transport while the next one goes in.
  private static final int READY_BYTES = 1 << 20;
  private static final long IDLE_SECONDS = 1;
  private static final long LOOK_AGAIN_MILLIS = 100;
  private static final long PROBE_SECONDS = 1;
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final String address;
  private final ManagedChannel channel;
  private final String authorization;
  private final boolean mayAuthorize;
  private final Duration connectTimeout;
  private final ExecutorService readers =
      new ThreadPoolExecutor(
          0,
          Integer.MAX_VALUE,
          IDLE_SECONDS,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          task -> daemon(task, "lakefs-staging-source"));

  Gateway(
      String address,
      ManagedChannel channel,
      String authorization,
      boolean mayAuthorize,
      Duration connectTimeout) {
    this.address = address;
    this.channel = channel;
    this.authorization = authorization;
    this.mayAuthorize = mayAuthorize;
    this.connectTimeout = connectTimeout;
  }

  /** A thread that keeps no program from ending. */
  static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  String address() {
    return address;
  }

  /** Runs what may block in the caller's own code. */
  ExecutorService readers() {
    return readers;
  }

  boolean isClosed() {
    return channel.isShutdown();
  }

  @Override
  public void close() {
    channel.shutdownNow();
    readers.shutdownNow();
  }

  /**
   * Waits for the connection, within connectTimeout and the deadline.
   *
   * @throws StagingException GATEWAY_UNREACHABLE; INVALID_REQUEST where the authorization may not
   *     go there; CANCELLED where the thread is interrupted
   */
  void reach(Deadline deadline) {
    if (!authorization.isEmpty() && !mayAuthorize) {
      throw Failure.invalid(
          "the authorization would go to "
              + address
              + " in plain text: use TLS, or allowPlaintextAuthorization()");
    }
    Deadline limit = Deadline.after(connectTimeout.toNanos(), TimeUnit.NANOSECONDS);
    if (deadline != null) {
      limit = limit.minimum(deadline);
    }
    try {
      awaitConnection(limit);
    } catch (InterruptedException e) {
      throw Failure.interrupted(Outcome.NOT_COMMITTED, e);
    }
  }

  private void awaitConnection(Deadline limit) throws InterruptedException {
    String why = "";
    for (; ; ) {
      Signal changed = new Signal();
      ConnectivityState state = channel.getState(true);
      if (state == ConnectivityState.READY) {
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
        return;
      }
      if (state == ConnectivityState.SHUTDOWN) {
        throw Failure.cancelled("the client was closed", Outcome.NOT_COMMITTED, null);
      }
      channel.notifyWhenStateChanged(state, changed::raise);
      if (state == ConnectivityState.TRANSIENT_FAILURE) {
        Throwable cause = lastError();
        if (cause != null) {
          why = String.valueOf(cause.getMessage());
        }
        if (cause instanceof SSLException) {
          throw Failure.unreachable(address, why); // it will be no other
        }
        channel.resetConnectBackoff();
      }
      if (limit.isExpired()) {
        throw Failure.unreachable(address, why);
      }
      changed.await(limit.minimum(Deadline.after(LOOK_AGAIN_MILLIS, TimeUnit.MILLISECONDS)));
    }
  }

  /**
   * Why the channel could not be connected: gRPC tells it to calls alone, and a call on a channel
   * whose connection has just failed fails at once. This one would be refused.
   */
  private Throwable lastError() throws InterruptedException {
    Unary<GetUploadOutcomeRequest, ?> probe =
        new Unary<>(
            channel.newCall(
                Methods.GET_UPLOAD_OUTCOME,
                CallOptions.DEFAULT.withDeadlineAfter(PROBE_SECONDS, TimeUnit.SECONDS)));
    probe.run(new Metadata(), GetUploadOutcomeRequest.getDefaultInstance());
    Status status = probe.replies.status();
    Throwable cause = status.getCause();
    if (status.getCode() != Status.Code.UNAVAILABLE || cause == null) {
      return null;
    }
    for (;
        cause.getCause() != null && !(cause instanceof SSLException);
        cause = cause.getCause()) {}
    return cause;
  }

  <Q, R> ClientCall<Q, R> newCall(MethodDescriptor<Q, R> method, Deadline deadline) {
    CallOptions options = CallOptions.DEFAULT.withOnReadyThreshold(READY_BYTES);
    return channel.newCall(method, deadline == null ? options : options.withDeadline(deadline));
  }

  Metadata headers() {
    Metadata headers = new Metadata();
    if (!authorization.isEmpty()) {
      headers.put(AUTHORIZATION, authorization);
    }
    return headers;
  }

  /**
   * One call of one message each way. Blocks until its end.
   *
   * @param lost what holds of an upload or link if the gateway does not tell
   */
  <Q, R> R call(MethodDescriptor<Q, R> method, Q request, Deadline deadline, Outcome lost) {
    Unary<Q, R> unary = new Unary<>(newCall(method, deadline));
    try {
      unary.run(headers(), request);
    } catch (InterruptedException e) {
      throw Failure.interrupted(lost, e);
    }
    R reply = unary.replies.poll();
    if (reply != null && unary.replies.status().isOk()) {
      return reply;
    }
    throw ended(unary.replies.status(), unary.replies.trailers(), lost);
  }

  /** The error of a call that ended without its result. */
  StagingException ended(Status status, Metadata trailers, Outcome lost) {
    if (isClosed()) {
      return Failure.cancelled("the client was closed", lost, null);
    }
    return status.isOk()
        ? Failure.noResult(address, lost)
        : Failure.of(status, trailers, address, lost).toException();
  }

  private static final class Unary<Q, R> {
    private final ClientCall<Q, R> call;
    private final Signal signal = new Signal();
    private final Replies<R> replies = new Replies<>(signal);

    Unary(ClientCall<Q, R> call) {
      this.call = call;
    }

    /** Blocks until the end. */
    void run(Metadata headers, Q request) throws InterruptedException {
      call.start(replies, headers);
      call.sendMessage(request);
      call.halfClose();
      call.request(2); // a second one would be no unary call's
      try {
        while (replies.status() == null) {
          signal.await(null);
        }
      } catch (InterruptedException e) {
        call.cancel("interrupted", e);
        throw e;
      }
    }
  }
}
