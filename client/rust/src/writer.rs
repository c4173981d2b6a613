//! The other way round: the caller writes, and commits at the end.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::PollSender;

use crate::client::Client;
use crate::error::{BoxError, Error};
use crate::model::UploadResult;
use crate::options::UploadOptions;
use crate::source::{CHUNK_BYTES, Source};
use crate::target::Target;

/// Writes an object, which is linked by [`commit`](Writer::commit) and by nothing
/// else; a writer that is dropped cancels its upload, and nothing is linked.
///
/// ```no_run
/// # async fn example(client: lakefs_staging::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use tokio::io::AsyncWriteExt;
///
/// let mut out = client.writer("lakefs://repo/main/big.csv")?;
/// out.write_all(b"id,name\n").await?;
/// let result = out.commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// [`shutdown`](tokio::io::AsyncWriteExt::shutdown) commits, too, for those who
/// take an [`AsyncWrite`] and know no commit; the result is then given by
/// `commit`, however often either is called. `flush` does nothing: bytes go in
/// chunks of 1 MiB.
///
/// The first 1 MiB is held, so that an object which ends there is repeated where
/// that helps. A larger one cannot be; what is not known of it is asked for.
///
/// Errors: one of the upload is met by the next write, as the inner error of a
/// [`std::io::Error`], and by `commit`.
pub struct Writer {
    state: State,
    buffer: BytesMut,
}

enum State {
    /// Nothing was written yet.
    New(Box<(Client, Target, UploadOptions)>),
    Running {
        pieces: PollSender<Piece>,
        upload: JoinHandle<Result<UploadResult, Error>>,
        committed: bool,
    },
    Ended {
        result: Result<UploadResult, Error>,
        committed: bool,
    },
}

enum Piece {
    Data(Bytes),
    End,
}

/// The pieces as a source. Its end is told; a writer that is gone is no end.
struct Pieces(mpsc::Receiver<Piece>);

impl Stream for Pieces {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|piece| match piece {
            Some(Piece::Data(data)) => Some(Ok(data)),
            Some(Piece::End) => None,
            None => Some(Err("the writer was dropped".into())),
        })
    }
}

impl Writer {
    pub(crate) fn new(client: Client, target: Target, options: UploadOptions) -> Self {
        Self {
            state: State::New(Box::new((client, target, options))),
            buffer: BytesMut::new(),
        }
    }

    /// Sends what is left, links the object, and waits until its outcome is known.
    ///
    /// Errors: as of [`Client::upload_with`].
    pub async fn commit(mut self) -> Result<UploadResult, Error> {
        poll_fn(|cx| self.poll_commit(cx)).await
    }

    fn poll_commit(&mut self, cx: &mut Context<'_>) -> Poll<Result<UploadResult, Error>> {
        self.start();
        loop {
            match &mut self.state {
                State::Running {
                    pieces, committed, ..
                } if !*committed => {
                    if ready!(pieces.poll_reserve(cx)).is_err() {
                        ready!(self.poll_end(cx));
                    } else if self.buffer.is_empty() {
                        *committed = true;
                        let _ = pieces.send_item(Piece::End);
                    } else {
                        let _ = pieces.send_item(Piece::Data(self.buffer.split().freeze()));
                    }
                }
                State::Running { .. } => ready!(self.poll_end(cx)),
                State::Ended { result, committed } => {
                    *committed = true;
                    return Poll::Ready(result.clone());
                }
                State::New(_) => unreachable!("it was started"),
            }
        }
    }

    fn start(&mut self) {
        if let State::New(settings) = &self.state {
            let (client, target, options) = (**settings).clone();
            let (pieces, from_writer) = mpsc::channel(1);
            let source = Source::stream(Pieces(from_writer));
            let upload =
                tokio::spawn(async move { client.upload_with(source, target, options).await });
            self.state = State::Running {
                pieces: PollSender::new(pieces),
                upload,
                committed: false,
            };
        }
    }

    /// Waits for the end of the upload.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Running {
            upload, committed, ..
        } = &mut self.state
        {
            let result = ready!(Pin::new(upload).poll(cx)).unwrap_or_else(panicked_or_stopped);
            self.buffer = BytesMut::new();
            self.state = State::Ended {
                committed: *committed,
                result,
            };
        }
        Poll::Ready(())
    }
}

fn panicked_or_stopped(error: JoinError) -> Result<UploadResult, Error> {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(error) => Err(Error::new(
            tonic::Code::Cancelled,
            "CANCELLED",
            "the runtime of the writer was shut down",
        )
        .outcome_is(crate::Outcome::Unknown)
        .caused_by(error)),
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        this.start();
        loop {
            match &mut this.state {
                State::Running {
                    pieces,
                    committed: false,
                    ..
                } => {
                    if ready!(pieces.poll_reserve(cx)).is_err() {
                        ready!(this.poll_end(cx));
                        continue;
                    }
                    let room = CHUNK_BYTES - this.buffer.len();
                    let taken = room.min(data.len());
                    this.buffer.extend_from_slice(&data[..taken]);
                    if this.buffer.len() == CHUNK_BYTES {
                        let _ = pieces.send_item(Piece::Data(this.buffer.split().freeze()));
                    }
                    return Poll::Ready(Ok(taken));
                }
                State::Ended {
                    result: Err(error), ..
                } => return Poll::Ready(Err(error.clone().into())),
                // An earlier call with the same request_id has linked the object.
                State::Ended {
                    committed: false, ..
                } => return Poll::Ready(Ok(data.len())),
                _ => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::BrokenPipe,
                        "the writer was committed",
                    )));
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_commit(cx).map(|result| match result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let State::Running { upload, .. } = &self.state {
            upload.abort();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::New(_) => "new",
            State::Running { .. } => "running",
            State::Ended { .. } => "ended",
        };
        f.debug_struct("Writer").field("state", &state).finish()
    }
}
