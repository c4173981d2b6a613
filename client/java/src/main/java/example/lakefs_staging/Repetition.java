package example.lakefs_staging;

import example.lakefs_staging.v1.GetUploadOutcomeRequest;
import example.lakefs_staging.v1.GetUploadOutcomeResponse;
import example.lakefs_staging.v1.UploadHeader;
import io.grpc.Deadline;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** The attempts of one logical upload: how many, how far apart, and what is said in the end. */
final class Repetition {
  /** What follows a failed attempt. */
  enum Next {
    /** The same call, if there are attempts and time left. */
    REPEAT,
    /** The question what became of it. */
    ASK,
    /** Nothing: the error is the upload's. */
    GIVE_UP
  }

  /** One attempt; they are counted from 1 on. */
  interface Attempt {
    UploadResult make(int n) throws IOException;
  }

  private static final Duration FIRST_WAIT = Duration.ofMillis(100);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

  private static final Duration ASKING = Duration.ofSeconds(30);
  private static final long ASK_AGAIN_MILLIS = 200;
  private static final long ASK_LATER_MILLIS = 1000;
  private static final int SOON = 10; // questions, before it is later
  private static final Duration ONE_QUESTION = Duration.ofSeconds(10);

  private final Gateway gateway;
  private final Settings settings;
  private final Deadline deadline;
  private final UploadHeader header;

  Repetition(Gateway gateway, Settings settings, Deadline deadline, UploadHeader header) {
    this.gateway = gateway;
    this.settings = settings;
    this.deadline = deadline;
    this.header = header;
  }

  /** Whether the same call may succeed, and cannot do harm. */
  static boolean helps(Failure failure, String requestId) {
    boolean advised = failure.advice == Advice.RETRY_CALL || failure.advice == Advice.RESTART;
    boolean harmless =
        failure.outcome == Outcome.NOT_COMMITTED
            || (failure.outcome == Outcome.UNKNOWN && !requestId.isEmpty());
    // Who could not be reached in all the time for connecting will not be in more of it.
    return advised && harmless && !failure.reason.equals("GATEWAY_UNREACHABLE");
  }

  /** How long to wait behind the {@code n}th attempt, from 1 on. */
  static Duration waitAfter(int n, Duration retryAfter) {
    long most = Math.min(LONGEST_WAIT.toMillis(), FIRST_WAIT.toMillis() << Math.min(n - 1, 10));
    Duration backoff = Duration.ofMillis(most - ThreadLocalRandom.current().nextLong(most / 2 + 1));
    return retryAfter != null && retryAfter.compareTo(backoff) > 0 ? retryAfter : backoff;
  }

  UploadResult run(Attempt attempt, Function<Failure, Next> decide) throws IOException {
    boolean mayStand = false; // an earlier attempt may have been linked
    for (int n = 1; ; n++) {
      Failure failure;
      try {
        return attempt.make(n).after(n);
      } catch (StagingException e) {
        failure = e.failure().after(header.getRequestId(), n);
        failure = mayStand ? doubting(failure) : failure;
        mayStand = failure.outcome == Outcome.UNKNOWN;
        if (e.getCause() instanceof InterruptedException || gateway.isClosed()) {
          throw failure.toException();
        }
      }
      Next next = decide.apply(failure);
      if (next == Next.ASK) {
        return ask(failure);
      }
      Duration wait = waitAfter(n, failure.retryAfter);
      if (next == Next.GIVE_UP || n == settings.attempts || !fits(wait)) {
        throw failure.toException();
      }
      sleep(wait, failure);
    }
  }

  /** What is known after an attempt that may have been linked, and another that was not. */
  static Failure doubting(Failure failure) {
    boolean looked =
        failure.domain.equals(Failure.GATEWAY_DOMAIN) && failure.advice != Advice.RETRY_CALL;
    return looked || failure.outcome != Outcome.NOT_COMMITTED
        ? failure
        : failure.withOutcome(Outcome.UNKNOWN);
  }

  private boolean fits(Duration wait) {
    return deadline == null
        || deadline.timeRemaining(TimeUnit.NANOSECONDS)
            > Math.min(wait.toMillis(), 1L << 40) * 1_000_000;
  }

  /** Asks what became of an upload that cannot be repeated. */
  private UploadResult ask(Failure failure) {
    Deadline limit = within(ASKING);
    for (int n = 1; !limit.isExpired(); n++) {
      try {
        GetUploadOutcomeResponse told = askOnce(limit);
        if (told.hasResult()) {
          return new UploadResult(told.getResult(), failure.attempts);
        }
        if (!told.getFailureReason().isEmpty()) {
          throw Failure.toldBy(told).after(failure.requestId, failure.attempts).toException();
        }
        if (!told.getInProgress()) {
          break;
        }
      } catch (Unanswered e) {
        if (e.forGood) {
          break;
        }
      }
      Duration wait = Duration.ofMillis(n < SOON ? ASK_AGAIN_MILLIS : ASK_LATER_MILLIS);
      if (limit.timeRemaining(TimeUnit.MILLISECONDS) <= wait.toMillis()) {
        break;
      }
      sleep(wait, failure);
    }
    throw failure.toException();
  }

  private GetUploadOutcomeResponse askOnce(Deadline limit) throws Unanswered {
    Deadline once = limit.minimum(Deadline.after(ONE_QUESTION.toNanos(), TimeUnit.NANOSECONDS));
    try {
      gateway.reach(once);
      return gateway.call(
          Methods.GET_UPLOAD_OUTCOME,
          GetUploadOutcomeRequest.newBuilder()
              .setRequestId(header.getRequestId())
              .setObject(header.getObject())
              .build(),
          once,
          Outcome.UNSPECIFIED);
    } catch (StagingException e) {
      // NOT_FOUND proves nothing, and no other answer will be found.
      boolean interrupted = e.getCause() instanceof InterruptedException;
      boolean nobody = !e.domain().equals(Failure.GATEWAY_DOMAIN);
      boolean later = e.code() == io.grpc.Status.Code.UNAVAILABLE;
      throw new Unanswered(interrupted || gateway.isClosed() || !(nobody || later));
    }
  }

  private Deadline within(Duration span) {
    Deadline limit = Deadline.after(span.toNanos(), TimeUnit.NANOSECONDS);
    return deadline == null ? limit : limit.minimum(deadline);
  }

  private static void sleep(Duration wait, Failure failure) {
    try {
      Thread.sleep(wait.toMillis(), wait.toNanosPart() % 1_000_000);
    } catch (InterruptedException e) {
      StagingException cancelled = Failure.interrupted(failure.outcome, e);
      throw cancelled.failure().after(failure.requestId, failure.attempts).toException();
    }
  }

  private static final class Unanswered extends Exception {
    private static final long serialVersionUID = 1;
    final boolean forGood;

    Unanswered(boolean forGood) {
      super(null, null, false, false);
      this.forGood = forGood;
    }
  }
}
