//! On what is it measured?

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The machine and the versions; printed, since a figure without them says little.
pub(crate) fn describe(root: &Path, python: &str) -> BTreeMap<&'static str, String> {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().next().map(str::to_owned)
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field(&file("/proc/cpuinfo"), "model name").unwrap_or_default();
    let peer = file(&root.join("bench/peer/requirements.txt").display().to_string());
    let unknown = || "unknown".to_owned();
    let machine = BTreeMap::from([
        ("processor", format!("{processor}, {cores} cores")),
        ("memory", field(&file("/proc/meminfo"), "MemTotal").unwrap_or_else(unknown)),
        ("system", said("uname", &["-sr"]).unwrap_or_else(unknown)),
        ("rust", said("rustc", &["--version"]).unwrap_or_else(unknown)),
        ("python", said(python, &["--version"]).unwrap_or_else(unknown)),
        ("peer", peer.split_whitespace().collect::<Vec<_>>().join(" ")),
        ("commit", said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(unknown)),
    ]);
    for (name, value) in &machine {
        println!("{name:>10}  {value}");
    }
    machine
}
