//! Does what tests/clients/run tells it, by the client's public API: see
//! tests/clients/DRIVERS.md.

mod answer;
mod source;

use std::collections::HashMap;
use std::panic::panic_any;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt, stream};
use lakefs_staging::{
    Client, Error, Object, StagingLocation, Target, UploadOptions, UploadResult, Writer,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::AbortHandle;

use crate::source::{Events, Own, Plan};

/// What a command ended with, in the words of the answer.
type Answer = serde_json::Map<String, Value>;

#[derive(Clone, Default)]
struct Driver {
    clients: Arc<Mutex<HashMap<String, Client>>>,
    running: Arc<Mutex<HashMap<u64, AbortHandle>>>,
}

#[tokio::main]
async fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let driver = Driver::default();
    // A thread of its own: tokio's would keep its whole pool awake.
    let (give, mut lines) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if give.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        let Ok(command) = serde_json::from_str::<Value>(&line) else {
            let id = line.split("\"id\":").nth(1).and_then(|rest| {
                rest.trim_start()
                    .split([',', '}'])
                    .next()?
                    .trim()
                    .parse::<u64>()
                    .ok()
            });
            put(json!({"id": id, "unsupported": "a string of Rust's is always UTF-8"}));
            continue;
        };
        tokio::spawn(driver.clone().serve(command));
    }
    // What runs is dropped with the runtime.
    std::process::exit(0);
}

fn put(answer: Value) {
    println!("{answer}");
}

impl Driver {
    async fn serve(self, command: Value) {
        let id = command["id"].as_u64().unwrap_or(0);
        let begun = std::time::Instant::now();
        let events = Events::default();
        let work = tokio::spawn(self.clone().run(command, events.clone()));
        self.running.lock().unwrap().insert(id, work.abort_handle());
        let mut answer = match work.await {
            Ok(answer) => answer,
            Err(error) if error.is_cancelled() => {
                Answer::from_iter([("error".into(), json!({"cancelled": true}))])
            }
            Err(error) => {
                let panic = error.into_panic();
                let error = if panic.is::<Own>() {
                    json!({"own": true, "message": Own.to_string()})
                } else {
                    let words = panic.downcast_ref::<String>().cloned();
                    let words = words.or(panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                    json!({"class": "panic", "message": words})
                };
                Answer::from_iter([("error".into(), error)])
            }
        };
        self.running.lock().unwrap().remove(&id);
        answer.insert("id".into(), json!(id));
        answer.insert("events".into(), events.take());
        answer.insert("elapsed".into(), json!(begun.elapsed().as_secs_f64()));
        put(Value::Object(answer));
    }

    async fn run(self, command: Value, events: Events) -> Answer {
        let key = if command["op"] == "cancel" || command["op"] == "status" {
            return self.of_driver(&command);
        } else {
            &command["client"]
        };
        let client = match self.client(key) {
            Ok(client) => client,
            Err(error) => return failed(&error),
        };
        match command["op"].as_str().unwrap_or_default() {
            "upload" => upload(&client, &command, &events).await,
            "write" => write(&client, &command, &events).await,
            "upload_many" => upload_many(&client, &command, &events).await,
            op => match plain(&client, op, &command, &events).await {
                Ok(Some(result)) => succeeded(result),
                Ok(None) => unsupported(&format!("no op {op}")),
                Err(error) => failed(&error),
            },
        }
    }

    fn of_driver(&self, command: &Value) -> Answer {
        if command["op"] == "status" {
            return succeeded(answer::status());
        }
        let of = command["of"].as_u64().unwrap_or(0);
        if let Some(task) = self.running.lock().unwrap().get(&of) {
            task.abort();
        }
        succeeded(Value::Null)
    }

    fn client(&self, settings: &Value) -> Result<Client, Error> {
        let mut clients = self.clients.lock().unwrap();
        if let Some(client) = clients.get(&settings.to_string()) {
            return Ok(client.clone());
        }
        let mut builder = Client::builder();
        let text = |name: &str| settings[name].as_str().map(str::to_owned);
        if let Some(gateway) = text("gateway") {
            builder = builder.gateway(gateway);
        }
        if let Some(authorization) = text("authorization") {
            builder = builder.authorization(authorization);
        }
        if let Some(allow) = settings["allow_plaintext_authorization"].as_bool() {
            builder = builder.allow_plaintext_authorization(allow);
        }
        if let Some(file) = text("ca_file") {
            builder = builder.ca_file(file);
        }
        if let (Some(certificate), Some(key)) = (text("cert_file"), text("key_file")) {
            builder = builder.client_identity(certificate, key);
        }
        if let Some(seconds) = settings["connect_timeout"].as_f64() {
            builder = builder.connect_timeout(Duration::from_secs_f64(seconds));
        }
        let client = builder.build()?;
        clients.insert(settings.to_string(), client.clone());
        Ok(client)
    }
}

fn succeeded(result: Value) -> Answer {
    Answer::from_iter([("result".into(), result)])
}

fn failed(error: &Error) -> Answer {
    Answer::from_iter([("error".into(), answer::error(error))])
}

fn unsupported(why: &str) -> Answer {
    Answer::from_iter([("unsupported".into(), json!(why))])
}

fn of_upload(result: Result<UploadResult, Error>) -> Answer {
    match result {
        Ok(result) => succeeded(answer::upload(&result)),
        Err(error) => failed(&error),
    }
}

fn options(told: &Value, events: &Events) -> UploadOptions {
    let mut options = UploadOptions::new();
    let text = |name: &str| told[name].as_str().map(str::to_owned);
    if let Some(content_type) = text("content_type") {
        options = options.content_type(content_type);
    }
    for (key, value) in told["user_metadata"].as_object().into_iter().flatten() {
        options = options.user_metadata(key, value.as_str().unwrap_or_default());
    }
    if let Some(if_absent) = told["if_absent"].as_bool() {
        options = options.if_absent(if_absent);
    }
    if let Some(if_match) = text("if_match") {
        options = options.if_match(if_match);
    }
    if let Some(force) = told["force"].as_bool() {
        options = options.force(force);
    }
    if let Some(mtime) = told["mtime"].as_f64() {
        options = options.mtime(UNIX_EPOCH + Duration::from_secs_f64(mtime));
    }
    if let Some(request_id) = text("request_id") {
        options = options.request_id(request_id);
    }
    if let Some(attempt) = told["attempt"].as_u64() {
        options = options.attempt(attempt as u32);
    }
    if let Some(attempts) = told["attempts"].as_u64() {
        options = options.attempts(attempts as u32);
    }
    if let Some(timeout) = told["timeout"].as_f64() {
        options = options.timeout(Duration::from_secs_f64(timeout));
    }
    if let Some(digest) = text("sha256").and_then(|hex| bytes_of_hex(&hex)) {
        options = options.sha256(digest);
    }
    if let Some(digest) = text("md5").and_then(|hex| bytes_of_hex(&hex)) {
        options = options.md5(digest);
    }
    let throws = told["throw_in_progress"] == true;
    if told["progress"] == true || throws {
        let events = events.clone();
        options = options.progress(move |progress| {
            events.add(json!({"progress": [
                progress.phase.to_string(), progress.received_bytes, progress.stored_bytes]}));
            if throws {
                panic_any(Own);
            }
        });
    }
    if told["checkpoint"] == true {
        let events = events.clone();
        options = options.checkpoint(move |checkpoint| {
            let token = BASE64_STANDARD.encode(&checkpoint.token);
            events.add(json!({"checkpoint": [token, checkpoint.offset]}));
        });
    }
    if let Some(token) = text("resume_token") {
        options = options.resume_token(BASE64_STANDARD.decode(token).unwrap_or_default());
    }
    options
}

fn bytes_of_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digits: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok())
        .collect::<Option<_>>()?;
    digits.try_into().ok()
}

fn target(command: &Value) -> &str {
    command["target"].as_str().unwrap_or_default()
}

async fn upload(client: &Client, command: &Value, events: &Events) -> Answer {
    let source = match Plan::new(&command["source"], events).source().await {
        Ok(source) => source,
        Err(error) => return unsupported(&error.to_string()),
    };
    let options = options(&command["options"], events);
    of_upload(client.upload_with(source, target(command), options).await)
}

async fn write(client: &Client, command: &Value, events: &Events) -> Answer {
    let buffered = match command["wrapper"].as_str() {
        None => false,
        Some("buffered") => true,
        Some(wrapper) => return unsupported(&format!("no wrapper {wrapper}")),
    };
    let plan = Plan::new(&command["source"], events);
    let options = options(&command["options"], events);
    let mut writer = match client.writer_with(target(command), options) {
        Ok(writer) => writer,
        Err(error) => return failed(&error),
    };
    let piece = command["pieces"].as_u64().unwrap_or(65536) as usize;
    let written = if buffered {
        let mut wrapped = tokio::io::BufWriter::new(&mut writer);
        match copy(&plan, &mut wrapped, piece).await {
            Ok(()) => wrapped.flush().await,
            failed => failed,
        }
    } else {
        copy(&plan, &mut writer, piece).await
    };
    if let Err(error) = written {
        return write_failed(&error);
    }
    let default = vec![json!("commit")];
    let steps = command["end"].as_array().unwrap_or(&default);
    if steps.first().is_some_and(|step| step != "commit") {
        // A call that is cancelled before its first byte has left never was one;
        // the cases look for one that was.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    end(writer, steps, events).await
}

async fn copy(
    plan: &Plan,
    out: &mut (impl tokio::io::AsyncWrite + Unpin),
    piece: usize,
) -> std::io::Result<()> {
    let mut reader = plan.first_reader();
    let mut data = vec![0; piece];
    loop {
        let size = reader.read(&mut data).await?;
        if size == 0 {
            return Ok(());
        }
        out.write_all(&data[..size]).await?;
    }
}

fn write_failed(error: &std::io::Error) -> Answer {
    match error.get_ref() {
        Some(inner) if inner.is::<Own>() => own(),
        Some(inner) => match inner.downcast_ref::<Error>() {
            Some(error) => failed(error),
            None => Answer::from_iter([(
                "error".into(),
                json!({"class": "io::Error", "message": error.to_string()}),
            )]),
        },
        None => Answer::from_iter([(
            "error".into(),
            json!({"class": "io::Error", "message": error.to_string()}),
        )]),
    }
}

fn own() -> Answer {
    Answer::from_iter([(
        "error".into(),
        json!({"own": true, "message": Own.to_string()}),
    )])
}

/// What is done with a writer at its end. One that is gone cannot be used: the
/// compiler would not let it.
async fn end(writer: Writer, steps: &[Value], events: &Events) -> Answer {
    let mut writer = Some(writer);
    let mut last = Answer::new();
    for (number, step) in steps.iter().enumerate() {
        let step = step.as_str().unwrap_or_default();
        let is_last = number + 1 == steps.len();
        last = match (step, writer.take()) {
            ("commit", Some(open)) if is_last => of_upload(open.commit().await),
            ("commit", Some(mut open)) => {
                let shut = open.shutdown().await;
                writer = Some(open);
                match shut {
                    Ok(()) => succeeded(Value::Null),
                    Err(error) => write_failed(&error),
                }
            }
            ("write", Some(mut open)) => {
                let written = open.write_all(b"x").await;
                writer = Some(open);
                match written {
                    Ok(()) => Answer::from_iter([("nothing".into(), json!(true))]),
                    Err(error) => write_failed(&error),
                }
            }
            ("close" | "abort" | "drop", open) => {
                drop(open);
                Answer::from_iter([("nothing".into(), json!(true))])
            }
            ("scope_throws", open) => {
                drop(open);
                own()
            }
            ("commit" | "write", None) => return unsupported("a writer that is gone"),
            _ => return unsupported(&format!("no {step}")),
        };
        let mut event = last.clone();
        event.insert("end".into(), json!(step));
        events.add(Value::Object(event));
    }
    last
}

async fn upload_many(client: &Client, command: &Value, events: &Events) -> Answer {
    let told = match command["objects"].as_array() {
        Some(objects) => objects.clone(),
        None => (0..command["count"].as_u64().unwrap_or(0))
            .map(|number| {
                json!({
                    "target": format!("{}{number}", target(command)),
                    "source": {"size": command["size"], "seed": command["seed"]},
                    "options": command["options"],
                })
            })
            .collect(),
    };
    let mut answers = Vec::new();
    let mut objects = Vec::new();
    for object in &told {
        let data = Plan::new(&object["source"], events).content();
        match Object::new(target(object), data) {
            Ok(made) => objects.push(made.with_options(options(&object["options"], events))),
            Err(error) => {
                answers.push(json!({"target": object["target"], "error": answer::error(&error)}));
            }
        }
    }
    let mut results = client.upload_many(stream::iter(objects));
    while let Some((object, result)) = results.next().await {
        let mut told = of_upload(result);
        told.insert("target".into(), json!(object.target().to_string()));
        answers.push(Value::Object(told));
    }
    succeeded(Value::Array(answers))
}

async fn plain(
    client: &Client,
    op: &str,
    command: &Value,
    events: &Events,
) -> Result<Option<Value>, Error> {
    let options = options(&command["options"], events);
    Ok(Some(match op {
        "upload_file" => {
            let file = command["file"].as_str().unwrap_or_default();
            let result = client.upload_file(file, target(command), options).await?;
            answer::upload(&result)
        }
        "outcome" => {
            let request_id = command["request_id"].as_str().unwrap_or_default();
            let target: Option<Target> = match command["target"].as_str() {
                Some(target) => Some(target.parse()?),
                None => None,
            };
            answer::outcome(&client.outcome(request_id, target.as_ref()).await?)
        }
        "discard" => {
            let token = command["resume_token"].as_str().unwrap_or_default();
            let token = BASE64_STANDARD.decode(token).unwrap_or_default();
            client.discard(token).await?;
            Value::Null
        }
        "address" => {
            let target = target(command).parse()?;
            let presign = command["presign"] == true;
            answer::location(&client.get_physical_address(&target, presign).await?)
        }
        "link" => {
            let target = target(command).parse()?;
            let told = &command["location"];
            let address = told["physical_address"].as_str().unwrap_or_default();
            let mut location = StagingLocation::new(address);
            location.token = told["token"].as_str().map(str::to_owned);
            location.presigned_url = told["presigned_url"].as_str().map(str::to_owned);
            location.presigned_url_expiry = told["presigned_url_expiry"]
                .as_f64()
                .map(|seconds| UNIX_EPOCH + Duration::from_secs_f64(seconds));
            let checksum = command["checksum"].as_str().unwrap_or_default();
            let size = command["size_bytes"].as_u64().unwrap_or(0);
            let (object, outcome) = client
                .link_physical_address(&target, location, checksum, size, options)
                .await?;
            json!({"object": answer::object(&object), "outcome": outcome.to_string()})
        }
        _ => return Ok(None),
    }))
}
