package example.lakefs_staging;

import org.junit.jupiter.api.AfterEach;

/** A gateway and a client of it, for each test; closed after it. */
abstract class GatewayFixture {
  final FakeGateway gateway = new FakeGateway();
  final StagingClient client = gateway.client();

  @AfterEach
  void close() {
    client.close();
    gateway.close();
  }
}
