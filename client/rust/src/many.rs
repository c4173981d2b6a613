//! Many small objects on one stream.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::call::{Call, Replies, Requests, UploadMany};
use crate::client::{Client, within};
use crate::error::{Error, GATEWAY_DOMAIN};
use crate::model::{Advice, Outcome, UploadResult};
use crate::options::{Header, UploadOptions};
use crate::proto::v1::upload_many_response::Answer;
use crate::proto::{rpc, v1};
use crate::retry::Attempts;
use crate::target::Target;

/// The gateway reads no more while so many are unanswered.
const MAX_UNANSWERED: usize = 64;

const MAX_OBJECT_BYTES: usize = 4 << 20;

/// An object of [`Client::upload_many`]: its target, its bytes, at most 4 MiB, and
/// how it is to be uploaded.
#[derive(Clone)]
pub struct Object {
    target: Target,
    data: Bytes,
    options: UploadOptions,
}

impl Object {
    /// With the default options.
    ///
    /// Errors: INVALID_REQUEST where `target` is none.
    pub fn new<T>(target: T, data: impl Into<Bytes>) -> Result<Self, Error>
    where
        T: TryInto<Target>,
        Error: From<T::Error>,
    {
        Ok(Self {
            target: target.try_into()?,
            data: data.into(),
            options: UploadOptions::new(),
        })
    }

    /// The same with these options; `progress` is not called.
    #[must_use]
    pub fn with_options(mut self, options: UploadOptions) -> Self {
        self.options = options;
        self
    }

    /// Where it is to stand.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Its bytes.
    pub fn data(&self) -> &Bytes {
        &self.data
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("target", &self.target)
            .field("size_bytes", &self.data.len())
            .field("options", &self.options)
            .finish()
    }
}

type Item = (Object, Result<UploadResult, Error>);

pub(crate) fn upload_many<S>(client: Client, objects: S) -> impl Stream<Item = Item> + Send + Unpin
where
    S: Stream<Item = Object> + Send + 'static,
{
    let (results, from_work) = mpsc::channel(1);
    let work = Many {
        client,
        objects: Box::pin(objects),
        objects_ended: false,
        results,
        under_way: BTreeMap::new(),
        to_send: VecDeque::new(),
        next_id: 0,
    };
    Results {
        work: Some(Box::pin(work.run())),
        from_work,
    }
}

/// Works while it is polled, and gives what comes of it.
struct Results {
    work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    from_work: mpsc::Receiver<Item>,
}

impl Stream for Results {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        if let Some(work) = &mut self.work
            && work.as_mut().poll(cx).is_ready()
        {
            self.work = None;
        }
        self.from_work.poll_recv(cx)
    }
}

struct Many<S> {
    client: Client,
    objects: Pin<Box<S>>,
    objects_ended: bool,
    results: mpsc::Sender<Item>,
    /// All that were taken and not told.
    under_way: BTreeMap<u64, UnderWay>,
    to_send: VecDeque<u64>,
    next_id: u64,
}

struct UnderWay {
    object: Object,
    header: Header,
    attempts: Attempts,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    ToSend,
    Sent,
    /// Is repeated then.
    Waits(Instant),
}

enum Event {
    Place,
    Reply(Result<Option<v1::UploadManyResponse>, Status>),
    Object(Option<Object>),
    Time,
}

type Sides = (Requests<UploadMany>, Replies<UploadMany>);

impl<S: Stream<Item = Object> + Send> Many<S> {
    async fn run(mut self) {
        let mut sides = None;
        while !(self.objects_ended && self.under_way.is_empty()) {
            if sides.is_none() && !self.to_send.is_empty() {
                sides = self.open().await;
            }
            match self.next_event(&mut sides).await {
                Event::Place => self.send_next(&mut sides).await,
                Event::Reply(Ok(Some(answer))) => self.take(answer).await,
                Event::Reply(ended) => {
                    sides = None;
                    self.stream_ended(ended.err()).await;
                }
                Event::Object(Some(object)) => self.begin(object).await,
                Event::Object(None) => self.objects_ended = true,
                Event::Time => self.look_at_time().await,
            }
        }
        if let Some((requests, mut replies)) = sides {
            requests.half_close();
            replies.end().await;
        }
    }

    async fn open(&mut self) -> Option<Sides> {
        let opening = within(self.first_deadline(), self.client.call::<UploadMany>(None));
        match opening.await? {
            Ok(Call {
                requests, replies, ..
            }) => Some((requests, replies)),
            Err(error) => {
                for id in std::mem::take(&mut self.to_send) {
                    if let Some(object) = self.under_way.get_mut(&id) {
                        object.attempts.begin();
                    }
                    self.failed(id, error.clone()).await;
                }
                None
            }
        }
    }

    async fn next_event(&mut self, sides: &mut Option<Sides>) -> Event {
        let may_take =
            !self.objects_ended && self.to_send.is_empty() && self.under_way.len() < MAX_UNANSWERED;
        let may_send = !self.to_send.is_empty();
        let time = self.next_time();
        let objects = &mut self.objects;
        let (requests, replies) = match sides {
            Some((requests, replies)) => (Some(requests), Some(replies)),
            None => (None, None),
        };
        tokio::select! {
            biased;
            reply = async {
                match replies {
                    Some(replies) => replies.next().await,
                    None => pending().await,
                }
            } => Event::Reply(reply),
            () = async {
                match time {
                    Some(time) => tokio::time::sleep_until(time).await,
                    None => pending().await,
                }
            } => Event::Time,
            place = async {
                match requests {
                    Some(requests) => requests.place().await.is_some(),
                    None => pending().await,
                }
            }, if may_send => {
                if !place {
                    // The call is over; how it ended is on its way.
                    return match sides {
                        Some((_, replies)) => Event::Reply(replies.next().await),
                        None => Event::Time,
                    };
                }
                Event::Place
            }
            object = poll_fn(|cx| objects.as_mut().poll_next(cx)), if may_take => {
                Event::Object(object)
            }
        }
    }

    async fn begin(&mut self, object: Object) {
        let header = match frozen(&object) {
            Ok(header) => header,
            Err(error) => return self.tell(object, Err(error)).await,
        };
        let deadline = object
            .options
            .timeout
            .map(|timeout| Instant::now() + timeout);
        let attempts = Attempts::new(object.options.max_attempts(), deadline);
        let id = self.next_id;
        self.next_id += 1;
        let state = State::ToSend;
        self.under_way.insert(
            id,
            UnderWay {
                object,
                header,
                attempts,
                state,
            },
        );
        self.to_send.push_back(id);
    }

    /// There is a place for it.
    async fn send_next(&mut self, sides: &mut Option<Sides>) {
        let Some((requests, _)) = sides else {
            return;
        };
        let Some(id) = self.to_send.pop_front() else {
            return;
        };
        let Some(object) = self.under_way.get_mut(&id) else {
            return;
        };
        let number = object.attempts.begin();
        let data = object.object.data.clone();
        let request = v1::UploadManyRequest {
            id,
            header: Some(object.header.of_attempt(number)),
            crc32c: Some(crc32c::crc32c(&data)),
            data,
        };
        object.state = State::Sent;
        requests.send(request).await;
    }

    async fn take(&mut self, answer: v1::UploadManyResponse) {
        let id = answer.id;
        match self.under_way.get(&id) {
            Some(object) if object.state == State::Sent => {}
            _ => return, // it was told already, its time being over
        }
        match answer.answer {
            Some(Answer::Result(result)) => {
                let Some(object) = self.under_way.remove(&id) else {
                    return;
                };
                let mut result = UploadResult::from_proto(result);
                result.attempts = object.attempts.made();
                result.request_id = object.header.request_id().to_owned();
                self.tell(object.object, Ok(result)).await;
            }
            Some(Answer::Status(status)) => {
                let gateway = self.client.gateway();
                let told = rpc::Status::decode(&*status).unwrap_or_default();
                let code = match Code::from(told.code) {
                    Code::Ok => Code::Internal,
                    code => code,
                };
                let status = Status::with_details(code, told.message, status);
                let error = Error::from_status(status, gateway, Outcome::Unknown);
                self.failed(id, error).await;
            }
            None => {
                let error = Error::no_result(self.client.gateway(), Outcome::Unknown);
                self.failed(id, error).await;
            }
        }
    }

    /// What that means for those without an answer: a gateway that ends the stream
    /// has answered all that it began.
    async fn stream_ended(&mut self, status: Option<Status>) {
        let gateway = self.client.gateway();
        let error = match status {
            Some(status) => Error::from_status(status, gateway, Outcome::Unknown),
            None => Error::no_result(gateway, Outcome::Unknown).advise(Advice::RetryCall),
        };
        let error = if error.domain() == GATEWAY_DOMAIN {
            let advice = match error.code() {
                Code::Unavailable | Code::ResourceExhausted | Code::Aborted => Advice::RetryCall,
                _ => Advice::FixRequest,
            };
            error.outcome_is(Outcome::NotCommitted).advise(advice)
        } else {
            error
        };
        let unanswered: Vec<u64> = self
            .under_way
            .iter()
            .filter(|(_, object)| object.state == State::Sent)
            .map(|(id, _)| *id)
            .collect();
        for id in unanswered {
            self.failed(id, error.clone()).await;
        }
    }

    async fn failed(&mut self, id: u64, error: Error) {
        let Some(object) = self.under_way.get_mut(&id) else {
            return;
        };
        let error = object.attempts.judge(error, object.header.request_id());
        match object.attempts.next_wait(&error, true) {
            Some(wait) => object.state = State::Waits(Instant::now() + wait),
            None => self.end(id, error).await,
        }
    }

    async fn end(&mut self, id: u64, error: Error) {
        if let Some(object) = self.under_way.remove(&id) {
            self.tell(object.object, Err(error)).await;
        }
    }

    async fn look_at_time(&mut self) {
        let now = Instant::now();
        let mut late = Vec::new();
        for (id, object) in &mut self.under_way {
            if object
                .attempts
                .deadline()
                .is_some_and(|deadline| deadline <= now)
            {
                late.push(*id);
            } else if matches!(object.state, State::Waits(until) if until <= now) {
                object.state = State::ToSend;
                self.to_send.push_back(*id);
            }
        }
        for id in late {
            self.to_send.retain(|waiting| *waiting != id);
            if let Some(object) = self.under_way.get_mut(&id) {
                let outcome = if object.state == State::Sent {
                    Outcome::Unknown
                } else {
                    Outcome::NotCommitted
                };
                let error = Error::deadline(self.client.gateway(), outcome);
                let error = object.attempts.judge(error, object.header.request_id());
                self.end(id, error).await;
            }
        }
    }

    fn first_deadline(&self) -> Option<Instant> {
        let deadlines = self.under_way.values();
        deadlines
            .filter_map(|object| object.attempts.deadline())
            .min()
    }

    fn next_time(&self) -> Option<Instant> {
        let waits = self
            .under_way
            .values()
            .filter_map(|object| match object.state {
                State::Waits(until) => Some(until),
                _ => None,
            });
        waits.chain(self.first_deadline()).min()
    }

    /// Nobody listens where the results were dropped; then this is, too.
    async fn tell(&mut self, object: Object, result: Result<UploadResult, Error>) {
        let _ = self.results.send((object, result)).await;
    }
}

fn frozen(object: &Object) -> Result<Header, Error> {
    object.options.check_for_one_message("upload_many")?;
    if object.data.len() > MAX_OBJECT_BYTES {
        return Err(Error::invalid_request(format!(
            "{} has {} bytes, and upload_many takes at most {MAX_OBJECT_BYTES}",
            object.target,
            object.data.len()
        )));
    }
    let mut header = object.options.freeze(&object.target)?;
    header.message.size_bytes = i64::try_from(object.data.len()).ok();
    Ok(header)
}
