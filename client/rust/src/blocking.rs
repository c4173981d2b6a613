//! The client for programs without an asynchronous runtime (feature `blocking`).
//!
//! The same names as in the crate itself, and the same promises; calls block the
//! calling thread until their end. Within an asynchronous task they would block all
//! of its runtime, so there they are an error, INVALID_REQUEST; on a thread for
//! blocking work (`tokio::task::spawn_blocking`) they are welcome.
//!
//! Sources are those of [`Source`]; anything that reads by `std::io`
//! is made one by [`Source::blocking_reader`] or [`Source::blocking_seekable`].
//!
//! [`Source::blocking_reader`]: crate::Source::blocking_reader
//! [`Source::blocking_seekable`]: crate::Source::blocking_seekable

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{
    ClientBuilder, Error, Object, ObjectStats, Outcome, Source, StagingLocation, Target,
    UploadOptions, UploadOutcome, UploadResult,
};

/// A client of one gateway, as [`crate::Client`], with a thread for its connection.
///
/// Clones share both, and may be used by any number of threads at the same time.
#[derive(Clone, Debug)]
pub struct Client {
    client: crate::Client,
    runtime: Arc<OwnRuntime>,
}

/// A runtime that may be dropped anywhere.
#[derive(Debug)]
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl OwnRuntime {
    fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Error> {
        if is_in_task() {
            return Err(Error::invalid_request(
                "a blocking call within an asynchronous task; use the asynchronous client",
            ));
        }
        match &self.0 {
            Some(runtime) => Ok(runtime.block_on(future)),
            None => Err(Error::invalid_request("the client is gone")),
        }
    }
}

/// Whether this thread polls an asynchronous task, so that it may not block. Only
/// tasks have a budget that is used up.
fn is_in_task() -> bool {
    const MORE_THAN_ANY_BUDGET: usize = 1024;
    let mut context = Context::from_waker(Waker::noop());
    Handle::try_current().is_ok()
        && (0..MORE_THAN_ANY_BUDGET).any(|_| {
            let consumed = pin!(tokio::task::coop::consume_budget()).poll(&mut context);
            consumed.is_pending()
        })
}

impl Client {
    /// As [`crate::Client::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Self::new(crate::Client::builder())
    }

    /// The client with these settings.
    ///
    /// Errors: as of [`ClientBuilder::build`].
    pub fn new(settings: ClientBuilder) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("lakefs-staging")
            .enable_all()
            .build()
            .map_err(|error| Error::invalid_request("no thread can be had").caused_by(error))?;
        Ok(Self {
            client: settings.build()?,
            runtime: Arc::new(OwnRuntime(Some(runtime))),
        })
    }

    /// As [`crate::Client::upload`].
    pub fn upload<T>(&self, source: impl Into<Source>, target: T) -> Result<UploadResult, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        self.upload_with(source, target, UploadOptions::new())
    }

    /// As [`crate::Client::upload_with`].
    pub fn upload_with<T>(
        &self,
        source: impl Into<Source>,
        target: T,
        options: UploadOptions,
    ) -> Result<UploadResult, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        let upload = self.client.upload_with(source, target, options);
        self.runtime.block_on(upload)?
    }

    /// As [`crate::Client::writer`].
    pub fn writer<T>(&self, target: T) -> Result<Writer, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        self.writer_with(target, UploadOptions::new())
    }

    /// As [`crate::Client::writer_with`].
    pub fn writer_with<T>(&self, target: T, options: UploadOptions) -> Result<Writer, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        Ok(Writer {
            writer: self.client.writer_with(target, options)?,
            runtime: self.runtime.clone(),
        })
    }

    /// As [`crate::Client::upload_many`]: works while the results are asked for.
    /// Within an asynchronous task it gives none.
    pub fn upload_many<I>(
        &self,
        objects: I,
    ) -> impl Iterator<Item = (Object, Result<UploadResult, Error>)> + use<I>
    where
        I: IntoIterator<Item = Object>,
        I::IntoIter: Send + 'static,
    {
        let mut results = self
            .client
            .upload_many(FromIterator(Box::new(objects.into_iter())));
        let runtime = self.runtime.clone();
        std::iter::from_fn(move || {
            let next = poll_fn(|cx| std::pin::Pin::new(&mut results).poll_next(cx));
            runtime.block_on(next).ok().flatten()
        })
    }

    /// As [`crate::Client::upload_file`].
    pub fn upload_file<T>(
        &self,
        file: impl AsRef<Path>,
        target: T,
        options: UploadOptions,
    ) -> Result<UploadResult, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        let upload = self.client.upload_file(file, target, options);
        self.runtime.block_on(upload)?
    }

    /// As [`crate::Client::outcome`].
    pub fn outcome(
        &self,
        request_id: &str,
        target: Option<&Target>,
    ) -> Result<UploadOutcome, Error> {
        self.runtime
            .block_on(self.client.outcome(request_id, target))?
    }

    /// As [`crate::Client::discard`].
    pub fn discard(&self, resume_token: impl Into<Bytes>) -> Result<(), Error> {
        self.runtime.block_on(self.client.discard(resume_token))?
    }

    /// As [`crate::Client::get_physical_address`].
    pub fn get_physical_address(
        &self,
        target: &Target,
        presign: bool,
    ) -> Result<StagingLocation, Error> {
        self.runtime
            .block_on(self.client.get_physical_address(target, presign))?
    }

    /// As [`crate::Client::link_physical_address`].
    pub fn link_physical_address(
        &self,
        target: &Target,
        location: StagingLocation,
        checksum: &str,
        size_bytes: u64,
        options: UploadOptions,
    ) -> Result<(ObjectStats, Outcome), Error> {
        self.runtime.block_on(
            self.client
                .link_physical_address(target, location, checksum, size_bytes, options),
        )?
    }
}

/// An iterator as a stream.
struct FromIterator<I>(Box<I>);

impl<I: Iterator> Stream for FromIterator<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// Writes an object, which is linked by [`commit`](Writer::commit) and by nothing
/// else, as [`crate::Writer`]. Dropped: the upload is cancelled, and nothing is
/// linked.
#[derive(Debug)]
pub struct Writer {
    writer: crate::Writer,
    runtime: Arc<OwnRuntime>,
}

impl Writer {
    /// As [`crate::Writer::commit`].
    pub fn commit(self) -> Result<UploadResult, Error> {
        self.runtime.block_on(self.writer.commit())?
    }
}

impl io::Write for Writer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(self.writer.write(data))?
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
