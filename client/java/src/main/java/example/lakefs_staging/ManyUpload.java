package example.lakefs_staging;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnsafeByteOperations;
import example.lakefs_staging.v1.UploadHeader;
import example.lakefs_staging.v1.UploadManyRequest;
import example.lakefs_staging.v1.UploadManyResponse;
import io.grpc.ClientCall;
import io.grpc.Deadline;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.PriorityQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Any number of small objects on one stream, or, where that ends, on the next one. Run once, by one
 * thread, which tells the results; the iterator is asked on another.
 */
final class ManyUpload {
  private static final int UNANSWERED = 64;
  private static final int MAX_BYTES = 4 << 20;

  private static final class Item {
    final SmallObject object;
    final UploadHeader header;
    final int crc32c;
    final Deadline deadline;
    int attempts;
    boolean mayStand;
    Deadline due;

    Item(SmallObject object) {
      byte[] data = object.data();
      this.object = object;
      this.header = object.settings().header(object.target(), OptionalLong.of(data.length)).build();
      this.crc32c = Crc32c.of(data, 0, data.length);
      this.deadline = object.settings().deadline();
    }
  }

  private final Gateway gateway;
  private final Iterator<? extends SmallObject> objects;
  private final Consumer<? super SmallObjectResult> consumer;
  private final Signal signal = new Signal();

  private final Map<Long, Item> underWay = new LinkedHashMap<>();
  private final PriorityQueue<Item> waiting =
      new PriorityQueue<>(Comparator.comparing((Item item) -> item.due));
  private FutureTask<SmallObject> next;
  private Item fresh; // the next one to be sent, or null
  private boolean exhausted;
  private long lastId;

  private ClientCall<UploadManyRequest, UploadManyResponse> call; // or null
  private Replies<UploadManyResponse> replies;

  ManyUpload(
      Gateway gateway,
      Iterator<? extends SmallObject> objects,
      Consumer<? super SmallObjectResult> consumer) {
    this.gateway = gateway;
    this.objects = objects;
    this.consumer = consumer;
  }

  void run() {
    try {
      while (step()) {}
    } catch (InterruptedException e) {
      StagingException cancelled = Failure.interrupted(Outcome.UNKNOWN, e);
      tellAll(cancelled.failure());
      throw cancelled;
    } finally {
      if (next != null) {
        next.cancel(true);
      }
      if (call != null && replies.status() == null) {
        call.cancel("the upload has ended", null);
      }
    }
  }

  /** Does one thing, or waits until there is one to do; false at the end of all. */
  private boolean step() throws InterruptedException {
    if (call != null) {
      // In this order: the status is the last to come.
      Status ended = replies.status();
      UploadManyResponse reply = replies.poll();
      if (reply != null) {
        take(reply);
        call.request(1);
        return true;
      }
      if (ended != null) {
        streamEnded(ended);
        return true;
      }
    }
    giveUpLate();
    if (fresh == null && mayFetch()) {
      fetch();
      return true;
    }
    boolean due = !waiting.isEmpty() && waiting.peek().due.isExpired();
    if ((due || fresh != null) && maySend()) {
      Item item = due ? waiting.poll() : fresh;
      fresh = due ? fresh : null;
      send(item);
      return true;
    }
    if (exhausted && fresh == null && underWay.isEmpty() && waiting.isEmpty()) {
      if (call != null) {
        call.halfClose(); // nothing is under way: what it ends with says nothing
        call = null;
      }
      return false;
    }
    signal.await(nextDue());
    return true;
  }

  /** Whether there is room in the transport, for which there has to be a stream. */
  private boolean maySend() {
    if (call == null) {
      open();
    }
    return call.isReady();
  }

  private void open() {
    try {
      gateway.reach(null);
    } catch (StagingException e) {
      tellAll(e.failure());
      throw e;
    }
    replies = new Replies<>(signal);
    call = gateway.newCall(Methods.UPLOAD_MANY, null);
    call.start(replies, gateway.headers());
    call.request(UNANSWERED);
  }

  /** Whether an object is here for which there is a place; if not, one is asked for. */
  private boolean mayFetch() {
    if (exhausted || underWay.size() + waiting.size() >= UNANSWERED) {
      return false;
    }
    if (next == null) {
      next =
          new FutureTask<>(() -> objects.hasNext() ? objects.next() : null) {
            @Override
            protected void done() {
              signal.raise();
            }
          };
      try {
        gateway.readers().execute(next);
      } catch (RejectedExecutionException e) {
        throw Failure.cancelled("the client was closed", Outcome.UNKNOWN, e);
      }
    }
    return next.isDone();
  }

  /** Takes the object that is here. */
  private void fetch() throws InterruptedException {
    SmallObject object;
    try {
      object = next.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException(Errors.same(e.getCause())); // an iterator throws none
    } finally {
      next = null;
    }
    if (object == null) {
      exhausted = true;
      return;
    }
    try {
      if (object.data().length > MAX_BYTES) {
        throw Failure.invalid(object + " is too large: at most 4 MiB are taken");
      }
      fresh = new Item(object);
    } catch (InvalidRequestException e) {
      consumer.accept(new SmallObjectResult(object, null, e));
    }
  }

  private void send(Item item) {
    item.attempts++;
    UploadHeader.Builder header = item.header.toBuilder();
    if (!item.header.getRequestId().isEmpty()) {
      header.setAttempt(item.object.settings().attemptNumber(item.attempts));
    }
    long id = ++lastId;
    underWay.put(id, item);
    call.sendMessage(
        UploadManyRequest.newBuilder()
            .setId(id)
            .setHeader(header)
            .setData(UnsafeByteOperations.unsafeWrap(item.object.data()))
            .setCrc32C(item.crc32c)
            .build());
  }

  private void take(UploadManyResponse answer) {
    Item item = underWay.remove(answer.getId());
    if (item == null) {
      return; // it was given up, or no gateway of ours
    }
    if (answer.hasResult()) {
      consumer.accept(
          new SmallObjectResult(
              item.object, new UploadResult(answer.getResult(), item.attempts), null));
      return;
    }
    try {
      failed(
          item, Failure.of(com.google.rpc.Status.parseFrom(answer.getStatus()), gateway.address()));
    } catch (InvalidProtocolBufferException e) {
      failed(item, Failure.noResult(gateway.address(), Outcome.UNKNOWN).failure());
    }
  }

  private void streamEnded(Status status) {
    Failure failure = gateway.ended(status, replies.trailers(), Outcome.UNKNOWN).failure();
    call = null;
    boolean told = failure.domain.equals(Failure.GATEWAY_DOMAIN);
    if (told) {
      // A gateway that ends the stream has answered all that it began.
      failure = failure.withOutcome(Outcome.NOT_COMMITTED);
      if (failure.advice == Advice.UNSPECIFIED) {
        failure = failure.withAdvice(adviceFor(failure));
      }
    } else if (status.isOk()) {
      failure = failure.withAdvice(Advice.RETRY_CALL);
    }
    List<Item> unanswered = new ArrayList<>(underWay.values());
    underWay.clear();
    for (Item item : unanswered) {
      failed(item, failure);
    }
    boolean repeats = failure.advice == Advice.RETRY_CALL || failure.advice == Advice.RESTART;
    if (!repeats || gateway.isClosed()) {
      tellAll(failure);
      throw failure.toException();
    }
  }

  private static Advice adviceFor(Failure failure) {
    switch (failure.code) {
      case UNAVAILABLE:
      case RESOURCE_EXHAUSTED:
      case ABORTED:
        return Advice.RETRY_CALL;
      default:
        return failure.retryAfter != null ? Advice.RETRY_CALL : Advice.FIX_REQUEST;
    }
  }

  private void failed(Item item, Failure told) {
    String requestId = item.header.getRequestId();
    Failure failure = item.mayStand ? Repetition.doubting(told) : told;
    item.mayStand = failure.outcome == Outcome.UNKNOWN;
    Duration wait = Repetition.waitAfter(item.attempts, failure.retryAfter);
    boolean inTime =
        item.deadline == null
            || item.deadline.timeRemaining(TimeUnit.MILLISECONDS) > wait.toMillis();
    if (Repetition.helps(failure, requestId)
        && item.attempts < item.object.settings().attempts
        && inTime
        && !gateway.isClosed()) {
      item.due = Deadline.after(wait.toMillis(), TimeUnit.MILLISECONDS);
      waiting.add(item);
    } else {
      tell(item, failure);
    }
  }

  private void giveUpLate() {
    for (Iterator<Item> items = underWay.values().iterator(); items.hasNext(); ) {
      Item item = items.next();
      if (item.deadline != null && item.deadline.isExpired()) {
        items.remove();
        tell(item, Failure.late(gateway.address(), Outcome.UNKNOWN).failure());
      }
    }
  }

  private Deadline nextDue() {
    Deadline due = waiting.isEmpty() ? null : waiting.peek().due;
    for (Item item : underWay.values()) {
      if (item.deadline != null) {
        due = due == null ? item.deadline : due.minimum(item.deadline);
      }
    }
    return due != null && due.isExpired() ? null : due; // what is due waits for room
  }

  private void tellAll(Failure failure) {
    List<Item> left = new ArrayList<>(underWay.values());
    left.forEach(item -> tell(item, failure));
    underWay.clear();
    for (Item item : waiting) {
      Outcome outcome = item.mayStand ? Outcome.UNKNOWN : Outcome.NOT_COMMITTED;
      tell(item, failure.withOutcome(outcome));
    }
    waiting.clear();
    if (fresh != null) {
      tell(fresh, failure.withOutcome(Outcome.NOT_COMMITTED));
      fresh = null;
    }
  }

  private void tell(Item item, Failure failure) {
    consumer.accept(
        new SmallObjectResult(
            item.object,
            null,
            failure.after(item.header.getRequestId(), item.attempts).toException()));
  }
}
