import com.google.protobuf.ByteString;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import example.lakefs_staging.v1.ObjectPath;
import example.lakefs_staging.v1.StagingGrpc;
import example.lakefs_staging.v1.UploadAndLinkRequest;
import example.lakefs_staging.v1.UploadAndLinkResponse;
import example.lakefs_staging.v1.UploadChunk;
import example.lakefs_staging.v1.UploadFinish;
import example.lakefs_staging.v1.UploadHeader;
import example.lakefs_staging.v1.UploadResult;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Uploads one file; the arguments are GATEWAY FILE REPOSITORY BRANCH PATH. */
public final class Upload
    implements ClientResponseObserver<UploadAndLinkRequest, UploadAndLinkResponse> {
  private final CompletableFuture<UploadResult> result = new CompletableFuture<>();
  private ClientCallStreamObserver<UploadAndLinkRequest> call;

  @Override
  public void beforeStart(ClientCallStreamObserver<UploadAndLinkRequest> call) {
    this.call = call;
    call.setOnReadyHandler(this::wake);
  }

  @Override
  public void onNext(UploadAndLinkResponse message) {
    if (message.hasResult()) {
      result.complete(message.getResult());
    }
  }

  @Override
  public void onError(Throwable error) {
    result.completeExceptionally(error);
    wake();
  }

  @Override
  public void onCompleted() {
    result.completeExceptionally(new IllegalStateException("no result"));
    wake();
  }

  private synchronized void wake() {
    notifyAll();
  }

  /** Sends once the gateway takes more; sends nothing when the call is over. */
  private synchronized void send(UploadAndLinkRequest message) throws InterruptedException {
    while (!call.isReady() && !result.isDone()) {
      wait();
    }
    if (!result.isDone()) {
      call.onNext(message);
    }
  }

  UploadResult upload(StagingGrpc.StagingStub stub, InputStream source, ObjectPath object)
      throws Exception {
    stub.uploadAndLink(this);
    send(
        UploadAndLinkRequest.newBuilder()
            .setHeader(UploadHeader.newBuilder().setObject(object))
            .build());
    long size = 0;
    byte[] data = source.readNBytes(1 << 20);
    while (data.length > 0 && !result.isDone()) {
      send(
          UploadAndLinkRequest.newBuilder()
              .setChunk(
                  UploadChunk.newBuilder().setWriteOffset(size).setData(ByteString.copyFrom(data)))
              .build());
      size += data.length;
      data = source.readNBytes(1 << 20);
    }
    send(
        UploadAndLinkRequest.newBuilder()
            .setFinish(UploadFinish.newBuilder().setSizeBytes(size))
            .build());
    if (!result.isDone()) {
      call.onCompleted();
    }
    return result.join();
  }

  public static void main(String[] arguments) throws Exception {
    ManagedChannel channel =
        Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build();
    ObjectPath object =
        ObjectPath.newBuilder()
            .setRepository(arguments[2])
            .setBranch(arguments[3])
            .setPath(arguments[4])
            .build();
    try (InputStream source = Files.newInputStream(Path.of(arguments[1]))) {
      System.out.print(new Upload().upload(StagingGrpc.newStub(channel), source, object));
    } catch (CompletionException error) {
      if (!(error.getCause() instanceof StatusRuntimeException)) {
        throw error;
      }
      System.err.println(error.getCause().getMessage());
      System.exit(1);
    } finally {
      channel.shutdownNow();
    }
  }
}
