//! The calls of one gateway.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use tokio::time::Instant;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::call::{
    Call, DiscardUpload, GetPhysicalAddress, GetUploadOutcome, LinkPhysicalAddress, Method,
};
use crate::connection::{Address, Connections};
use crate::error::Error;
use crate::many::{self, Object};
use crate::model::{ObjectStats, Outcome, StagingLocation, UploadOutcome, UploadResult};
use crate::options::UploadOptions;
use crate::proto::v1;
use crate::source::Source;
use crate::target::Target;
use crate::tasks::Tasks;
use crate::upload;
use crate::writer::Writer;

const DEFAULT_GATEWAY: &str = "127.0.0.1:8765";
const GATEWAY_VARIABLE: &str = "LAKEFS_STAGING_GATEWAY";
const AUTHORIZATION_VARIABLE: &str = "LAKEFS_STAGING_AUTHORIZATION";

/// Long enough for a gateway that is just starting its listeners on a slow
/// machine, short enough for a person.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a call that changes nothing may take.
const PLAIN_TIMEOUT: Duration = Duration::from_secs(60);

/// A client of one gateway.
///
/// Clones share the connection, which is made by the first call and made anew
/// where it was lost. They may be used by any number of tasks at the same time.
/// A call ends when its future is dropped; nothing is linked then unless all bytes
/// had been sent.
///
/// Every method that makes a call has to be awaited within a runtime of tokio with
/// its timers and I/O enabled.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    connections: Connections,
    authorization: Option<AsciiMetadataValue>,
    connect_timeout: Duration,
}

impl Client {
    /// The client of the gateway that the environment names by
    /// `LAKEFS_STAGING_GATEWAY`, else of the one at `127.0.0.1:8765`, with the
    /// authorization of `LAKEFS_STAGING_AUTHORIZATION`, if there is one.
    ///
    /// Errors: INVALID_REQUEST where a variable is of no use.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A client with settings of its own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The gateway, as `HOST:PORT` or `unix:/path`.
    pub fn gateway(&self) -> &str {
        self.inner.connections.gateway()
    }

    /// Uploads what `source` gives and links it to `target`, with the default
    /// options.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = lakefs_staging::Client::from_env()?;
    /// let file = tokio::fs::File::open("report.csv").await?;
    /// let result = client.upload(file, "lakefs://repo/main/report.csv").await?;
    /// println!("{} {}", result.outcome, result.object.checksum);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Errors and repetition: as of [`upload_with`](Self::upload_with).
    pub async fn upload<T>(
        &self,
        source: impl Into<Source>,
        target: T,
    ) -> Result<UploadResult, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        self.upload_with(source, target, UploadOptions::new()).await
    }

    /// Uploads what `source` gives and links it to `target`.
    ///
    /// An attempt that failed is repeated where that can help and can link nothing
    /// twice: the bytes can be had again, and less than `attempts` were made. The
    /// result tells whether the object stands ([`Outcome::Committed`]) or was
    /// already replaced by a later writer ([`Outcome::Superseded`]).
    ///
    /// Errors: those of the gateway; those of this library ([`Error`]); the
    /// source's own. [`Error::outcome`] is NOT_COMMITTED, or UNKNOWN where nobody
    /// can tell.
    pub async fn upload_with<T>(
        &self,
        source: impl Into<Source>,
        target: T,
        options: UploadOptions,
    ) -> Result<UploadResult, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        let target = target.try_into()?;
        upload::upload(self, source.into(), &target, &options).await
    }

    /// A writer to `target`, with the default options.
    ///
    /// Errors: INVALID_REQUEST where `target` is none.
    pub fn writer<T>(&self, target: T) -> Result<Writer, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        self.writer_with(target, UploadOptions::new())
    }

    /// A writer to `target`. Nothing is sent before its first MiB is full, or it
    /// is committed; `timeout` begins with the first byte.
    ///
    /// Errors: INVALID_REQUEST where `target` is none.
    pub fn writer_with<T>(&self, target: T, options: UploadOptions) -> Result<Writer, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        Ok(Writer::new(self.clone(), target.try_into()?, options))
    }

    /// Uploads any number of objects of at most 4 MiB on one stream: the way that
    /// costs least for each. Gives one result or error for each, with its object,
    /// in the order in which they are ready.
    ///
    /// The next object is taken only as long as fewer than 64 are unanswered, and
    /// only while the results are polled. Each object is an upload of its own, and
    /// repeated as one. Two that go to the same path may come to stand in either
    /// order: give the second when the first is done. Dropping the stream cancels
    /// what is under way.
    pub fn upload_many<S>(
        &self,
        objects: S,
    ) -> impl Stream<Item = (Object, Result<UploadResult, Error>)> + Send + Unpin + use<S>
    where
        S: Stream<Item = Object> + Send + 'static,
    {
        many::upload_many(self.clone(), objects)
    }

    /// Uploads a file on a volume that the gateway sees too, and links it to
    /// `target`: its bytes are not sent. `file` is its absolute path, as the
    /// gateway's `--source-root` names it for callers. The file must not change
    /// until it is over.
    ///
    /// Errors: as of [`upload_with`](Self::upload_with); SOURCE_REFUSED, with
    /// nothing linked, where the gateway takes no files, or not this one.
    pub async fn upload_file<T>(
        &self,
        file: impl AsRef<Path>,
        target: T,
        options: UploadOptions,
    ) -> Result<UploadResult, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        let target = target.try_into()?;
        upload::upload_file(self, file.as_ref(), &target, &options).await
    }

    /// What became of an earlier upload with this `request_id`. `target` lets the
    /// gateway look at the path where its memory does not tell.
    ///
    /// Errors: NOT_FOUND where nothing is known of it, which proves nothing.
    ///
    /// Blocking: for 60 s at most.
    pub async fn outcome(
        &self,
        request_id: &str,
        target: Option<&Target>,
    ) -> Result<UploadOutcome, Error> {
        self.outcome_until(request_id, target, Instant::now() + PLAIN_TIMEOUT)
            .await
    }

    pub(crate) async fn outcome_until(
        &self,
        request_id: &str,
        target: Option<&Target>,
        until: Instant,
    ) -> Result<UploadOutcome, Error> {
        let request = v1::GetUploadOutcomeRequest {
            request_id: request_id.to_owned(),
            object: target.map(Target::to_proto),
        };
        let reply = self
            .unary::<GetUploadOutcome>(request, Some(until))
            .await
            .map_err(Error::unless_told)?;
        let outcome = Outcome::from_proto(reply.outcome);
        let result = reply.result.map(|result| {
            let mut result = UploadResult::from_proto(result);
            result.request_id = request_id.to_owned();
            result
        });
        let failure = reply.failure.map(|failure| {
            Error::from_failure(failure, reply.failure_reason, reply.failure_message)
                .of_upload(request_id, 0)
        });
        Ok(UploadOutcome {
            outcome,
            in_progress: reply.in_progress,
            result,
            failure,
        })
    }

    /// Drops what the store holds of the upload that `resume_token` is of; no error
    /// if there is nothing any more. An object that was linked stays.
    ///
    /// Blocking: for 60 s at most.
    pub async fn discard(&self, resume_token: impl Into<Bytes>) -> Result<(), Error> {
        let request = v1::DiscardUploadRequest {
            resume_token: resume_token.into(),
        };
        self.unary::<DiscardUpload>(request, Some(Instant::now() + PLAIN_TIMEOUT))
            .await
            .map(|_| ())
            .map_err(Error::unless_told)
    }

    /// Asks for an address to put the object's bytes at, with a presigned URL if
    /// `presign`. Changes nothing that a reader can see.
    ///
    /// Blocking: for 60 s at most.
    pub async fn get_physical_address(
        &self,
        target: &Target,
        presign: bool,
    ) -> Result<StagingLocation, Error> {
        let request = v1::GetPhysicalAddressRequest {
            object: Some(target.to_proto()),
            presign,
        };
        let reply = self
            .unary::<GetPhysicalAddress>(request, Some(Instant::now() + PLAIN_TIMEOUT))
            .await
            .map_err(Error::unless_told)?;
        Ok(StagingLocation::from_proto(
            reply.location.unwrap_or_default(),
        ))
    }

    /// Links bytes that are already at `location` to `target`: `checksum` is best
    /// the store's ETag without quotes, and `size_bytes` must be right, since
    /// lakeFS does not look. Of the options those that belong to an object hold,
    /// and `timeout`; it is one call, and not repeated.
    ///
    /// The outcome is [`Outcome::Committed`], or [`Outcome::Superseded`].
    pub async fn link_physical_address(
        &self,
        target: &Target,
        location: StagingLocation,
        checksum: &str,
        size_bytes: u64,
        options: UploadOptions,
    ) -> Result<(ObjectStats, Outcome), Error> {
        let header = options.freeze(target)?.message;
        let size_bytes = i64::try_from(size_bytes)
            .map_err(|_| Error::invalid_request("the size is beyond all limits"))?;
        let request = v1::LinkPhysicalAddressRequest {
            object: header.object,
            if_absent: header.if_absent,
            if_match: header.if_match,
            metadata: Some(v1::StagingMetadata {
                staging: Some(location.into_proto()),
                checksum: checksum.to_owned(),
                size_bytes,
                user_metadata: header.user_metadata,
                content_type: header.content_type,
                mtime: header.mtime,
                force: header.force,
            }),
        };
        let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
        let reply = self
            .unary::<LinkPhysicalAddress>(request, deadline)
            .await
            .map_err(|error| error.of_upload("", 1))?;
        Ok((
            ObjectStats::from_proto(reply.object.unwrap_or_default()),
            Outcome::from_proto(reply.outcome),
        ))
    }

    /// Begins a call, and waits for its connection.
    pub(crate) async fn call<M: Method>(
        &self,
        deadline: Option<Instant>,
    ) -> Result<Call<M>, Error> {
        let mut until = Instant::now() + self.inner.connect_timeout;
        if let Some(deadline) = deadline {
            until = until.min(deadline);
        }
        let channel = self.inner.connections.get(until).await?;
        Ok(Call::begin(
            channel,
            self.inner.authorization.as_ref(),
            deadline,
        ))
    }

    /// A call of one request and one reply. Its outcome is that of a link.
    pub(crate) async fn unary<M: Method>(
        &self,
        request: M::Request,
        deadline: Option<Instant>,
    ) -> Result<M::Reply, Error> {
        let Call {
            requests,
            mut replies,
            sent,
            ..
        } = self.call::<M>(deadline).await?;
        requests.send(request).await;
        requests.half_close();
        match within(deadline, replies.next()).await {
            Some(Ok(Some(reply))) => {
                replies.end().await;
                Ok(reply)
            }
            Some(Ok(None)) => Err(Error::no_result(self.gateway(), sent.close())),
            Some(Err(status)) => Err(Error::from_status(status, self.gateway(), sent.close())),
            None => Err(Error::deadline(self.gateway(), sent.close())),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("gateway", &self.gateway())
            .finish_non_exhaustive()
    }
}

/// What `future` gives, none if the time is over before.
pub(crate) async fn within<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}

/// The settings of a [`Client`]. What is not set is taken from the environment, as
/// [`Client::from_env`] tells.
#[derive(Clone, Default)]
pub struct ClientBuilder {
    gateway: Option<String>,
    authorization: Option<String>,
    allow_plaintext_authorization: bool,
    tls: bool,
    ca_file: Option<PathBuf>,
    client_identity: Option<(PathBuf, PathBuf)>,
    connect_timeout: Option<Duration>,
}

impl ClientBuilder {
    /// The gateway: `HOST:PORT`, or `unix:/path`.
    #[must_use]
    pub fn gateway(mut self, gateway: impl Into<String>) -> Self {
        self.gateway = Some(gateway.into());
        self
    }

    /// What a gateway with `--auth=pass-through` hands on to lakeFS, such as
    /// `Bearer …`. It goes with every call. A secret: without TLS it goes only to
    /// a unix socket or a loopback address.
    #[must_use]
    pub fn authorization(mut self, authorization: impl Into<String>) -> Self {
        self.authorization = Some(authorization.into());
        self
    }

    /// Whether to send the authorization without TLS to other addresses, too, as in
    /// a mesh that encrypts. Default: no.
    #[must_use]
    pub fn allow_plaintext_authorization(mut self, allow: bool) -> Self {
        self.allow_plaintext_authorization = allow;
        self
    }

    /// Whether to speak TLS. So it is where one of the files is named. Default: no,
    /// for a gateway beside the caller.
    #[must_use]
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// A PEM file of the authorities to trust, in place of the system's. Read by
    /// [`build`](Self::build).
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// PEM files of the certificate to show the gateway, and of its key. Read by
    /// [`build`](Self::build).
    #[must_use]
    pub fn client_identity(
        mut self,
        certificate_file: impl Into<PathBuf>,
        key_file: impl Into<PathBuf>,
    ) -> Self {
        self.client_identity = Some((certificate_file.into(), key_file.into()));
        self
    }

    /// The most that a call waits for its connection. Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// The client. It connects with its first call.
    ///
    /// Errors: INVALID_REQUEST where the gateway is no address, a file cannot be
    /// read, or the authorization may not be sent to it.
    pub fn build(self) -> Result<Client, Error> {
        let gateway = match self.gateway {
            Some(gateway) => gateway,
            None => variable(GATEWAY_VARIABLE)?.unwrap_or_else(|| DEFAULT_GATEWAY.to_owned()),
        };
        let authorization = match self.authorization {
            Some(authorization) => Some(authorization),
            None => variable(AUTHORIZATION_VARIABLE)?,
        };
        let tls = self.tls || self.ca_file.is_some() || self.client_identity.is_some();
        let host = host_of(&gateway)?;
        let authorization = match authorization {
            Some(text) if !text.is_empty() => Some(authorization_value(&text)?),
            _ => None,
        };
        let private = tls || host.is_none_or(is_loopback) || self.allow_plaintext_authorization;
        if authorization.is_some() && !private {
            return Err(Error::invalid_request(format!(
                "the authorization would go to {gateway} without TLS; use TLS, or set \
                 allow_plaintext_authorization"
            )));
        }
        let address = match gateway.strip_prefix("unix:") {
            Some(path) if host.is_none() => Address::Unix(path.to_owned()),
            _ => Address::Tcp(gateway.clone()),
        };
        let scheme = if tls { "https" } else { "http" };
        let authority = host.map_or("localhost", |_| &gateway);
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))
            .map_err(|error| {
                Error::invalid_request(format!("{gateway:?} cannot be used: {error}"))
            })?
            .executor(Tasks);
        if tls {
            let config = tls_config(self.ca_file.as_deref(), self.client_identity.as_ref())?;
            endpoint = endpoint.tls_config(config).map_err(|error| {
                Error::invalid_request("the TLS files cannot be used").caused_by(error)
            })?;
        }
        Ok(Client {
            inner: Arc::new(Inner {
                connections: Connections::new(gateway, address, endpoint, tls),
                authorization,
                connect_timeout: self.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            }),
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("gateway", &self.gateway)
            .field("tls", &self.tls)
            .field("ca_file", &self.ca_file)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

/// A variable of the environment; empty is as good as none.
fn variable(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Error::invalid_request(format!("{name} is not UTF-8")))
        }
    }
}

/// The host of `gateway`, none of a unix socket.
fn host_of(gateway: &str) -> Result<Option<&str>, Error> {
    if let Some(path) = gateway.strip_prefix("unix:")
        && !path.is_empty()
    {
        return Ok(None);
    }
    match gateway.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty()
                && !host.contains(['/', '@', '?', '#'])
                && port.bytes().all(|digit| digit.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(Some(host))
        }
        _ => Err(Error::invalid_request(format!(
            "{gateway:?} is no gateway address; write HOST:PORT or unix:/path"
        ))),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn authorization_value(text: &str) -> Result<AsciiMetadataValue, Error> {
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match AsciiMetadataValue::try_from(text) {
        Ok(value) if printable => Ok(value),
        _ => Err(Error::invalid_request(
            "the authorization is no line of printable ASCII",
        )),
    }
}

fn tls_config(
    ca_file: Option<&Path>,
    identity: Option<&(PathBuf, PathBuf)>,
) -> Result<ClientTlsConfig, Error> {
    let mut config = ClientTlsConfig::new();
    config = match ca_file {
        Some(file) => config.ca_certificate(Certificate::from_pem(pem(file)?)),
        None if cfg!(feature = "tls-native-roots") => config.with_enabled_roots(),
        None => {
            return Err(Error::invalid_request(
                "TLS needs a ca_file without the feature tls-native-roots",
            ));
        }
    };
    if let Some((certificate, key)) = identity {
        config = config.identity(Identity::from_pem(pem(certificate)?, pem(key)?));
    }
    Ok(config)
}

fn pem(file: &Path) -> Result<Vec<u8>, Error> {
    let wrong = || format!("{} cannot be read, or is empty", file.display());
    match std::fs::read(file) {
        Ok(text) if !text.is_empty() => Ok(text),
        Ok(_) => Err(Error::invalid_request(wrong())),
        Err(error) => Err(Error::invalid_request(wrong()).caused_by(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(gateway: &str) -> Result<Client, Error> {
        Client::builder().gateway(gateway).build()
    }

    #[test]
    fn a_gateway_is_a_host_and_a_port_or_a_socket() {
        for gateway in [
            "localhost:1",
            "[::1]:8765",
            "gateway.example:65535",
            "unix:/run/g.sock",
        ] {
            assert_eq!(build(gateway).unwrap().gateway(), gateway);
        }
        for gateway in [
            "",
            "localhost",
            "localhost:",
            ":1",
            "localhost:0",
            "localhost:65536",
            "localhost:+1",
            "http://localhost:1",
            "unix:",
            "a@b:1",
        ] {
            let error = build(gateway).unwrap_err();
            assert_eq!(error.reason(), "INVALID_REQUEST", "{gateway}");
            assert!(error.message().contains(&format!("{gateway:?}")), "{error}");
        }
    }

    #[test]
    fn an_authorization_goes_without_tls_only_to_loopback() {
        let of = |gateway: &str| {
            Client::builder()
                .gateway(gateway)
                .authorization("Bearer hush")
        };
        for gateway in ["localhost:1", "127.0.0.9:1", "[::1]:1", "unix:/run/g.sock"] {
            assert!(of(gateway).build().is_ok(), "{gateway}");
        }
        let error = of("gateway.example:1").build().unwrap_err();
        assert_eq!(error.reason(), "INVALID_REQUEST");
        assert!(!format!("{error} {error:?}").contains("hush"));
        let allowed = of("gateway.example:1").allow_plaintext_authorization(true);
        assert!(!format!("{allowed:?}").contains("hush"));
        let client = allowed.build().unwrap();
        assert!(!format!("{client:?}").contains("hush"));
        assert!(of("gateway.example:1").tls(true).build().is_ok());
    }

    #[test]
    fn an_authorization_is_a_line_of_printable_ascii() {
        for text in ["a\nb", "a\u{7f}", "ä"] {
            let builder = Client::builder().gateway("localhost:1").authorization(text);
            let error = builder.build().unwrap_err();
            assert_eq!(error.reason(), "INVALID_REQUEST");
            assert!(!error.message().contains(text));
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let builder = Client::builder()
            .gateway("localhost:1")
            .ca_file("/no/such/file");
        let error = builder.build().unwrap_err();
        assert_eq!(error.reason(), "INVALID_REQUEST");
        assert!(error.message().contains("/no/such/file"), "{error}");
    }
}
