//! The connection to a gateway: made once for all calls, and anew when it is lost.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};

use crate::error::{BoxError, Error};

/// How often somebody is looked for where nobody is yet.
const FIRST_INTERVAL: Duration = Duration::from_millis(20);
const LONGEST_INTERVAL: Duration = Duration::from_millis(500);

/// The type of the frame that a server of HTTP/2 begins with, and its place.
const SETTINGS: u8 = 4;
const FRAME_TYPE_AT: usize = 3;

/// Where a gateway listens.
#[derive(Clone)]
pub(crate) enum Address {
    /// `HOST:PORT`.
    Tcp(String),
    /// The path of a socket.
    Unix(String),
}

/// The connection of all calls of a client.
pub(crate) struct Connections {
    gateway: String,
    address: Address,
    endpoint: Endpoint,
    is_tls: bool,
    current: Mutex<Option<Connection>>,
}

struct Connection {
    channel: Channel,
    life: watch::Receiver<Life>,
}

#[derive(Clone, Copy, PartialEq)]
enum Life {
    /// The other side has not said anything yet.
    Silent,
    Speaks,
    /// What it says is no HTTP/2.
    Foreign,
    Ended,
}

impl Connections {
    pub(crate) fn new(gateway: String, address: Address, endpoint: Endpoint, is_tls: bool) -> Self {
        Self {
            gateway,
            address,
            endpoint,
            is_tls,
            current: Mutex::new(None),
        }
    }

    pub(crate) fn gateway(&self) -> &str {
        &self.gateway
    }

    /// A channel that is connected. Where nobody listens, somebody is waited for.
    ///
    /// Errors: GATEWAY_UNREACHABLE, with what the system says of it.
    pub(crate) async fn get(&self, until: Instant) -> Result<Channel, Error> {
        let why = StdMutex::new(None);
        match timeout_at(until, self.get_at_last(&why)).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(Error::unreachable(&self.gateway, Some(error))),
            Err(_) => {
                let why = why.into_inner().unwrap_or_else(PoisonError::into_inner);
                Err(Error::unreachable(&self.gateway, why))
            }
        }
    }

    async fn get_at_last(&self, why: &StdMutex<Option<BoxError>>) -> Result<Channel, BoxError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &*current
            && *connection.life.borrow() == Life::Speaks
        {
            return Ok(connection.channel.clone());
        }
        *current = None;
        let mut interval = FIRST_INTERVAL;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    let channel = connection.channel.clone();
                    *current = Some(connection);
                    return Ok(channel);
                }
                Err(error) if nobody_is_there(&*error) => {
                    *why.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                Err(error) => return Err(error),
            }
            sleep(interval).await;
            interval = (interval * 2).min(LONGEST_INTERVAL);
        }
    }

    /// One attempt, over when the other side has shown that it speaks HTTP/2: what
    /// breaks later is a connection that was lost.
    async fn connect(&self) -> Result<Connection, BoxError> {
        let (tell_life, mut life) = watch::channel(Life::Silent);
        let connector = Connector {
            address: self.address.clone(),
            life: Arc::new(tell_life),
            is_tls: self.is_tls,
        };
        let spoken = connector.life.clone();
        let channel = self.endpoint.connect_with_connector(connector).await?;
        if self.is_tls {
            // Whoever has shown a certificate is there.
            spoken.send_if_modified(|life| {
                let silent = *life == Life::Silent;
                if silent {
                    *life = Life::Speaks;
                }
                silent
            });
        }
        match *life.wait_for(|life| *life != Life::Silent).await? {
            Life::Speaks => {}
            Life::Foreign => return Err("what answers does not speak HTTP/2".into()),
            _ => return Err("the connection was closed at once".into()),
        }
        Ok(Connection { channel, life })
    }
}

fn nobody_is_there(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::NotFound
                    | io::ErrorKind::AddrNotAvailable
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::TimedOut
            );
        }
        next = error.source();
    }
    false
}

struct Connector {
    address: Address,
    life: Arc<watch::Sender<Life>>,
    is_tls: bool,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Watched>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let address = self.address.clone();
        let life = self.life.clone();
        let is_tls = self.is_tls;
        Box::pin(async move {
            Ok(TokioIo::new(Watched {
                stream: connect_stream(&address).await?,
                life,
                looks: !is_tls,
            }))
        })
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Duplex for S {}
type BoxStream = Pin<Box<dyn Duplex>>;

async fn connect_stream(address: &Address) -> io::Result<BoxStream> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::pin(stream))
        }
        #[cfg(unix)]
        Address::Unix(path) => Ok(Box::pin(tokio::net::UnixStream::connect(path).await?)),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// A stream that tells of its life.
struct Watched {
    stream: BoxStream,
    life: Arc<watch::Sender<Life>>,
    /// Whether the next bytes are the first, and not sealed.
    looks: bool,
}

impl Watched {
    fn look_at(&mut self, first: &[u8]) {
        let Some(frame_type) = first.get(FRAME_TYPE_AT) else {
            return; // the next bytes tell
        };
        self.looks = false;
        self.life.send_replace(if *frame_type == SETTINGS {
            Life::Speaks
        } else {
            Life::Foreign
        });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.life.send_if_modified(|life| {
            let was_foreign = *life == Life::Foreign;
            if !was_foreign {
                *life = Life::Ended;
            }
            !was_foreign
        });
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = std::task::ready!(this.stream.as_mut().poll_read(cx, buffer));
        if read.is_err() || buffer.filled().len() == before && buffer.remaining() > 0 {
            this.life.send_if_modified(|life| {
                let spoke = *life == Life::Speaks;
                if spoke {
                    *life = Life::Ended;
                }
                spoke
            });
        } else if this.looks {
            this.look_at(&buffer.filled()[before..]);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }
}
