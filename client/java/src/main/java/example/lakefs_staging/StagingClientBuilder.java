package example.lakefs_staging;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.function.UnaryOperator;

/** Settings for a {@link StagingClient}. */
public final class StagingClientBuilder {
  private static final String DEFAULT_GATEWAY = "127.0.0.1:8765";
  private static final String UNIX = "unix:";
  // A chunk or an object of 4 MiB and its framing; replies are far smaller.
  private static final int MAX_MESSAGE_BYTES = 4 * 1024 * 1024 + 16 * 1024;

  private final UnaryOperator<String> environment;
  private String gateway;
  private String authorization;
  private boolean tls;
  private Path ca;
  private Path certificate;
  private Path key;
  private boolean allowPlaintext;
  private Duration connectTimeout = Duration.ofSeconds(10);

  StagingClientBuilder() {
    this(System::getenv);
  }

  StagingClientBuilder(UnaryOperator<String> environment) {
    this.environment = environment;
  }

  /**
   * Where the gateway is. Default: {@code LAKEFS_STAGING_GATEWAY}, else {@code 127.0.0.1:8765}.
   *
   * @param gateway {@code HOST:PORT} or {@code unix:/path}
   * @return this
   */
  public StagingClientBuilder gateway(String gateway) {
    this.gateway = Objects.requireNonNull(gateway);
    return this;
  }

  /**
   * Uses TLS, with the certificate authorities that Java trusts. Default: none.
   *
   * @return this
   */
  public StagingClientBuilder tls() {
    this.tls = true;
    return this;
  }

  /**
   * Uses TLS, with these certificate authorities.
   *
   * @param ca a PEM file
   * @return this
   */
  public StagingClientBuilder ca(Path ca) {
    this.ca = Objects.requireNonNull(ca);
    return tls();
  }

  /**
   * Uses TLS, and shows this certificate.
   *
   * @param certificate a PEM file with the chain
   * @param key a PEM file with the key, in PKCS #8
   * @return this
   */
  public StagingClientBuilder clientCertificate(Path certificate, Path key) {
    this.certificate = Objects.requireNonNull(certificate);
    this.key = Objects.requireNonNull(key);
    return tls();
  }

  /**
   * What goes to lakeFS with every call, where the gateway hands it on. Default: {@code
   * LAKEFS_STAGING_AUTHORIZATION}, else none. It is in no message of this library. Without TLS it
   * goes to a unix socket or a loopback address only.
   *
   * @param authorization {@code Basic …} or {@code Bearer …}; a secret
   * @return this
   */
  public StagingClientBuilder authorization(String authorization) {
    this.authorization = Objects.requireNonNull(authorization);
    return this;
  }

  /**
   * Lets the authorization go anywhere in plain text: where a mesh encrypts.
   *
   * @return this
   */
  public StagingClientBuilder allowPlaintextAuthorization() {
    this.allowPlaintext = true;
    return this;
  }

  /**
   * How long an attempt waits for the connection. Default: 10 s.
   *
   * @param connectTimeout more than 0
   * @return this
   */
  public StagingClientBuilder connectTimeout(Duration connectTimeout) {
    this.connectTimeout = Objects.requireNonNull(connectTimeout);
    return this;
  }

  /**
   * The client. The connection is made by its first call.
   *
   * @return the client, to be closed
   * @throws InvalidRequestException if the settings cannot be used
   */
  public StagingClient build() {
    String address = setting(gateway, "LAKEFS_STAGING_GATEWAY", DEFAULT_GATEWAY);
    boolean unix = address.startsWith(UNIX) && address.length() > UNIX.length();
    if (!unix && !isHostAndPort(address)) {
      throw Failure.invalid(
          "\"" + address + "\" is no gateway address; write HOST:PORT or unix:/path");
    }
    String secret = setting(authorization, "LAKEFS_STAGING_AUTHORIZATION", "");
    if (!secret.chars().allMatch(c -> c >= ' ' && c <= '~')) {
      throw Failure.invalid("the authorization is no line of printable ASCII");
    }
    boolean mayAuthorize = tls || unix || isLoopback(address) || allowPlaintext;
    return new StagingClient(
        new Gateway(address, channel(address, unix), secret, mayAuthorize, connectTimeout));
  }

  private String setting(String named, String variable, String fallback) {
    if (named != null) {
      return named;
    }
    String value = environment.apply(variable);
    return value == null || value.isEmpty() ? fallback : value;
  }

  private ManagedChannel channel(String address, boolean unix) {
    // An IPv6 address has brackets, which a URI does not.
    String target = unix ? address : "dns:///" + address.replace("[", "%5B").replace("]", "%5D");
    ManagedChannelBuilder<?> channel =
        Grpc.newChannelBuilder(target, credentials())
            .maxInboundMessageSize(MAX_MESSAGE_BYTES)
            .disableRetry()
            // A sidecar is never behind a proxy, though the environment may name one.
            .proxyDetector(server -> null);
    if (unix) {
      channel.overrideAuthority("localhost");
      if (channel instanceof NettyChannelBuilder) {
        // Unix sockets have no such option, and netty would log a warning for each connection.
        ((NettyChannelBuilder) channel).withOption(ChannelOption.SO_KEEPALIVE, null);
      }
    }
    return channel.build();
  }

  private ChannelCredentials credentials() {
    if (!tls) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder credentials = TlsChannelCredentials.newBuilder();
    try {
      if (ca != null) {
        credentials.trustManager(ca.toFile());
      }
      if (certificate != null) {
        credentials.keyManager(certificate.toFile(), key.toFile());
      }
    } catch (IOException e) {
      throw Failure.invalid("a file for TLS cannot be read: " + e.getMessage());
    }
    return credentials.build();
  }

  private static boolean isHostAndPort(String address) {
    int colon = address.lastIndexOf(':');
    if (colon <= 0 || address.contains("/") || address.chars().anyMatch(c -> c <= ' ' || c > '~')) {
      return false;
    }
    String port = address.substring(colon + 1);
    return port.matches("[0-9]{1,5}")
        && Integer.parseInt(port) > 0
        && Integer.parseInt(port) < 65536;
  }

  private static boolean isLoopback(String address) {
    String host = address.substring(0, address.lastIndexOf(':'));
    return host.equals("localhost")
        || host.equals("[::1]")
        || host.matches("127\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}");
  }
}
