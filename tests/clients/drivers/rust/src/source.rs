//! The sources of tests/clients/DRIVERS.md.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{error, fmt};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use lakefs_staging::Source;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncWriteExt, ReadBuf};
use tokio::time::Sleep;

const BLOCK: u64 = 65536;

/// The driver's own error, by which it knows it again.
#[derive(Debug)]
pub struct Own;

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the driver's own error")
    }
}

impl error::Error for Own {}

#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Value>>>);

impl Events {
    pub fn add(&self, event: Value) {
        self.0.lock().unwrap().push(event);
    }

    pub fn take(&self) -> Value {
        Value::Array(std::mem::take(&mut self.0.lock().unwrap()))
    }
}

/// The bytes of a source, and what befalls who reads them.
#[derive(Clone)]
pub struct Plan {
    size: u64,
    seed: u32,
    second: Option<u32>,
    piece: Option<usize>,
    fail_at: Option<u64>,
    block_at: Option<u64>,
    delay: Option<Duration>,
    told_size: Option<u64>,
    kind: String,
    file: Option<String>,
    events: Events,
}

impl Plan {
    pub fn new(source: &Value, events: &Events) -> Self {
        let number = |name: &str| source[name].as_u64();
        let seed = |name: &str| number(name).map(|seed| seed as u32);
        Self {
            size: number("size").unwrap_or(0),
            seed: seed("seed").unwrap_or(1),
            second: seed("second"),
            piece: number("piece").map(|piece| piece as usize),
            fail_at: number("fail_at"),
            block_at: number("block_at"),
            delay: source["delay"].as_f64().map(Duration::from_secs_f64),
            told_size: number("told_size"),
            kind: source["kind"].as_str().unwrap_or("bytes").to_owned(),
            file: source["file"].as_str().map(str::to_owned),
            events: events.clone(),
        }
    }

    pub fn content(&self) -> Vec<u8> {
        let block = make_block(self.seed);
        let mut data = vec![0; self.size as usize];
        for (index, part) in data.chunks_mut(BLOCK as usize).enumerate() {
            part.copy_from_slice(&block[..part.len()]);
            let number = (index as u64).to_le_bytes();
            let marked = part.len().min(8);
            part[..marked].copy_from_slice(&number[..marked]);
        }
        data
    }

    pub fn reader(&self, seed: u32) -> Reader {
        Reader {
            plan: self.clone(),
            block: make_block(seed),
            at: 0,
            sleep: None,
            has_read: false,
            tells_end: false,
        }
    }

    pub fn first_reader(&self) -> Reader {
        self.reader(self.seed)
    }

    /// The pieces of a generator.
    pub fn pieces(&self) -> impl Stream<Item = Result<Bytes, Own>> + Send + 'static {
        let most = self.piece.unwrap_or(BLOCK as usize);
        stream::unfold(Some(self.first_reader()), move |reader| async move {
            let mut reader = reader?;
            let mut piece = vec![0; most];
            match reader.read(&mut piece).await {
                Ok(0) => None,
                Ok(size) => {
                    piece.truncate(size);
                    Some((Ok(piece.into()), Some(reader)))
                }
                Err(_) => Some((Err(Own), None)),
            }
        })
    }

    pub async fn source(&self) -> io::Result<Source> {
        let source = match self.kind.as_str() {
            "bytes" => Source::from(self.content()),
            "file" => Source::from(self.open_file().await?),
            "seekable" => Source::seekable(self.first_reader()),
            "opener" => {
                let plan = self.clone();
                let opened = AtomicU64::new(0);
                Source::opener(move || {
                    let number = opened.fetch_add(1, Ordering::Relaxed) + 1;
                    plan.events.add(json!({"opened": number}));
                    let seed = match plan.second {
                        Some(second) if number > 1 => second,
                        _ => plan.seed,
                    };
                    let mut reader = plan.reader(seed);
                    reader.tells_end = true;
                    async move { Ok(reader) }
                })
            }
            "stream" => Source::reader(self.first_reader()),
            "generator" => Source::stream(self.pieces().boxed()),
            kind => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    format!("no source of kind {kind}"),
                ));
            }
        };
        Ok(match self.told_size {
            Some(size) => source.with_size(size),
            None => source,
        })
    }

    async fn open_file(&self) -> io::Result<tokio::fs::File> {
        if let Some(name) = &self.file {
            return tokio::fs::File::open(name).await;
        }
        let mut file = tokio::fs::File::from_std(tempfile::tempfile()?);
        file.write_all(&self.content()).await?;
        file.flush().await?;
        tokio::io::AsyncSeekExt::rewind(&mut file).await?;
        Ok(file)
    }
}

fn make_block(seed: u32) -> Vec<u8> {
    let mut x = seed;
    let mut block = Vec::with_capacity(BLOCK as usize);
    while block.len() < BLOCK as usize {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        block.extend_from_slice(&x.to_le_bytes());
    }
    block
}

pub struct Reader {
    plan: Plan,
    block: Vec<u8>,
    at: u64,
    sleep: Option<Pin<Box<Sleep>>>,
    has_read: bool,
    tells_end: bool,
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.tells_end {
            self.plan.events.add(json!({"closed": true}));
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(delay) = this.plan.delay {
            let sleep = this
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(delay)));
            std::task::ready!(sleep.as_mut().poll(cx));
            this.sleep = None;
        }
        this.has_read = true;
        if this.plan.fail_at == Some(this.at) {
            return Poll::Ready(Err(io::Error::other(Own)));
        }
        if this.plan.block_at == Some(this.at) {
            return Poll::Pending;
        }
        let mut end = this.plan.size;
        for limit in [this.plan.fail_at, this.plan.block_at]
            .into_iter()
            .flatten()
        {
            if limit > this.at {
                end = end.min(limit);
            }
        }
        let most = this
            .plan
            .piece
            .unwrap_or(usize::MAX)
            .min(buffer.remaining());
        let mut left = (end - this.at.min(end)).min(most as u64);
        while left > 0 {
            let (number, within) = (this.at / BLOCK, this.at % BLOCK);
            let take = left.min(if within < 8 {
                8 - within
            } else {
                BLOCK - within
            });
            let range = within as usize..(within + take) as usize;
            if within < 8 {
                buffer.put_slice(&number.to_le_bytes()[range]);
            } else {
                buffer.put_slice(&this.block[range]);
            }
            this.at += take;
            left -= take;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for Reader {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let to = match position {
            SeekFrom::Start(to) => to as i64,
            SeekFrom::End(by) => self.plan.size as i64 + by,
            SeekFrom::Current(by) => self.at as i64 + by,
        };
        let to = u64::try_from(to).map_err(|_| io::ErrorKind::InvalidInput)?;
        if self.has_read {
            self.plan.events.add(json!({"sought": to}));
            if let Some(second) = self.plan.second {
                self.block = make_block(second);
            }
        }
        self.at = to;
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.at))
    }
}
