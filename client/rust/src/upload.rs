//! One logical upload: its attempts, and finding out what became of them.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use crate::call::{Call, UploadFile, UploadObject};
use crate::client::{Client, within};
use crate::error::Error;
use crate::model::{Advice, Outcome, UploadResult};
use crate::options::{Header, UploadOptions};
use crate::progress::ProgressMeter;
use crate::proto::v1;
use crate::proto::v1::upload_and_link_response::Message as Reply;
use crate::retry::Attempts;
use crate::source::{Source, SourceReader};
use crate::target::Target;
use crate::upload_stream::UploadStream;

/// How long an outcome is asked for.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);
const ASK_INTERVAL: Duration = Duration::from_millis(200);
const ASK_INTERVAL_LATER: Duration = Duration::from_secs(1);
const ASKED_OFTEN: u32 = 5;

pub(crate) async fn upload(
    client: &Client,
    source: Source,
    target: &Target,
    options: &UploadOptions,
) -> Result<UploadResult, Error> {
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let header = options.freeze(target)?;
    let reader = within(deadline, SourceReader::open(source))
        .await
        .unwrap_or_else(|| Err(Error::deadline(client.gateway(), Outcome::NotCommitted)))
        .map_err(|error| error.of_upload(header.request_id(), 0))?;
    let mut upload = Upload {
        client,
        target,
        options,
        meter: ProgressMeter::new(options.progress.clone()),
        header,
        attempts: Attempts::new(options.max_attempts(), deadline),
        token: options.resume_token.clone(),
    };
    upload.run(reader).await
}

/// A file that the gateway reads itself can be had again as often as it likes.
pub(crate) async fn upload_file(
    client: &Client,
    file: &Path,
    target: &Target,
    options: &UploadOptions,
) -> Result<UploadResult, Error> {
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    options.check_for_one_message("upload_file")?;
    let file = file.to_str().ok_or_else(|| {
        Error::invalid_request(format!("the name of the file {file:?} is not UTF-8"))
    })?;
    let header = options.freeze(target)?;
    let mut attempts = Attempts::new(options.max_attempts(), deadline);
    let meter = ProgressMeter::new(options.progress.clone());
    loop {
        let number = attempts.begin();
        let mut message = header.of_attempt(number);
        message.progress = options.progress.is_some();
        let request = v1::UploadFileRequest {
            header: Some(message),
            file: file.to_owned(),
            crc32c: None,
        };
        let error = match call_upload_file(client, request, deadline, &meter).await {
            Ok(result) => {
                meter.done(result.object.size_bytes.unwrap_or(0));
                return Ok(of_upload(result, &header, &attempts));
            }
            Err(error) => attempts.judge(error, header.request_id()),
        };
        match attempts.next_wait(&error, true) {
            Some(wait) => sleep(wait).await,
            None => return Err(error.say_how_to_know()),
        }
    }
}

async fn call_upload_file(
    client: &Client,
    request: v1::UploadFileRequest,
    deadline: Option<Instant>,
    meter: &ProgressMeter,
) -> Result<UploadResult, Error> {
    let Call {
        requests,
        mut replies,
        sent,
        ..
    } = client.call::<UploadFile>(deadline).await?;
    requests.send(request).await;
    requests.half_close();
    loop {
        let reply = match within(deadline, replies.next()).await {
            None => return Err(Error::deadline(client.gateway(), sent.close())),
            Some(Err(status)) => {
                return Err(Error::from_status(status, client.gateway(), sent.close()));
            }
            Some(Ok(None)) => return Err(Error::no_result(client.gateway(), sent.close())),
            Some(Ok(Some(reply))) => reply,
        };
        match reply.message {
            Some(Reply::Result(result)) => {
                replies.end().await;
                return Ok(UploadResult::from_proto(result));
            }
            Some(Reply::Progress(progress)) => meter.told(&progress),
            _ => {}
        }
    }
}

fn of_upload(mut result: UploadResult, header: &Header, attempts: &Attempts) -> UploadResult {
    result.attempts = attempts.made();
    result.request_id = header.request_id().to_owned();
    result
}

struct Upload<'a> {
    client: &'a Client,
    target: &'a Target,
    options: &'a UploadOptions,
    meter: ProgressMeter,
    header: Header,
    attempts: Attempts,
    /// By which the next attempt goes on; empty: it begins.
    token: Bytes,
}

impl Upload<'_> {
    async fn run(&mut self, mut reader: SourceReader) -> Result<UploadResult, Error> {
        loop {
            let number = self.attempts.begin();
            let went_on_with = self.token.clone();
            let error = match self.attempt(&mut reader, number).await {
                Ok(result) => {
                    self.meter.done(result.object.size_bytes.unwrap_or(0));
                    return Ok(of_upload(result, &self.header, &self.attempts));
                }
                Err(error) => self.attempts.judge(error, self.header.request_id()),
            };
            let error = self.drop_refused_token(error, &went_on_with);
            let Some(wait) = self.attempts.next_wait(&error, reader.can_seek()) else {
                return self.settle(error, reader.can_seek()).await;
            };
            sleep(wait).await;
            reader
                .restart()
                .await
                .map_err(|error| self.attempts.judge(error, self.header.request_id()))?;
        }
    }

    /// A token that is of no use any more is no reason to give up: all bytes are sent
    /// then.
    fn drop_refused_token(&mut self, error: Error, went_on_with: &Bytes) -> Error {
        if went_on_with.is_empty() || !matches!(error.reason(), "RESUME_EXPIRED" | "RESUME_REFUSED")
        {
            return error;
        }
        self.token.clear();
        error.advise(Advice::Restart)
    }

    async fn attempt(
        &mut self,
        reader: &mut SourceReader,
        number: u32,
    ) -> Result<UploadResult, Error> {
        let mut header = self.header.of_attempt(number);
        let size = |size: u64| {
            i64::try_from(size).map_err(|_| Error::invalid_request("the size is beyond all limits"))
        };
        header.size_bytes = reader.size().map(size).transpose()?;
        if let Some(whole) = reader.whole()
            && !self.options.needs_stream()
            && self.token.is_empty()
        {
            return self.in_one_message(header, whole.clone()).await;
        }
        header.progress = self.options.progress.is_some();
        header.can_rewind = reader.can_seek();
        header.resumable = self.options.checkpoint.is_some();
        header.resume_token = self.token.clone();
        let result = UploadStream {
            client: self.client,
            header,
            digests: self.options.digests(),
            checkpoint: self.options.checkpoint.as_ref(),
            meter: &self.meter,
            deadline: self.attempts.deadline(),
        }
        .run(reader, &mut self.token)
        .await?;
        Ok(UploadResult::from_proto(result))
    }

    async fn in_one_message(
        &self,
        header: v1::UploadHeader,
        data: Bytes,
    ) -> Result<UploadResult, Error> {
        let request = v1::UploadObjectRequest {
            header: Some(header),
            crc32c: Some(crc32c::crc32c(&data)),
            data,
        };
        let reply = self
            .client
            .unary::<UploadObject>(request, self.attempts.deadline())
            .await?;
        match reply.result {
            Some(result) => Ok(UploadResult::from_proto(result)),
            None => Err(Error::no_result(self.client.gateway(), Outcome::Unknown)),
        }
    }

    /// The end of an upload that is not repeated. What cannot be, and is not known,
    /// is asked for.
    async fn settle(&self, error: Error, repeatable: bool) -> Result<UploadResult, Error> {
        let unknown = error.outcome() == Outcome::Unknown && !error.request_id().is_empty();
        if !unknown || repeatable {
            return Err(error.say_how_to_know());
        }
        match self.ask().await {
            Some(Ok(result)) => {
                self.meter.done(result.object.size_bytes.unwrap_or(0));
                Ok(of_upload(result, &self.header, &self.attempts))
            }
            Some(Err(failure)) => {
                let failure = failure.of_upload(self.header.request_id(), self.attempts.made());
                Err(failure.say_how_to_know())
            }
            None => Err(error.say_how_to_know()),
        }
    }

    /// What became of the upload, if anybody knows.
    async fn ask(&self) -> Option<Result<UploadResult, Error>> {
        let mut until = Instant::now() + ASK_TIMEOUT;
        if let Some(deadline) = self.attempts.deadline() {
            until = until.min(deadline);
        }
        for asked in 1.. {
            let told = self
                .client
                .outcome_until(self.header.request_id(), Some(self.target), until)
                .await;
            match told {
                Ok(told) if told.in_progress => {}
                Ok(told) => return told.result.map(Ok).or(told.failure.map(Err)),
                Err(error) if is_no_answer(&error) => {}
                Err(_) => return None,
            }
            let wait = if asked < ASKED_OFTEN {
                ASK_INTERVAL
            } else {
                ASK_INTERVAL_LATER
            };
            if Instant::now() + wait >= until {
                return None;
            }
            sleep(wait).await;
        }
        None
    }
}

/// Whether nobody answered, or said that he cannot now.
fn is_no_answer(error: &Error) -> bool {
    matches!(
        error.code(),
        tonic::Code::Unavailable | tonic::Code::DeadlineExceeded | tonic::Code::ResourceExhausted
    )
}
