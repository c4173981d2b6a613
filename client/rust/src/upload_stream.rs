//! One UploadAndLink, from the header to the result.

use std::future::pending;

use bytes::Bytes;
use tokio::sync::watch;

use crate::call::{Call, Replies, Requests, Sent, UploadAndLink};
use crate::client::Client;
use crate::error::Error;
use crate::model::{Advice, Checkpoint};
use crate::options::OnCheckpoint;
use crate::progress::ProgressMeter;
use crate::proto::v1;
use crate::proto::v1::upload_and_link_request::Message as Part;
use crate::proto::v1::upload_and_link_response::Message as Reply;
use crate::source::SourceReader;

/// What an attempt takes beside the source.
pub(crate) struct UploadStream<'a> {
    pub(crate) client: &'a Client,
    pub(crate) header: v1::UploadHeader,
    /// SHA-256 and MD5 of the whole, if they are known.
    pub(crate) digests: (Option<Bytes>, Option<Bytes>),
    pub(crate) checkpoint: Option<&'a OnCheckpoint>,
    pub(crate) meter: &'a ProgressMeter,
    pub(crate) deadline: Option<tokio::time::Instant>,
}

impl UploadStream<'_> {
    /// `token` is left with that of the newest checkpoint.
    pub(crate) async fn run(
        self,
        reader: &mut SourceReader,
        token: &mut Bytes,
    ) -> Result<v1::UploadResult, Error> {
        let Call {
            requests,
            mut replies,
            sent,
            ..
        } = self.client.call::<UploadAndLink>(self.deadline).await?;
        let (rewinds, rewound) = watch::channel(None);
        let mut sender = Sender {
            stream: &self,
            reader,
            requests: Some(requests),
            sent: sent.clone(),
            rewound,
            waits_for_start: !self.header.resume_token.is_empty(),
            offset: 0,
            hashed_bytes: 0,
            crc32c: 0,
        };
        let result = tokio::select! {
            biased;
            result = self.receive(&mut replies, &rewinds, &sent, token) => result,
            error = sender.send() => Err(error),
            () = sleep_until(self.deadline) => {
                Err(Error::deadline(self.client.gateway(), sent.close()))
            }
        };
        if result.is_ok() {
            // Who can rewind kept the sending side open until now.
            if let Some(requests) = sender.requests.take() {
                requests.half_close();
            }
            replies.end().await;
        }
        result
    }

    async fn receive(
        &self,
        replies: &mut Replies<UploadAndLink>,
        rewinds: &watch::Sender<Option<i64>>,
        sent: &Sent,
        token: &mut Bytes,
    ) -> Result<v1::UploadResult, Error> {
        let gateway = self.client.gateway();
        loop {
            let reply = match replies.next().await {
                Ok(Some(reply)) => reply,
                Ok(None) => return Err(Error::no_result(gateway, sent.close())),
                Err(status) => return Err(Error::from_status(status, gateway, sent.close())),
            };
            match reply.message {
                Some(Reply::Result(result)) => return Ok(result),
                Some(Reply::Progress(progress)) => self.meter.told(&progress),
                Some(Reply::Rewind(rewind)) => {
                    rewinds.send_replace(Some(rewind.offset));
                }
                Some(Reply::Checkpoint(checkpoint)) => {
                    token.clone_from(&checkpoint.token);
                    if let Some(tell) = self.checkpoint {
                        tell(Checkpoint {
                            token: checkpoint.token,
                            offset: checkpoint.offset.try_into().unwrap_or(0),
                        });
                    }
                }
                None => {}
            }
        }
    }
}

/// Where the gateway has none any more to tell, for ever.
async fn idle_until_rewound(rewound: &mut watch::Receiver<Option<i64>>) {
    match rewound.changed().await {
        Ok(()) => rewound.mark_changed(),
        Err(_) => pending().await,
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}

/// The sending side: chunks, the finish, and both again after a rewind.
struct Sender<'a> {
    stream: &'a UploadStream<'a>,
    reader: &'a mut SourceReader,
    /// None once nothing more will be sent.
    requests: Option<Requests<UploadAndLink>>,
    sent: Sent,
    /// The newest offset that the gateway asked for.
    rewound: watch::Receiver<Option<i64>>,
    /// Whether the gateway has yet to say from where it goes on.
    waits_for_start: bool,
    offset: u64,
    hashed_bytes: u64,
    crc32c: u32,
}

impl Sender<'_> {
    /// Ends only if it cannot go on.
    async fn send(&mut self) -> Error {
        match self.try_send().await {
            Ok(()) => pending().await, // how the call ended is on its way
            Err(error) => error,
        }
    }

    /// Ok: the call is over.
    async fn try_send(&mut self) -> Result<(), Error> {
        let header = Part::Header(self.stream.header.clone());
        if !self.put(header).await {
            return Ok(());
        }
        let mut finished = false;
        loop {
            if let Some(offset) = self.take_rewind() {
                self.rewind(offset).await?;
                finished = false;
                continue;
            }
            let idle = finished || self.waits_for_start;
            let Some(requests) = &self.requests else {
                idle_until_rewound(&mut self.rewound).await;
                continue;
            };
            tokio::select! {
                biased;
                () = idle_until_rewound(&mut self.rewound) => continue,
                place = requests.place(), if !idle => {
                    if place.is_none() {
                        return Ok(());
                    }
                }
            }
            finished = self.send_next().await?;
        }
    }

    fn take_rewind(&mut self) -> Option<i64> {
        if self.rewound.has_changed().unwrap_or(false) {
            *self.rewound.borrow_and_update()
        } else {
            None
        }
    }

    async fn put(&mut self, part: Part) -> bool {
        match &self.requests {
            Some(requests) => {
                let message = Some(part);
                requests.send(v1::UploadAndLinkRequest { message }).await
            }
            None => false,
        }
    }

    /// There is a place for a chunk. True: it was the finish.
    async fn send_next(&mut self) -> Result<bool, Error> {
        let data = self.reader.read().await?;
        if data.is_empty() {
            let (sha256, md5) = self.stream.digests.clone();
            self.put(Part::Finish(v1::UploadFinish {
                size_bytes: signed(self.offset),
                crc32c: Some(self.crc32c),
                sha256,
                md5,
            }))
            .await;
            // Who can rewind keeps the stream open, or could not send again.
            if !self.stream.header.can_rewind
                && let Some(requests) = self.requests.take()
            {
                requests.half_close();
            }
            return Ok(true);
        }
        let write_offset = signed(self.offset);
        let crc32c = self.pass(&data);
        self.put(Part::Chunk(v1::UploadChunk {
            write_offset,
            data,
            crc32c: Some(crc32c),
        }))
        .await;
        self.stream.meter.sent(self.hashed_bytes);
        Ok(false)
    }

    async fn rewind(&mut self, offset: i64) -> Result<(), Error> {
        let to = u64::try_from(offset).ok();
        if std::mem::take(&mut self.waits_for_start) {
            return match to {
                Some(to) => self.skip_to(to).await,
                None => Err(self.wrong_rewind(offset)),
            };
        }
        match to {
            Some(to) if self.stream.header.can_rewind && to <= self.offset => {
                self.sent.take_back();
                self.reader.seek(to).await?;
                self.offset = to;
                Ok(())
            }
            _ => Err(self.wrong_rewind(offset)),
        }
    }

    fn wrong_rewind(&self, offset: i64) -> Error {
        let what = format!("asked for bytes from offset {offset} that it cannot have");
        Error::bad_reply(self.stream.client.gateway(), &what)
            .advise(Advice::GiveUp)
            .outcome_is(self.sent.close())
    }

    /// What was sent by an earlier call is hashed again: should it have changed
    /// since, the checksum of the whole shows it, and nothing is linked.
    async fn skip_to(&mut self, to: u64) -> Result<(), Error> {
        while self.offset < to {
            let mut data = self.reader.read().await?;
            if data.is_empty() {
                return Err(Error::source_changed(format!(
                    "the source ends after {} bytes, and {to} of it have been sent by an \
                     earlier call",
                    self.offset
                )));
            }
            let left = to - self.offset;
            if data.len() as u64 > left {
                let rest = data.split_off(usize::try_from(left).unwrap_or(usize::MAX));
                self.reader.put_back(rest);
            }
            self.pass(&data);
        }
        Ok(())
    }

    /// Goes on behind `data`, with the checksum of the whole too, and gives that of
    /// `data`. Bytes that go a second time are not hashed again: should they differ
    /// from the first time, the checksum of the whole shows it.
    fn pass(&mut self, data: &[u8]) -> u32 {
        let of_data = crc32c::crc32c(data);
        let end = self.offset + data.len() as u64;
        if self.offset == self.hashed_bytes {
            self.crc32c = crc32c::crc32c_combine(self.crc32c, of_data, data.len());
        } else if end > self.hashed_bytes {
            let known = usize::try_from(self.hashed_bytes - self.offset).unwrap_or(data.len());
            self.crc32c = crc32c::crc32c_append(self.crc32c, &data[known..]);
        }
        self.hashed_bytes = end.max(self.hashed_bytes);
        self.offset = end;
        of_data
    }
}

/// Sizes are those of bytes that were read, and the gateway takes 5 TiB.
fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
