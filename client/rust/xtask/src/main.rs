//! Makes the generated code from the `.proto` files: `cargo run -p xtask`.
//! With `--check` it changes nothing, and fails where the code is not current.
//!
//! The library gets the messages; the tests get the code of a server, which they
//! put behind the library's messages.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

const PROTOS: [&str; 3] = [
    "lakefs_staging/v1/staging.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
];
/// What is made of them, the messages of the gateway first.
const MESSAGES: [&str; 2] = ["lakefs.staging.v1.rs", "google.rpc.rs"];
const HEADER: &str = "// Generated from the .proto files by `cargo run -p xtask`.\n";

fn main() -> ExitCode {
    let check = env::args().any(|argument| argument == "--check");
    match generate(check) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("the generated code is not current: cargo run -p xtask");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all was current, or is now.
fn generate(check: bool) -> Result<bool, Box<dyn std::error::Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("no parent folder")?;
    let made = env::temp_dir().join(format!("lakefs-staging-xtask-{}", std::process::id()));
    let library = made.join("library");
    let server = made.join("server");
    for (folder, with_server) in [(&library, false), (&server, true)] {
        fs::create_dir_all(folder)?;
        tonic_prost_build::configure()
            .build_client(false)
            .build_server(with_server)
            .build_transport(false)
            .bytes(".")
            .btree_map(".")
            .disable_comments(["."])
            .emit_rerun_if_changed(false)
            .out_dir(folder)
            .compile_fds(protox::compile(PROTOS, [package.join("../../proto")])?)?;
    }
    let mut current = true;
    for name in MESSAGES {
        let text = fs::read_to_string(library.join(name))?;
        current &= bring(&text, &package.join("src/proto").join(name), check)?;
    }
    let messages = fs::read_to_string(library.join(MESSAGES[0]))?;
    let both = fs::read_to_string(server.join(MESSAGES[0]))?;
    let text = both
        .strip_prefix(&messages)
        .ok_or("the code of a server does not follow the messages")?;
    current &= bring(text, &package.join("tests/proto/staging_server.rs"), check)?;
    fs::remove_dir_all(&made)?;
    Ok(current)
}

/// Writes `text` to `file`, or compares them: whether it was there, or is now.
fn bring(text: &str, file: &Path, check: bool) -> io::Result<bool> {
    let text = HEADER.to_owned() + text;
    let same = fs::read_to_string(file).is_ok_and(|old| old == text);
    if !same && !check {
        fs::write(file, text)?;
    }
    Ok(same || !check)
}
