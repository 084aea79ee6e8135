//! The program as a newcomer meets it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::binaries::{self, Ran};
use crate::eventually::eventually;
use crate::sources::root;

pub(crate) fn program() -> Command {
    let mut program = Command::new(binaries::program());
    // A person may have no cargo.
    program.env_remove("CARGO").current_dir(root()).stdin(Stdio::null());
    program
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Ran { code, out, err } = program().args(arguments).output().unwrap().into();
    (code, out, err)
}

#[test]
fn given_the_local_run_then_it_succeeds_and_shows_the_fleet() {
    let (code, out, err) = output(&["--build-time", "300ms"]);
    assert_eq!(code, Some(0), "{out}{err}");
    for line in [
        "│  ├─ billing     1.0.0/2  AVAILABLE on java-21 1.0.0/2",
        "started: parent image gold-linux 1.0.0/1 -> 1.0.0/2",
        "skipped: pinned to gold-linux 1.0.0/1, misses gold-linux 1.0.0/2",
        "skipped: the pipeline is disabled",
        "Every pipeline ended as promised: 8 started by the cascade, each once, 2 not started with a reason",
        "started: parameter /imagebuilder/gold-linux/latest ami-",
        "started: component stig-build-linux 1.0.0/1 -> 1.1.0/1",
        "started: component stig-build-linux 1.1.0/1 -> 1.2.0/1",
        "Every pipeline ended as promised: 8 started by the check and the cascade after it, each once, 2 not started",
        "gold-linux  component stig-build-linux 1.2.0/1 -> 1.3.0/1; deferred: starts are switched off by the parameter",
        "deferred: held until 2099-01-01T00:00:00Z: waits for its owner",
        "deferred: outside daily ",
        "each once, 4 not started with a reason, at most 2 builds at once",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "no colours on a pipe");
}

#[test]
fn given_invoke_then_it_prints_the_answer_and_the_log() {
    let (code, out, err) = output(&["invoke", "gold-cascade", "events/available.json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("java-21 started: parent image gold-linux 1.0.0/1 -> 1.0.0/2"), "{out}");
    assert!(out.contains("\"result\": \"started\""), "{out}");
    let (code, out, err) = output(&["invoke", "fleet-map", "events/widget.json"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("drew the whole fleet") && out.contains("java-21"), "{out}");
    let (code, out, _) = output(&["invoke", "gold-cascade", "events/not-json.json"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("the message is not JSON"), "{out}");
}

#[test]
fn given_wrong_arguments_then_one_line_says_why() {
    let said = |arguments: &[&str]| {
        let (code, _, err) = output(arguments);
        assert_ne!(code, Some(0));
        err.lines().next().unwrap_or_default().to_owned()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let malformed =
        std::env::temp_dir().join(format!("image-cascade-test-{}.json", std::process::id()));
    std::fs::write(&malformed, "{\"Records\": [}").unwrap();
    let malformed_path = malformed.to_str().unwrap();
    insta::assert_snapshot!(
        [
            said(&["invoke", "gold-cascade", "events/nothing.json"]),
            said(&["invoke", "gold-cascade", malformed_path]).replace(malformed_path, "FILE"),
            said(&["invoke", "golden-cascade", "events/available.json"]),
            said(&["serve", "--port", &port]).replace(&port, "PORT"),
            said(&["serve", "--build-time", "soon"]),
            said(&["srve"]),
        ].join("\n"),
        @"
    error: events/nothing.json cannot be read: No such file or directory (os error 2); samples are in events/
    error: FILE is not JSON: expected value at line 1 column 14
    error: there is no function `golden-cascade`; there is gold-cascade, dependency-check, fleet-map
    error: port PORT is in use; choose another with --port
    error: invalid value 'soon' for '--build-time <DURATION>': expected number at 0; write it as `200ms`, `10s` or `2m`
    error: unrecognized subcommand 'srve'
    ");
    std::fs::remove_file(malformed).unwrap();
}

#[test]
fn given_help_then_it_names_each_command() {
    let (code, out, _) = output(&["--help"]);
    assert_eq!(code, Some(0));
    for word in ["invoke", "serve", "--build-time", "emulated"] {
        assert!(out.contains(word), "{out}");
    }
}

/// Ends `serve` as a terminal's Ctrl-C and as a supervisor would, while a function is there.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn given_an_interrupt_then_no_process_is_left() {
    for signal in ["-INT", "-TERM"] {
        let mut serve = program()
            .args(["serve", "--empty", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answer = invoke(&address_of(&mut serve));
        assert!(answer.contains("\"function\":\"gold-cascade\""), "{answer}");
        let functions = children_of(serve.id());
        assert_eq!(functions.len(), 1, "the function is there");
        Command::new("kill").args([signal, &serve.id().to_string()]).status().unwrap();
        serve.wait().unwrap();
        let process = PathBuf::from(format!("/proc/{}", functions[0]));
        eventually(&format!("no function is left after {signal}"), || !process.exists()).await;
    }
}

/// A hold's text and a failure's reason are shown as they are, and the page's own reads are not counted.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn given_serve_then_its_page_shows_the_map_live_and_foreign_text_stays_text() {
    let arguments = ["serve", "--port", "0", "--check-every", "1h", "--build-time", "1h"];
    let mut serve = program().args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let address = address_of(&mut serve);
    let page = request(&address, "GET", "/", "");
    for text in ["<title>Image Cascade", "gold-linux", "storefront", "Dead letters", "None yet."] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert!(!page.contains("1 building"), "{page}");
    let calls = request(&address, "GET", "/_emulator/calls", "");
    assert!(calls.ends_with("{}"), "{calls}");
    let event = r#"{"Records": "<script>alert(1)</script>"}"#;
    let path = "/2015-03-31/functions/gold-cascade/invocations";
    let answer = request(&address, "POST", path, event);
    assert!(answer.contains("<script>"), "the function quotes it: {answer}");
    let page = request(&address, "GET", "/", "");
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    assert_eq!(page.matches("<script>").count(), 1, "the page's own alone");
    serve.kill().unwrap();
    serve.wait().unwrap();
}

/// Reads on until `serve` has said that it is ready, and gives the address that it named.
#[cfg(target_os = "linux")]
pub(crate) fn address_of(serve: &mut std::process::Child) -> String {
    let mut lines = BufReader::new(serve.stdout.take().unwrap()).lines().map(Result::unwrap);
    let named = lines.find(|line| line.contains("AWS_ENDPOINT_URL=http://")).unwrap();
    lines.find(|line| line.starts_with("Ready.")).unwrap();
    let rest = named.split("http://").nth(1).unwrap();
    // The pipe stays open for whatever is said later.
    std::thread::spawn(move || lines.for_each(drop));
    rest.split_whitespace().next().unwrap().to_owned()
}

/// Invokes the function as any HTTP client can.
#[cfg(target_os = "linux")]
fn invoke(address: &str) -> String {
    let path = "/2015-03-31/functions/gold-cascade/invocations";
    request(address, "POST", path, r#"{"Records":[]}"#)
}

/// A request of any HTTP client, and the answer to it.
#[cfg(target_os = "linux")]
pub(crate) fn request(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[cfg(target_os = "linux")]
fn children_of(process: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .flat_map(|task| {
            let children = std::fs::read_to_string(task.unwrap().path().join("children")).unwrap();
            children.split_whitespace().map(|child| child.parse().unwrap()).collect::<Vec<u32>>()
        })
        .collect()
}
