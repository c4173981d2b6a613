import example.lakefs_staging.StagingClient;
import example.lakefs_staging.StagingException;
import java.time.Duration;

/** Calls a gateway that is not there: all of gRPC and protobuf is loaded for that. */
class Absent {
  public static void main(String[] args) {
    for (String address : new String[] {"127.0.0.1:1", "unix:/nowhere/gateway.sock"}) {
      try (StagingClient client =
          StagingClient.builder()
              .gateway(address)
              .connectTimeout(Duration.ofMillis(100))
              .build()) {
        client.upload(new byte[1], "lakefs://repo/main/object");
        throw new AssertionError("uploaded to nobody");
      } catch (StagingException e) {
        if (!e.reason().equals("GATEWAY_UNREACHABLE")) {
          throw e;
        }
      }
    }
  }
}
