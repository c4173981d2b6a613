package example.lakefs_staging;

import java.util.concurrent.CompletableFuture;

/** An upload that runs on a thread of its own. */
final class Background {
  /** What it runs. */
  interface Task {
    UploadResult run() throws Exception;
  }

  private final CompletableFuture<UploadResult> promise =
      new CompletableFuture<>() {
        @Override
        public boolean cancel(boolean mayInterruptIfRunning) {
          boolean cancelled = super.cancel(mayInterruptIfRunning);
          if (cancelled) {
            interrupt();
          }
          return cancelled;
        }
      };
  private final Thread thread;

  Background(Task task) {
    thread = Gateway.daemon(() -> run(task), "lakefs-staging-upload");
    thread.start();
  }

  /** What comes of it; to cancel it cancels the upload. */
  CompletableFuture<UploadResult> promise() {
    return promise;
  }

  /** Makes it end soon; the promise then tells how. */
  void interrupt() {
    thread.interrupt();
  }

  private void run(Task task) {
    try {
      promise.complete(task.run());
    } catch (Throwable e) {
      promise.completeExceptionally(e);
    }
  }
}
