//! Makes the generated code from the `.proto` files: `cargo run -p xtask`.
//! With `--check` it changes nothing, and fails where the code is not current.
//!
//! The library gets the messages; the tests get messages of their own and the
//! code of a server, so that what goes over the wire is read by other eyes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

const PROTOS: [&str; 3] = [
    "lakefs_staging/v1/staging.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
];
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
    let proto = package.join("../../proto");
    let mut current = true;
    for (folder, server) in [("src/proto", false), ("tests/proto", true)] {
        let descriptors = protox::compile(PROTOS, [&proto])?;
        let made = env::temp_dir().join(format!("lakefs-staging-xtask-{}", std::process::id()));
        fs::create_dir_all(&made)?;
        tonic_prost_build::configure()
            .build_client(false)
            .build_server(server)
            .build_transport(false)
            .bytes(".")
            .btree_map(".")
            .disable_comments(["."])
            .emit_rerun_if_changed(false)
            .out_dir(&made)
            .compile_fds(descriptors)?;
        current &= take(&made, &package.join(folder), check)?;
        fs::remove_dir_all(&made)?;
    }
    Ok(current)
}

/// Brings `folder` to what is in `made`, or compares them.
fn take(made: &Path, folder: &Path, check: bool) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    let mut files: Vec<PathBuf> = fs::read_dir(made)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let mut current = true;
    for file in files {
        let Some(name) = file.file_name() else {
            continue;
        };
        let text = HEADER.to_owned() + &fs::read_to_string(&file)?;
        let there = folder.join(name);
        if fs::read_to_string(&there).is_ok_and(|old| old == text) {
            continue;
        }
        if check {
            current = false;
        } else {
            fs::write(there, text)?;
        }
    }
    Ok(current)
}
