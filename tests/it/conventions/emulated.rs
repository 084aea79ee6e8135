//! Does `docs/emulator.md` list each operation of each emulated service, and say truly whether it is
//! emulated?
//!
//! The emulator itself is asked: each operation is called, and one that is not emulated says so. With
//! `IMAGE_CASCADE_WRITE=1` the page is written anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use tests::strict_client::operations;

use crate::lab::Lab;
use crate::sources::root;
use crate::wire::{Answer, call, form, json};

const BEGIN: &str = "<!-- operations: written by a test -->\n";
const END: &str = "<!-- end of operations -->\n";

/// Each service as a heading names it, and what stands before an operation in its target.
const SERVICES: [(&str, &str, &str); 6] = [
    ("imagebuilder", "EC2 Image Builder", ""),
    ("sns", "SNS", ""),
    ("sqs", "SQS", "AmazonSQS."),
    ("ssm", "Systems Manager", "AmazonSSM."),
    ("lambda", "Lambda", ""),
    ("sts", "STS", ""),
];

async fn ask(lab: &Lab, service: &str, target: &str, operation: &str, route: &str) -> Answer {
    let (method, path) = route.split_once(' ').unwrap();
    let request = match service {
        "sns" | "sts" => form(service, &format!("Action={operation}")),
        "sqs" | "ssm" => json(service, &format!("{target}{operation}"), "{}"),
        _ => {
            // Any text stands for a part of the path; a function is one that there is.
            let path = path.replace("{FunctionName}", "gold-cascade");
            let path =
                regex::Regex::new(r"\{[^}]*\}").unwrap().replace_all(&path, "none").into_owned();
            call(service, method, &path).header("x-amz-invocation-type", "DryRun").body("{}")
        }
    };
    request.send(&lab.cloud).await
}

/// Whether an answer is the refusal of an operation that is not emulated.
fn is_refusal(answer: &Answer) -> bool {
    let codes = ["UnknownOperationException", "InvalidAction"];
    let text = answer.text() + answer.header("x-amzn-errortype");
    answer.status >= 400 && codes.iter().any(|code| text.contains(code))
}

/// The first word of an operation's name, and the rest.
fn verb(operation: &str) -> (&str, &str) {
    let next = operation.char_indices().skip(1).find(|(_, letter)| letter.is_uppercase());
    operation.split_at(next.map_or(operation.len(), |(at, _)| at))
}

async fn tables(lab: &Lab) -> String {
    let mut page = String::new();
    for (service, title, target) in SERVICES {
        let mut by_verb: BTreeMap<&str, [Vec<&str>; 2]> = BTreeMap::new();
        let (mut emulated, all) = (0, &operations()[service]);
        for (operation, route) in all {
            let is_refused = is_refusal(&ask(lab, service, target, operation, route).await);
            emulated += usize::from(!is_refused);
            let (verb, rest) = verb(operation);
            by_verb.entry(verb).or_default()[usize::from(is_refused)].push(rest);
        }
        let count = all.len();
        writeln!(page, "### {title}: {emulated} of {count} operations\n").unwrap();
        writeln!(page, "| | emulated | refused |\n|---|---|---|").unwrap();
        for (verb, lists) in by_verb {
            let [emulated, refused] = lists.map(|it| {
                it.iter().map(|rest| format!("`{verb}{rest}`")).collect::<Vec<_>>().join(" ")
            });
            writeln!(page, "| {verb} | {emulated} | {refused} |").unwrap();
        }
        page.push('\n');
    }
    page
}

#[tokio::test(start_paused = true)]
async fn given_each_operation_of_each_service_then_the_page_says_truly_whether_it_is_emulated() {
    let lab = Lab::silent(&[]);
    let file = root().join("docs/emulator.md");
    let page = fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let tables = tables(&lab).await;
    if std::env::var_os("IMAGE_CASCADE_WRITE").is_some() {
        fs::write(&file, [before, BEGIN, &tables, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        written, tables,
        "docs/emulator.md is out of date: IMAGE_CASCADE_WRITE=1 cargo test --workspace -- given_each_operation_of_each_service"
    );
}
