//! Where are the programs that the tests start as processes?

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::LazyLock;

use emulator::functions;
use emulator::lambda::Code;

/// The program that a person runs.
const PROGRAM: &str = "image-cascade";

/// What a program ended with.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), out: text(stdout), err: text(stderr) }
    }
}

/// The folder of this test's own program, in which cargo builds the others.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().unwrap().parent().unwrap().to_owned();
    // `cargo test` does not build the binaries of other packages. The workspace's features are those
    // that this program was built with, so that nothing is compiled twice.
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--bin", PROGRAM]);
    build.args(functions::names().flat_map(|name| ["--bin", name]));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).arg("--workspace").status().unwrap();
    assert!(status.success(), "the binaries cannot be built");
    folder
});

/// The program that a person runs, built.
pub(crate) fn program() -> PathBuf {
    FOLDER.join(PROGRAM).with_extension(std::env::consts::EXE_EXTENSION)
}

/// The own binary of each function, built.
pub(crate) fn of_functions() -> impl Fn(functions::Function) -> Code {
    |function| Code::Program { path: FOLDER.join(function.binary()), arguments: Vec::new() }
}
