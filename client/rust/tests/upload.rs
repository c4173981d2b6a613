//! What is sent, what is repeated, and what nothing becomes of.

mod gateway;

use std::error::Error as _;
use std::io;

use futures_util::{StreamExt, stream};
use gateway::v1::Outcome as Told;
use gateway::v1::upload_and_link_response::Message as Reply;
use gateway::v1::upload_failure::Advice as Advised;
use gateway::{Gateway, Seen, Step, committed, refusal, v1};
use lakefs_staging::{Advice, Error, ErrorKind, Object, Outcome, Source, UploadOptions};
use tokio::io::AsyncWriteExt;
use tonic::Code;

const TARGET: &str = "lakefs://repo/main/data/a b.csv";
const MIB: usize = 1 << 20;

fn draining() -> tonic::Status {
    refusal(
        Code::Unavailable,
        "DRAINING",
        Told::NotCommitted,
        Advised::RetryCall,
    )
}

fn result() -> Step {
    Step::Send(Reply::Result(committed()))
}

fn once(size: usize) -> Source {
    Source::reader(io::Cursor::new(vec![7; size]))
}

#[test]
fn errors_and_clients_go_to_other_threads() {
    fn is<T: Send + Sync + 'static>() {}
    is::<Error>();
    is::<lakefs_staging::Client>();
    fn goes<T: Send + 'static>() {}
    goes::<lakefs_staging::Writer>();
    goes::<Source>();
}

#[tokio::test]
async fn a_small_object_is_one_message_and_repeated_with_the_same_header() {
    let mut gateway = Gateway::start().await;
    gateway.answer_object(Err(draining()));
    gateway.answer_object(Ok(committed()));
    let done = gateway.client().upload(once(1000), TARGET).await.unwrap();
    assert_eq!((done.outcome, done.attempts), (Outcome::Committed, 2));
    let [Seen::Object(first), Seen::Object(second)] = &gateway.all()[..] else {
        panic!("not two messages");
    };
    assert_eq!(first.crc32c, Some(crc32c::crc32c(&[7; 1000])));
    let mut header = second.header.clone().unwrap();
    assert_eq!(header.attempt, 2);
    assert_eq!(header.request_id, done.request_id);
    header.attempt = 1;
    assert_eq!(Some(header), first.header);
}

#[tokio::test]
async fn a_stream_has_chunks_and_the_checksum_of_the_whole() {
    let mut gateway = Gateway::start().await;
    gateway.answer_stream(vec![Step::ReadFinish, result()]);
    let size = 2 * MIB + 5;
    gateway
        .client()
        .upload(vec![7; size], TARGET)
        .await
        .unwrap();
    let seen = gateway.all();
    let Seen::Header(header) = &seen[0] else {
        panic!("no header: {seen:?}");
    };
    assert!(header.can_rewind);
    assert_eq!(header.size_bytes, Some(size as i64));
    let mib = MIB as i64;
    assert_eq!(
        seen[1..],
        [
            Seen::Chunk(0, MIB),
            Seen::Chunk(mib, MIB),
            Seen::Chunk(2 * mib, 5),
            Seen::Finish(v1::UploadFinish {
                size_bytes: size as i64,
                crc32c: Some(crc32c::crc32c(&vec![7; size])),
                ..Default::default()
            }),
        ]
    );
}

#[tokio::test]
async fn what_can_be_read_once_is_not_repeated_and_says_what_to_do() {
    let mut gateway = Gateway::start().await;
    gateway.answer_stream(vec![Step::Read(MIB), Step::End(draining())]);
    let error = gateway
        .client()
        .upload(once(3 * MIB), TARGET)
        .await
        .unwrap_err();
    assert_eq!((error.reason(), error.attempts()), ("DRAINING", 1));
    assert_eq!(
        (error.outcome(), error.advice()),
        (Outcome::NotCommitted, Advice::RetryCall)
    );
    let headers = gateway
        .all()
        .into_iter()
        .filter(|seen| matches!(seen, Seen::Header(_)));
    assert_eq!(headers.count(), 1);
}

#[tokio::test]
async fn what_is_not_known_is_asked_for() {
    let mut gateway = Gateway::start().await;
    let unknown = refusal(
        Code::Unknown,
        "OUTCOME_UNKNOWN",
        Told::Unknown,
        Advised::RetryCall,
    );
    gateway.answer_stream(vec![Step::ReadFinish, Step::End(unknown)]);
    gateway.answer_outcome(Ok(v1::GetUploadOutcomeResponse {
        in_progress: true,
        outcome: Told::Unknown.into(),
        ..Default::default()
    }));
    gateway.answer_outcome(Ok(v1::GetUploadOutcomeResponse {
        outcome: Told::Committed.into(),
        result: Some(committed()),
        ..Default::default()
    }));
    let done = gateway
        .client()
        .upload(once(2 * MIB), TARGET)
        .await
        .unwrap();
    assert_eq!(done.outcome, Outcome::Committed);
    let asked = gateway
        .all()
        .into_iter()
        .filter(|seen| matches!(seen, Seen::Asked(_)));
    assert_eq!(asked.count(), 2);
}

#[tokio::test]
async fn the_sources_own_error_comes_out_and_the_call_is_cancelled() {
    let mut gateway = Gateway::start().await;
    gateway.answer_stream(vec![Step::ReadFinish, result()]);
    let mine = io::Error::other("mine");
    let pieces = (0..3).map(|_| Ok(vec![7; MIB].into())).chain([Err(mine)]);
    let pieces: Vec<io::Result<bytes::Bytes>> = pieces.collect();
    let source = Source::stream(stream::iter(pieces));
    let error = gateway.client().upload(source, TARGET).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    let cause = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(cause.to_string(), "mine");
    gateway.ends_unfinished().await;
}

#[tokio::test]
async fn a_writer_that_is_dropped_cancels() {
    let mut gateway = Gateway::start().await;
    gateway.answer_stream(vec![Step::ReadFinish, result()]);
    let mut writer = gateway.client().writer(TARGET).unwrap();
    writer.write_all(&vec![7; 3 * MIB]).await.unwrap();
    while !matches!(gateway.next().await, Seen::Header(_)) {}
    drop(writer);
    gateway.ends_unfinished().await;
}

#[tokio::test]
async fn shutdown_commits_and_twice_is_the_same() {
    let mut gateway = Gateway::start().await;
    gateway.answer_object(Ok(committed()));
    let mut writer = gateway.client().writer(TARGET).unwrap();
    writer.write_all(b"abc").await.unwrap();
    writer.shutdown().await.unwrap();
    writer.shutdown().await.unwrap();
    let error = writer.write_all(b"d").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(writer.commit().await.unwrap().outcome, Outcome::Committed);
    assert_eq!(gateway.all().len(), 1);
}

#[tokio::test]
async fn a_rewind_sends_again_from_there() {
    let mut gateway = Gateway::start().await;
    let rewind = Step::Send(Reply::Rewind(v1::UploadRewind { offset: 5 }));
    gateway.answer_stream(vec![Step::ReadFinish, rewind, Step::ReadFinish, result()]);
    let size = MIB + 9;
    gateway
        .client()
        .upload(vec![7; size], TARGET)
        .await
        .unwrap();
    let seen = gateway.all();
    let again = seen
        .iter()
        .position(|seen| *seen == Seen::Chunk(5, MIB))
        .unwrap();
    assert_eq!(seen[again + 1], Seen::Chunk(MIB as i64 + 5, 4));
    assert_eq!(seen[again + 2], seen[again - 1]);
}

#[tokio::test]
async fn many_objects_are_answered_each() {
    let gateway = Gateway::start().await;
    let objects = (0..200).map(|n| {
        let object = Object::new(format!("lakefs://repo/main/{n}"), vec![7; n]).unwrap();
        match n {
            7 => object.with_options(UploadOptions::new().md5([0; 16])),
            _ => object,
        }
    });
    let results = gateway.client().upload_many(stream::iter(objects));
    let results: Vec<_> = results.collect().await;
    assert_eq!(results.len(), 200);
    for (object, result) in results {
        match result {
            Ok(_) => assert_ne!(object.target().path(), "7"),
            Err(error) => {
                assert_eq!(object.target().path(), "7");
                assert_eq!(error.reason(), "INVALID_REQUEST");
            }
        }
    }
}

#[tokio::test]
async fn a_told_size_has_to_be_met() {
    let gateway = Gateway::start().await;
    for (told, size) in [(10, 9), (10, 11)] {
        let source = once(size).with_size(told);
        let error = gateway.client().upload(source, TARGET).await.unwrap_err();
        assert_eq!(error.reason(), "SIZE_MISMATCH");
        assert!(error.nothing_linked());
    }
}

#[cfg(feature = "blocking")]
mod blocking {
    use std::io::Write as _;

    use super::*;
    use lakefs_staging::Client;
    use lakefs_staging::blocking::Client as Blocking;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn it_works_on_a_thread_that_may_block() {
        let gateway = Gateway::start().await;
        gateway.answer_object(Ok(committed()));
        gateway.answer_object(Ok(committed()));
        let settings = Client::builder().gateway(&gateway.address);
        let work = tokio::task::spawn_blocking(move || {
            let client = Blocking::new(settings).unwrap();
            client.upload("abc", TARGET).unwrap();
            let mut writer = client.writer(TARGET).unwrap();
            writer.write_all(b"abc").unwrap();
            writer.commit().unwrap().outcome
        });
        assert_eq!(work.await.unwrap(), Outcome::Committed);
    }

    #[tokio::test]
    async fn in_a_task_it_is_an_error_and_no_panic() {
        let settings = Client::builder().gateway("127.0.0.1:1");
        let client = Blocking::new(settings).unwrap();
        let error = client.upload("abc", TARGET).unwrap_err();
        assert_eq!(error.reason(), "INVALID_REQUEST");
        let mut writer = client.writer(TARGET).unwrap();
        assert!(writer.write_all(b"abc").is_err());
    }
}
