//! A gateway in the test's own process that does as it is told.

#![allow(dead_code)]

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, StreamExt, stream};
use lakefs_staging::Client;
use prost::Message as _;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

pub mod v1 {
    #![allow(clippy::all)]
    include!("../../src/proto/lakefs.staging.v1.rs");
    include!("../proto/staging_server.rs");
}

pub mod rpc {
    #![allow(clippy::all)]
    include!("../../src/proto/google.rpc.rs");
}

use v1::staging_server::{Staging, StagingServer};
use v1::upload_and_link_request::Message as Part;
use v1::upload_and_link_response::Message as Reply;

/// What the gateway saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Object(v1::UploadObjectRequest),
    Header(Box<v1::UploadHeader>),
    Chunk(i64, usize),
    Finish(v1::UploadFinish),
    HalfClose,
    Cancel,
    Asked(v1::GetUploadOutcomeRequest),
}

/// What a stream is answered.
#[allow(clippy::large_enum_variant)] // there are few of them
pub enum Step {
    /// Reads so many bytes.
    Read(usize),
    ReadFinish,
    Send(Reply),
    End(Status),
}

struct State {
    objects: Mutex<VecDeque<Result<v1::UploadResult, Status>>>,
    streams: Mutex<VecDeque<Vec<Step>>>,
    outcomes: Mutex<VecDeque<Result<v1::GetUploadOutcomeResponse, Status>>>,
    seen: mpsc::UnboundedSender<Seen>,
}

pub struct Gateway {
    state: Arc<State>,
    pub seen: mpsc::UnboundedReceiver<Seen>,
    pub address: String,
}

impl Gateway {
    pub async fn start() -> Self {
        let (tell, seen) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            objects: Mutex::default(),
            streams: Mutex::default(),
            outcomes: Mutex::default(),
            seen: tell,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = StagingServer::new(Service(state.clone()));
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service.max_decoding_message_size(5 << 20))
                .serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener)),
        );
        Self {
            state,
            seen,
            address,
        }
    }

    pub fn client(&self) -> Client {
        Client::builder().gateway(&self.address).build().unwrap()
    }

    pub fn answer_object(&self, answer: Result<v1::UploadResult, Status>) {
        self.state.objects.lock().unwrap().push_back(answer);
    }

    pub fn answer_stream(&self, steps: Vec<Step>) {
        self.state.streams.lock().unwrap().push_back(steps);
    }

    pub fn answer_outcome(&self, answer: Result<v1::GetUploadOutcomeResponse, Status>) {
        self.state.outcomes.lock().unwrap().push_back(answer);
    }

    /// The next thing that it saw; waits for it.
    pub async fn next(&mut self) -> Seen {
        tokio::time::timeout(std::time::Duration::from_secs(60), self.seen.recv())
            .await
            .expect("nothing more came")
            .expect("the gateway is gone")
    }

    /// Waits for the end of a stream; fails if it was finished.
    pub async fn ends_unfinished(&mut self) {
        loop {
            match self.next().await {
                // tonic's server does not tell one from the other.
                Seen::Cancel | Seen::HalfClose => return,
                Seen::Finish(_) => panic!("it was finished"),
                _ => {}
            }
        }
    }

    /// What it saw until now.
    pub fn all(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

pub fn committed() -> v1::UploadResult {
    v1::UploadResult {
        outcome: v1::Outcome::Committed.into(),
        rounds: 1,
        ..Default::default()
    }
}

/// A status as the gateway sends it.
pub fn refusal(
    code: tonic::Code,
    reason: &str,
    outcome: v1::Outcome,
    advice: v1::upload_failure::Advice,
) -> Status {
    let any = |name: &str, value: Vec<u8>| prost_types::Any {
        type_url: format!("type.googleapis.com/{name}"),
        value,
    };
    let info = rpc::ErrorInfo {
        reason: reason.to_owned(),
        domain: "lakefs.staging".to_owned(),
        ..Default::default()
    };
    let failure = v1::UploadFailure {
        outcome: outcome.into(),
        advice: advice.into(),
        ..Default::default()
    };
    let details = rpc::Status {
        code: code.into(),
        message: "as told".to_owned(),
        details: vec![
            any("google.rpc.ErrorInfo", info.encode_to_vec()),
            any("lakefs.staging.v1.UploadFailure", failure.encode_to_vec()),
        ],
    };
    Status::with_details(code, "as told", details.encode_to_vec().into())
}

struct Service(Arc<State>);

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Tells of a stream that was dropped by its caller.
struct Watch(Arc<State>, bool);

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.1 {
            let _ = self.0.seen.send(Seen::Cancel);
        }
    }
}

async fn follow(
    state: Arc<State>,
    mut requests: Streaming<v1::UploadAndLinkRequest>,
    steps: Vec<Step>,
    replies: mpsc::Sender<Result<v1::UploadAndLinkResponse, Status>>,
) {
    let mut bytes = 0;
    let mut watch = Watch(state.clone(), false);
    for step in steps {
        let until = match step {
            Step::Read(until) => until,
            Step::ReadFinish => usize::MAX,
            Step::Send(reply) => {
                watch.1 = matches!(reply, Reply::Result(_));
                let message = Some(reply);
                let _ = replies
                    .send(Ok(v1::UploadAndLinkResponse { message }))
                    .await;
                continue;
            }
            Step::End(status) => {
                watch.1 = true;
                let _ = replies.send(Err(status)).await;
                return;
            }
        };
        while bytes < until {
            let seen = match requests.message().await {
                Ok(Some(request)) => match request.message {
                    Some(Part::Header(header)) => Seen::Header(Box::new(header)),
                    Some(Part::Chunk(chunk)) => {
                        assert_eq!(chunk.crc32c, Some(crc32c::crc32c(&chunk.data)));
                        bytes += chunk.data.len();
                        Seen::Chunk(chunk.write_offset, chunk.data.len())
                    }
                    Some(Part::Finish(finish)) => Seen::Finish(finish),
                    None => continue,
                },
                Ok(None) => Seen::HalfClose,
                Err(_) => return,
            };
            let finished = matches!(seen, Seen::Finish(_));
            let closed = seen == Seen::HalfClose;
            let _ = state.seen.send(seen);
            if closed {
                watch.1 = true;
                return;
            }
            if finished {
                break;
            }
        }
    }
}

#[tonic::async_trait]
impl Staging for Service {
    type UploadAndLinkStream = Replies<v1::UploadAndLinkResponse>;
    type UploadFileStream = Replies<v1::UploadAndLinkResponse>;
    type UploadManyStream = Replies<v1::UploadManyResponse>;

    async fn upload_object(
        &self,
        request: Request<v1::UploadObjectRequest>,
    ) -> Result<Response<v1::UploadObjectResponse>, Status> {
        let _ = self.0.seen.send(Seen::Object(request.into_inner()));
        let answer = self.0.objects.lock().unwrap().pop_front();
        let result = answer.unwrap_or_else(|| Err(Status::internal("not told")))?;
        Ok(Response::new(v1::UploadObjectResponse {
            result: Some(result),
        }))
    }

    async fn upload_and_link(
        &self,
        request: Request<Streaming<v1::UploadAndLinkRequest>>,
    ) -> Result<Response<Self::UploadAndLinkStream>, Status> {
        let steps = self.0.streams.lock().unwrap().pop_front();
        let steps = steps.ok_or_else(|| Status::internal("not told"))?;
        let (replies, given) = mpsc::channel(8);
        tokio::spawn(follow(self.0.clone(), request.into_inner(), steps, replies));
        let replies = stream::unfold(given, |mut given| async move {
            Some((given.recv().await?, given))
        });
        Ok(Response::new(replies.boxed()))
    }

    async fn upload_many(
        &self,
        request: Request<Streaming<v1::UploadManyRequest>>,
    ) -> Result<Response<Self::UploadManyStream>, Status> {
        let answers = request.into_inner().map(|request| {
            let request = request?;
            let answer = v1::upload_many_response::Answer::Result(committed());
            Ok(v1::UploadManyResponse {
                id: request.id,
                answer: Some(answer),
            })
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn get_upload_outcome(
        &self,
        request: Request<v1::GetUploadOutcomeRequest>,
    ) -> Result<Response<v1::GetUploadOutcomeResponse>, Status> {
        let _ = self.0.seen.send(Seen::Asked(request.into_inner()));
        let answer = self.0.outcomes.lock().unwrap().pop_front();
        answer
            .unwrap_or_else(|| Err(Status::internal("not told")))
            .map(Response::new)
    }

    async fn get_physical_address(
        &self,
        _request: Request<v1::GetPhysicalAddressRequest>,
    ) -> Result<Response<v1::GetPhysicalAddressResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn link_physical_address(
        &self,
        _request: Request<v1::LinkPhysicalAddressRequest>,
    ) -> Result<Response<v1::LinkPhysicalAddressResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn upload_file(
        &self,
        _request: Request<v1::UploadFileRequest>,
    ) -> Result<Response<Self::UploadFileStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn discard_upload(
        &self,
        _request: Request<v1::DiscardUploadRequest>,
    ) -> Result<Response<v1::DiscardUploadResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
