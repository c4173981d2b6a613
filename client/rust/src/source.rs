//! Where the bytes of an upload come from.

use std::fmt;
use std::fs::Metadata;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_core::Stream;
use std::future::poll_fn;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeek, AsyncSeekExt as _};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{BoxError, Error};

/// Chunks of 64 KiB cost a third more CPU; those of 4 MiB are no faster.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;

/// Up to here one message is faster than a stream, and costs little memory.
const ONE_MESSAGE_BYTES: u64 = CHUNK_BYTES as u64;

type BoxReader = Pin<Box<dyn AsyncRead + Send>>;
type Opening = Pin<Box<dyn Future<Output = io::Result<BoxReader>> + Send>>;
type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

trait AsyncReadSeek: AsyncRead + AsyncSeek + Send {}
impl<R: AsyncRead + AsyncSeek + Send> AsyncReadSeek for R {}

/// What the bytes of an upload come from.
///
/// Bytes in memory and files (of `std::fs` and of `tokio::fs`) are sources as they
/// are; anything else is made one by a function of this type. A source that can go
/// back, or be opened again, can be repeated; any other only as long as it is of
/// at most 1 MiB.
///
/// The caller's error of a source is kept: it is the
/// [`source`](std::error::Error::source) of the upload's [`Error`].
pub struct Source {
    origin: Origin,
    size: Option<u64>,
}

enum Origin {
    Bytes(Bytes),
    File(std::fs::File),
    TokioFile(tokio::fs::File),
    Blocking(Box<dyn BlockingRead>),
    Reader(BoxReader),
    Seekable(Pin<Box<dyn AsyncReadSeek>>),
    Pieces(Pieces),
    Opener(Box<dyn Fn() -> Opening + Send>),
}

impl Source {
    fn new(origin: Origin) -> Self {
        Self { origin, size: None }
    }

    /// Reads from `reader` to its end, once.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::new(Origin::Reader(Box::pin(reader)))
    }

    /// Reads from where `reader` stands to its end, and goes back where bytes are
    /// needed again. Its size is found by seeking.
    pub fn seekable(reader: impl AsyncRead + AsyncSeek + Send + 'static) -> Self {
        Self::new(Origin::Seekable(Box::pin(reader)))
    }

    /// Takes the pieces of `stream`, of any sizes, once.
    pub fn stream<E: Into<BoxError>>(
        stream: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Self {
        Self::new(Origin::Pieces(Box::pin(MapError(Box::pin(stream)))))
    }

    /// Reads what `open` gives, which is called again, for the same bytes from the
    /// beginning, where they are needed again.
    ///
    /// ```no_run
    /// # use lakefs_staging::Source;
    /// let source = Source::opener(|| tokio::fs::File::open("report.csv"));
    /// ```
    pub fn opener<F, R>(open: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<R>> + Send + 'static,
        R: AsyncRead + Send + 'static,
    {
        Self::new(Origin::Opener(Box::new(move || {
            let opening = open();
            Box::pin(async move { Ok(Box::pin(opening.await?) as BoxReader) })
        })))
    }

    /// Reads from `reader`, which blocks, to its end, once; on a thread for that.
    pub fn blocking_reader(reader: impl Read + Send + 'static) -> Self {
        Self::new(Origin::Blocking(Box::new(Once(reader))))
    }

    /// Reads from where `reader`, which blocks, stands to its end, and goes back
    /// where bytes are needed again; on a thread for that.
    pub fn blocking_seekable(reader: impl Read + Seek + Send + 'static) -> Self {
        Self::new(Origin::Blocking(Box::new(Seekable { reader, begin: 0 })))
    }

    /// Tells the size of the whole in bytes. A source that turns out otherwise is
    /// SIZE_MISMATCH, and nothing of it is linked.
    #[must_use]
    pub fn with_size(mut self, size_bytes: u64) -> Self {
        self.size = Some(size_bytes);
        self
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.origin {
            Origin::Bytes(_) => "bytes",
            Origin::File(_) | Origin::TokioFile(_) => "file",
            Origin::Blocking(_) => "blocking reader",
            Origin::Reader(_) => "reader",
            Origin::Seekable(_) => "seekable",
            Origin::Pieces(_) => "stream",
            Origin::Opener(_) => "opener",
        };
        f.debug_struct("Source")
            .field("kind", &kind)
            .field("size", &self.size)
            .finish()
    }
}

macro_rules! source_from_bytes {
    ($($bytes:ty),*) => {$(
        impl From<$bytes> for Source {
            fn from(bytes: $bytes) -> Self {
                Self::new(Origin::Bytes(bytes.into()))
            }
        }
    )*};
}

source_from_bytes!(
    Bytes,
    BytesMut,
    Vec<u8>,
    String,
    &'static [u8],
    &'static str
);

impl<const N: usize> From<&'static [u8; N]> for Source {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self::new(Origin::Bytes(Bytes::from_static(bytes)))
    }
}

/// From where it stands to its end. It must stay as it is until the upload is over.
impl From<std::fs::File> for Source {
    fn from(file: std::fs::File) -> Self {
        Self::new(Origin::File(file))
    }
}

/// From where it stands to its end. It must stay as it is until the upload is over.
impl From<tokio::fs::File> for Source {
    fn from(file: tokio::fs::File) -> Self {
        Self::new(Origin::TokioFile(file))
    }
}

struct MapError<S>(Pin<Box<S>>);

impl<E: Into<BoxError>, S: Stream<Item = Result<Bytes, E>>> Stream for MapError<S> {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0
            .as_mut()
            .poll_next(cx)
            .map(|next| next.map(|piece| piece.map_err(Into::into)))
    }
}

/// A source that blocks, used on a thread that may.
trait BlockingRead: Send {
    /// Before anything is read: the size, if it is known, and whether `seek` works.
    fn open(&mut self) -> io::Result<(Option<u64>, bool)>;
    /// Up to `max` bytes; fewer only at the end.
    fn read(&mut self, max: usize) -> io::Result<Vec<u8>>;
    /// The next byte is the one at `offset` from where it was opened.
    fn seek(&mut self, offset: u64) -> io::Result<()>;
    /// Whether it is what it was when it was opened.
    fn unchanged(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

fn read_up_to(reader: &mut impl Read, max: usize) -> io::Result<Vec<u8>> {
    let mut data = Vec::with_capacity(max);
    reader.take(max as u64).read_to_end(&mut data)?;
    Ok(data)
}

struct Once<R>(R);

impl<R: Read + Send> BlockingRead for Once<R> {
    fn open(&mut self) -> io::Result<(Option<u64>, bool)> {
        Ok((None, false))
    }

    fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        read_up_to(&mut self.0, max)
    }

    fn seek(&mut self, _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct Seekable<R> {
    reader: R,
    begin: u64,
}

impl<R: Read + Seek + Send> BlockingRead for Seekable<R> {
    fn open(&mut self) -> io::Result<(Option<u64>, bool)> {
        self.begin = self.reader.stream_position()?;
        let end = self.reader.seek(SeekFrom::End(0))?;
        self.reader.seek(SeekFrom::Start(self.begin))?;
        Ok((Some(end.saturating_sub(self.begin)), true))
    }

    fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        read_up_to(&mut self.reader, max)
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(self.begin + offset))?;
        Ok(())
    }
}

/// A regular file has a size and must stay as it is; anything else (a pipe, a
/// device, what /proc shows as empty and is not) is read to its end, once.
struct File {
    file: std::fs::File,
    begin: u64,
    opened: Option<(u64, Option<SystemTime>)>,
}

fn stamp(metadata: &Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

impl BlockingRead for File {
    fn open(&mut self) -> io::Result<(Option<u64>, bool)> {
        let metadata = self.file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() || metadata.len() == 0 {
            return Ok((None, false));
        }
        self.begin = self.file.stream_position()?;
        self.opened = Some(stamp(&metadata));
        Ok((Some(metadata.len().saturating_sub(self.begin)), true))
    }

    fn read(&mut self, max: usize) -> io::Result<Vec<u8>> {
        read_up_to(&mut self.file, max)
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.begin + offset))?;
        Ok(())
    }

    fn unchanged(&mut self) -> io::Result<bool> {
        match self.opened {
            Some(opened) => Ok(stamp(&self.file.metadata()?) == opened),
            None => Ok(true),
        }
    }
}

/// A blocking source and what it is doing. A read that nobody waits for any more
/// goes on to its end, and is thrown away before the next one.
enum Blocking {
    Idle(Box<dyn BlockingRead>),
    Busy(JoinHandle<Done>),
    Gone,
}

type Done = (Box<dyn BlockingRead>, io::Result<Answer>);

enum Answer {
    Opened(Option<u64>, bool),
    Data(Vec<u8>),
    Sought,
    Unchanged(bool),
}

impl Blocking {
    /// Can be dropped and called again with the same `work`.
    async fn run(
        &mut self,
        work: impl FnOnce(&mut dyn BlockingRead) -> io::Result<Answer> + Send + 'static,
    ) -> io::Result<Answer> {
        if let Self::Idle(_) = self
            && let Self::Idle(mut reader) = std::mem::replace(self, Self::Gone)
        {
            *self = Self::Busy(spawn_blocking(move || {
                let answer = work(&mut *reader);
                (reader, answer)
            }));
        }
        let Self::Busy(task) = self else {
            return Err(io::Error::other("the source is gone"));
        };
        let done = task.await;
        *self = Self::Gone;
        match done {
            Ok((reader, answer)) => {
                *self = Self::Idle(reader);
                answer
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => Err(io::Error::other(error)),
            },
        }
    }

    /// Waits for what nobody waits for any more.
    async fn rest(&mut self) {
        if let Self::Busy(_) = self {
            let _ = self.run(|_| Ok(Answer::Sought)).await;
        }
    }
}

/// A source that is being read.
pub(crate) struct SourceReader {
    kind: Kind,
    size: Option<u64>,
    can_seek: bool,
    is_file: bool,
    offset: u64,
    /// Read and not given yet: what was looked at.
    looked_at: Vec<Bytes>,
    /// A chunk that is not full yet.
    partial: BytesMut,
    ended: bool,
}

enum Kind {
    Bytes(Bytes),
    Blocking(Blocking),
    Reader(BoxReader),
    Seekable(Pin<Box<dyn AsyncReadSeek>>, u64),
    Pieces(Pieces, Bytes),
    Opener {
        open: Box<dyn Fn() -> Opening + Send>,
        current: Option<BoxReader>,
        to_skip: u64,
    },
}

impl SourceReader {
    /// Opens `source` and looks at it: one that has at most 1 MiB is taken whole.
    pub(crate) async fn open(source: Source) -> Result<Self, Error> {
        let told_size = source.size;
        let mut reader = Self::start(source).await.map_err(Error::source_failed)?;
        if told_size.is_some() {
            reader.is_file &= reader.size == told_size;
            reader.size = told_size;
        }
        reader.look().await?;
        Ok(reader)
    }

    async fn start(source: Source) -> io::Result<Self> {
        let (kind, size, can_seek, is_file) = match source.origin {
            Origin::Bytes(bytes) => {
                let size = bytes.len() as u64;
                (Kind::Bytes(bytes), Some(size), true, false)
            }
            Origin::File(file) => Self::start_file(file).await?,
            Origin::TokioFile(file) => Self::start_file(file.into_std().await).await?,
            Origin::Blocking(reader) => {
                let (kind, size, can_seek) = Self::start_blocking(reader).await?;
                (kind, size, can_seek, false)
            }
            Origin::Reader(reader) => (Kind::Reader(reader), None, false, false),
            Origin::Seekable(mut reader) => {
                let begin = reader.stream_position().await?;
                let end = reader.seek(SeekFrom::End(0)).await?;
                reader.seek(SeekFrom::Start(begin)).await?;
                let size = end.saturating_sub(begin);
                (Kind::Seekable(reader, begin), Some(size), true, false)
            }
            Origin::Pieces(pieces) => (Kind::Pieces(pieces, Bytes::new()), None, false, false),
            Origin::Opener(open) => {
                let kind = Kind::Opener {
                    open,
                    current: None,
                    to_skip: 0,
                };
                (kind, None, true, false)
            }
        };
        Ok(Self {
            kind,
            size,
            can_seek,
            is_file,
            offset: 0,
            looked_at: Vec::new(),
            partial: BytesMut::new(),
            ended: false,
        })
    }

    async fn start_file(file: std::fs::File) -> io::Result<(Kind, Option<u64>, bool, bool)> {
        let file = File {
            file,
            begin: 0,
            opened: None,
        };
        let (kind, size, can_seek) = Self::start_blocking(Box::new(file)).await?;
        Ok((kind, size, can_seek, can_seek))
    }

    async fn start_blocking(
        reader: Box<dyn BlockingRead>,
    ) -> io::Result<(Kind, Option<u64>, bool)> {
        let mut blocking = Blocking::Idle(reader);
        let opened = blocking
            .run(|reader| {
                let (size, can_seek) = reader.open()?;
                Ok(Answer::Opened(size, can_seek))
            })
            .await?;
        match opened {
            Answer::Opened(size, can_seek) => Ok((Kind::Blocking(blocking), size, can_seek)),
            _ => Err(io::Error::other("the source was not opened")),
        }
    }

    /// The whole, if it fits into one message.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        match &self.kind {
            Kind::Bytes(bytes) if bytes.len() as u64 <= ONE_MESSAGE_BYTES => Some(bytes),
            _ => None,
        }
    }

    /// Size of the whole in bytes, if it is known before it is read.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Whether the same bytes can be read again, from any offset.
    pub(crate) fn can_seek(&self) -> bool {
        self.can_seek
    }

    async fn look(&mut self) -> Result<(), Error> {
        if self.size.is_some_and(|size| size > ONE_MESSAGE_BYTES) {
            return Ok(());
        }
        let first = self.read().await?;
        let next = if first.len() < CHUNK_BYTES {
            // A told size has to be met also by what is as short as this.
            Bytes::new()
        } else {
            self.read().await?
        };
        if next.is_empty() {
            self.check_end(first.len() as u64)?;
            self.size = Some(first.len() as u64);
            self.kind = Kind::Bytes(first);
            self.can_seek = true;
            self.is_file = false;
            self.partial = BytesMut::new();
            self.ended = false;
        } else {
            self.looked_at = vec![next, first];
        }
        self.offset = 0;
        Ok(())
    }

    fn check_end(&self, end: u64) -> Result<(), Error> {
        match self.size {
            Some(size) if size != end && self.is_file => Err(Self::changed()),
            Some(size) if size != end => Err(Error::size_mismatch(format!(
                "the source ends after {end} of {size} bytes"
            ))),
            _ => Ok(()),
        }
    }

    fn changed() -> Error {
        Error::source_changed("the file was changed while it was read")
    }

    /// The next chunk, of 1 MiB; a shorter one only at the end, an empty one
    /// behind it. After one that was dropped, only `seek` or `restart` will do.
    ///
    /// Errors: the source's own; SIZE_MISMATCH, SOURCE_CHANGED.
    pub(crate) async fn read(&mut self) -> Result<Bytes, Error> {
        let data = match self.looked_at.pop() {
            Some(data) => data,
            None => self.fill().await.map_err(Error::source_failed)?,
        };
        let end = self.offset + data.len() as u64;
        if let Some(size) = self.size
            && end > size
        {
            return Err(Error::size_mismatch(format!(
                "the source goes on after its {size} bytes"
            )));
        }
        if data.is_empty() {
            self.check_end(end)?;
        }
        if self.is_file && self.size == Some(end) {
            self.check_unchanged().await?;
        }
        self.offset = end;
        Ok(data)
    }

    async fn check_unchanged(&mut self) -> Result<(), Error> {
        let Kind::Blocking(blocking) = &mut self.kind else {
            return Ok(());
        };
        let unchanged = blocking
            .run(|reader| Ok(Answer::Unchanged(reader.unchanged()?)))
            .await;
        match unchanged {
            Ok(Answer::Unchanged(false)) => Err(Self::changed()),
            Ok(_) => Ok(()),
            Err(error) => Err(Error::source_failed(error)),
        }
    }

    /// Gives `rest`, the end of the chunk that was read last, once more.
    pub(crate) fn put_back(&mut self, rest: Bytes) {
        self.offset -= rest.len() as u64;
        self.looked_at.push(rest);
    }

    /// Makes the next chunk the first one, of a file as it is now.
    pub(crate) async fn restart(&mut self) -> Result<(), Error> {
        self.seek(0).await?;
        if let (true, Kind::Blocking(blocking)) = (self.is_file, &mut self.kind) {
            let opened = blocking
                .run(|reader| Ok(Answer::Opened(reader.open()?.0, true)))
                .await
                .map_err(Error::source_failed)?;
            // The size was told to the gateway; it belongs to the request.
            if !matches!(opened, Answer::Opened(size, _) if size == self.size) {
                return Err(Self::changed());
            }
        }
        Ok(())
    }

    /// Makes the next chunk begin at `offset`. Only if `can_seek`.
    pub(crate) async fn seek(&mut self, offset: u64) -> Result<(), Error> {
        self.looked_at.clear();
        self.partial.clear();
        self.ended = false;
        let sought = match &mut self.kind {
            Kind::Bytes(_) => Ok(()),
            Kind::Blocking(blocking) => {
                blocking.rest().await;
                blocking
                    .run(move |reader| {
                        reader.seek(offset)?;
                        Ok(Answer::Sought)
                    })
                    .await
                    .map(|_| ())
            }
            Kind::Seekable(reader, begin) => reader
                .seek(SeekFrom::Start(*begin + offset))
                .await
                .map(|_| ()),
            Kind::Opener {
                current, to_skip, ..
            } => {
                *current = None;
                *to_skip = offset;
                Ok(())
            }
            Kind::Reader(_) | Kind::Pieces(..) => Err(io::ErrorKind::Unsupported.into()),
        };
        sought.map_err(Error::source_failed)?;
        self.offset = offset;
        Ok(())
    }

    /// Up to a chunk, wherever it comes from; no more of a file than its size.
    async fn fill(&mut self) -> Result<Bytes, BoxError> {
        let mut max = CHUNK_BYTES;
        if let (true, Some(size)) = (self.is_file, self.size) {
            max = max.min(usize::try_from(size - self.offset).unwrap_or(max));
        }
        if self.ended || max == 0 {
            return Ok(Bytes::new());
        }
        let partial = &mut self.partial;
        match &mut self.kind {
            Kind::Bytes(bytes) => {
                let begin = usize::try_from(self.offset)?.min(bytes.len());
                Ok(bytes.slice(begin..bytes.len().min(begin + max)))
            }
            Kind::Blocking(blocking) => {
                let data = blocking
                    .run(move |reader| Ok(Answer::Data(reader.read(max)?)))
                    .await?;
                match data {
                    Answer::Data(data) => {
                        self.ended = data.len() < max;
                        Ok(data.into())
                    }
                    _ => Err("the source was not read".into()),
                }
            }
            Kind::Reader(reader) => Ok(fill_from(reader, partial, max, &mut self.ended).await?),
            Kind::Seekable(reader, _) => {
                Ok(fill_from(reader, partial, max, &mut self.ended).await?)
            }
            Kind::Opener {
                open,
                current,
                to_skip,
            } => {
                if current.is_none() {
                    *current = Some(open().await?);
                }
                let Some(reader) = current else {
                    return Ok(Bytes::new());
                };
                while *to_skip > 0 && !self.ended {
                    let most = usize::try_from(*to_skip).unwrap_or(max).min(max);
                    let skipped = fill_from(reader, partial, most, &mut self.ended).await?;
                    *to_skip -= skipped.len() as u64;
                }
                if self.ended {
                    return Ok(Bytes::new());
                }
                Ok(fill_from(reader, partial, max, &mut self.ended).await?)
            }
            Kind::Pieces(pieces, left) => {
                while partial.len() < max {
                    if left.is_empty() {
                        match poll_fn(|cx| pieces.as_mut().poll_next(cx)).await {
                            Some(piece) => *left = piece?,
                            None => {
                                self.ended = true;
                                break;
                            }
                        }
                        continue;
                    }
                    let room = max - partial.len();
                    let piece = left.split_to(room.min(left.len()));
                    if piece.len() == max {
                        return Ok(piece);
                    }
                    partial.extend_from_slice(&piece);
                }
                Ok(partial.split().freeze())
            }
        }
    }
}

/// Reads until `partial` has `max` bytes, or to the end. What has been read when
/// it is dropped stays in `partial`.
async fn fill_from<R: AsyncRead + ?Sized>(
    reader: &mut Pin<Box<R>>,
    partial: &mut BytesMut,
    max: usize,
    ended: &mut bool,
) -> io::Result<Bytes> {
    partial.reserve(max.saturating_sub(partial.len()));
    while partial.len() < max && !*ended {
        let room = max - partial.len();
        *ended = reader.read_buf(&mut (&mut *partial).limit(room)).await? == 0;
    }
    Ok(partial.split().freeze())
}
