//! One call of the gateway: its messages, its cancellation and what has left.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use crate::model::Outcome;
use crate::proto::v1;
use crate::tasks::note_body_of;

/// A chunk or an object of 4 MiB and its framing; replies are far smaller.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024 + 16 * 1024;

/// How long a gateway that has given its last reply may take to end the call.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// A method of the gateway. On the wire a unary one is a stream of one message,
/// so that all are called, and cancelled, in the same way.
pub(crate) trait Method: 'static {
    type Request: Message + Default + 'static;
    type Reply: Message + Default + 'static;
    const PATH: &'static str;
    /// Whether a request of this kind is all that it takes to link something.
    fn links(_request: &Self::Request) -> bool {
        true
    }
}

macro_rules! methods {
    ($($name:ident: $request:ident -> $reply:ident $({ $links:expr })?;)*) => {
        $(
            pub(crate) enum $name {}
            impl Method for $name {
                type Request = v1::$request;
                type Reply = v1::$reply;
                const PATH: &'static str =
                    concat!("/lakefs.staging.v1.Staging/", stringify!($name));
                $(fn links(request: &Self::Request) -> bool {
                    ($links)(request)
                })?
            }
        )*
    };
}

methods! {
    GetPhysicalAddress: GetPhysicalAddressRequest -> GetPhysicalAddressResponse;
    LinkPhysicalAddress: LinkPhysicalAddressRequest -> LinkPhysicalAddressResponse;
    UploadAndLink: UploadAndLinkRequest -> UploadAndLinkResponse {
        |request: &v1::UploadAndLinkRequest| {
            matches!(request.message, Some(v1::upload_and_link_request::Message::Finish(_)))
        }
    };
    UploadObject: UploadObjectRequest -> UploadObjectResponse;
    UploadMany: UploadManyRequest -> UploadManyResponse;
    UploadFile: UploadFileRequest -> UploadAndLinkResponse;
    GetUploadOutcome: GetUploadOutcomeRequest -> GetUploadOutcomeResponse;
    DiscardUpload: DiscardUploadRequest -> DiscardUploadResponse;
}

/// What of a call has left for the gateway, and whether more may.
#[derive(Clone, Default)]
pub(crate) struct Sent {
    state: Arc<AtomicU8>,
    cancelled: CancellationToken,
}

const BEGUN: u8 = 1;
const LINKING: u8 = 2;
const CLOSED: u8 = 4;

impl Sent {
    /// Lets nothing more leave, and tells what holds of the upload if nothing more
    /// is heard of the call.
    pub(crate) fn close(&self) -> Outcome {
        let before = self.state.fetch_or(CLOSED, Ordering::AcqRel);
        self.cancelled.cancel();
        if before & LINKING != 0 {
            Outcome::Unknown
        } else {
            Outcome::NotCommitted
        }
    }

    /// A finish that had left is taken back: another one has to come.
    pub(crate) fn take_back(&self) {
        self.state.fetch_and(!LINKING, Ordering::AcqRel);
    }

    /// Whether `state` may be reached: not once the call was closed.
    fn reach(&self, state: u8) -> bool {
        let reached = |old| (old & CLOSED == 0).then_some(old | state);
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, reached)
            .is_ok()
    }
}

/// The sending side. If it is dropped before [`Requests::half_close`] the call is
/// cancelled: no half-close reaches the gateway, but a reset.
pub(crate) struct Requests<M: Method> {
    messages: mpsc::Sender<M::Request>,
    half_closed: Arc<AtomicBool>,
    sent: Sent,
}

impl<M: Method> Drop for Requests<M> {
    fn drop(&mut self) {
        if !self.half_closed.load(Ordering::Acquire) {
            self.sent.close();
        }
    }
}

/// The receiving side. If it is dropped before its end, the call is cancelled.
pub(crate) struct Replies<M: Method> {
    state: RepliesState<M::Reply>,
    sent: Sent,
}

impl<M: Method> Drop for Replies<M> {
    fn drop(&mut self) {
        self.sent.close();
    }
}

enum RepliesState<R> {
    Opening(Pin<Box<dyn Future<Output = Result<Streaming<R>, Status>> + Send>>),
    Open(Box<Streaming<R>>),
    Ended,
}

/// Both sides of a call.
pub(crate) struct Call<M: Method> {
    pub(crate) requests: Requests<M>,
    pub(crate) replies: Replies<M>,
    pub(crate) sent: Sent,
}

impl<M: Method> Call<M> {
    /// Begins a call; `deadline` is told to the gateway.
    pub(crate) fn begin(
        channel: Channel,
        authorization: Option<&tonic::metadata::AsciiMetadataValue>,
        deadline: Option<Instant>,
    ) -> Self {
        let (messages, from_caller) = mpsc::channel(1);
        let half_closed = Arc::new(AtomicBool::new(false));
        let sent = Sent::default();
        let body = Body::<M> {
            messages: from_caller,
            half_closed: half_closed.clone(),
            sent: sent.clone(),
            yielded: false,
            ended: false,
        };
        let mut request = Request::new(body);
        if let Some(authorization) = authorization {
            request
                .metadata_mut()
                .insert("authorization", authorization.clone());
        }
        if let Some(deadline) = deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            // Longer ones do not fit into the header's eight digits.
            request.set_timeout(left.min(Duration::from_secs(99_999_999)));
        }
        let mut grpc =
            tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let opening = async move {
            grpc.ready()
                .await
                .map_err(|error| Status::from_error(error.into()))?;
            let reply = grpc
                .streaming(
                    request,
                    PathAndQuery::from_static(M::PATH),
                    FrameCodec::<M>::new(),
                )
                .await?;
            Ok(reply.into_inner())
        };
        Self {
            requests: Requests {
                messages,
                half_closed,
                sent: sent.clone(),
            },
            replies: Replies {
                state: RepliesState::Opening(Box::pin(opening)),
                sent: sent.clone(),
            },
            sent,
        }
    }
}

impl<M: Method> Requests<M> {
    /// Waits until the transport takes one more message. None: the call is over,
    /// and how it ended is on its way.
    pub(crate) async fn place(&self) -> Option<mpsc::Permit<'_, M::Request>> {
        self.messages.reserve().await.ok()
    }

    /// Whether it was taken.
    pub(crate) async fn send(&self, message: M::Request) -> bool {
        match self.place().await {
            Some(place) => {
                place.send(message);
                true
            }
            None => false,
        }
    }

    /// Nothing more is sent.
    pub(crate) fn half_close(self) {
        self.half_closed.store(true, Ordering::Release);
    }
}

impl<M: Method> Replies<M> {
    /// The next reply, none at the end. Can be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<M::Reply>, Status> {
        loop {
            let next = match &mut self.state {
                RepliesState::Opening(opening) => match opening.await {
                    Ok(streaming) => {
                        self.state = RepliesState::Open(Box::new(streaming));
                        continue;
                    }
                    Err(status) => Err(status),
                },
                RepliesState::Open(streaming) => streaming.message().await,
                RepliesState::Ended => Ok(None),
            };
            if !matches!(next, Ok(Some(_))) {
                self.state = RepliesState::Ended;
            }
            return next;
        }
    }

    /// Lets the call end by itself after its last reply, so that the gateway does
    /// not see it cancelled; what it says then changes nothing.
    pub(crate) async fn end(&mut self) {
        let _ = tokio::time::timeout(END_TIMEOUT, self.next()).await;
    }
}

/// The messages as the transport takes them.
struct Body<M: Method> {
    messages: mpsc::Receiver<M::Request>,
    half_closed: Arc<AtomicBool>,
    sent: Sent,
    yielded: bool,
    ended: bool,
}

enum Frame<T> {
    Message(T),
    Cancel,
}

impl<M: Method> Stream for Body<M> {
    type Item = Frame<M::Request>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.yielded {
            note_body_of(&self.sent.cancelled);
        } else {
            // The task of the connection polls a body until it has nothing, before
            // it gives it a task of its own; this is so that it does.
            self.yielded = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if !self.sent.reach(BEGUN) {
            self.ended = true;
            return Poll::Ready(Some(Frame::Cancel));
        }
        self.messages.poll_recv(cx).map(|message| match message {
            Some(message) if !M::links(&message) || self.sent.reach(LINKING) => {
                Some(Frame::Message(message))
            }
            Some(_) => {
                self.ended = true;
                Some(Frame::Cancel)
            }
            None => {
                self.ended = true;
                let half_closed = self.half_closed.load(Ordering::Acquire);
                (!half_closed).then_some(Frame::Cancel)
            }
        })
    }
}

struct FrameCodec<M>(PhantomData<fn() -> M>);

impl<M> FrameCodec<M> {
    fn new() -> Self {
        Self(PhantomData)
    }
}

impl<M: Method> Codec for FrameCodec<M> {
    type Encode = Frame<M::Request>;
    type Decode = M::Reply;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::new()
    }

    fn decoder(&mut self) -> Self {
        Self::new()
    }
}

impl<M: Method> Encoder for FrameCodec<M> {
    type Item = Frame<M::Request>;
    type Error = Status;

    /// A body that ends with an error makes the transport reset the stream.
    fn encode(&mut self, frame: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        match frame {
            Frame::Message(message) => message
                .encode(buffer)
                .map_err(|error| Status::internal(error.to_string())),
            Frame::Cancel => Err(Status::cancelled("cancelled by the caller")),
        }
    }
}

impl<M: Method> Decoder for FrameCodec<M> {
    type Item = M::Reply;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<M::Reply>, Status> {
        M::Reply::decode(buffer)
            .map(Some)
            .map_err(|error| Status::internal(format!("a reply cannot be read: {error}")))
    }
}
