//! Who is compared, and how do they come into being?

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// How many calls a second the one is told that is told.
const TOLD: u32 = 50;

/// A function that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Contestant {
    /// What it is called in the tables.
    pub(crate) label: &'static str,
    /// How it is started.
    pub(crate) command: Vec<String>,
    /// Variables of its own.
    pub(crate) variables: Vec<(String, String)>,
}

/// All of them, built.
pub(crate) struct Contestants {
    /// `gold-cascade`, as it is deployed.
    pub(crate) ours: Contestant,
    /// The same, told how many calls a second it may make.
    pub(crate) ours_told: Contestant,
    /// Another build of `gold-cascade`, to be compared in the same run.
    pub(crate) other_build: Option<Contestant>,
    /// `dependency-check`, as it is deployed.
    pub(crate) check: Contestant,
    /// Runtime and one call, in Rust.
    pub(crate) floor: Contestant,
    /// boto3, one child after the other.
    pub(crate) python: Contestant,
    /// The same, ten children at once.
    pub(crate) python_threads: Contestant,
    /// Whether those two take part.
    pub(crate) with_peer: bool,
}

impl Contestants {
    /// How each is started.
    pub(crate) fn new(root: &Path) -> Self {
        let release = root.join("target/release");
        // The others start all at once, too; `budget` measures what the limit costs.
        let unlimited = ("MAX_BUILDS".to_owned(), "none".to_owned());
        let rust = |label, name: &str| Contestant {
            label,
            command: vec![release.join(name).display().to_string()],
            variables: vec![unlimited.clone()],
        };
        let peer = root.join("bench/peer").display().to_string();
        let interpreter = python_folder(root).join("bin/python").display().to_string();
        let python = |label, threads: u32| Contestant {
            label,
            command: [&interpreter, "-m", "awslambdaric", "gold_cascade.handler"]
                .map(str::to_owned)
                .to_vec(),
            variables: vec![
                ("PYTHONPATH".to_owned(), peer.clone()),
                ("LAMBDA_TASK_ROOT".to_owned(), peer.clone()),
                ("THREADS".to_owned(), threads.to_string()),
            ],
        };
        let ours = rust("ours", "gold-cascade");
        let told = ("CALLS_PER_SECOND".to_owned(), TOLD.to_string());
        Self {
            ours_told: Contestant {
                label: "ours, told",
                variables: vec![told, unlimited.clone()],
                ..ours.clone()
            },
            ours,
            other_build: None,
            check: rust("dependency-check", "dependency-check"),
            floor: rust("floor", "floor"),
            python: python("boto3", 1),
            python_threads: python("boto3, 10 threads", 10),
            with_peer: true,
        }
    }

    /// Lets another build of `gold-cascade` take part.
    pub(crate) fn add_other_build(&mut self, binary: &Path) {
        let command = vec![binary.display().to_string()];
        self.other_build =
            Some(Contestant { label: "ours, other build", command, ..self.ours.clone() });
    }

    /// Ours and the floor, another build of ours, and the peer, as far as they take part.
    pub(crate) fn for_cold_starts(&self) -> Vec<&Contestant> {
        let peer = self.with_peer.then_some(&self.python);
        [&self.floor, &self.ours].into_iter().chain(&self.other_build).chain(peer).collect()
    }

    /// Ours, and the peer if it takes part. Where as many calls a second are let through as ours can
    /// be told, it takes part that way, too.
    pub(crate) fn for_cascades(&self, rate: Option<u32>) -> Vec<&Contestant> {
        let told = (rate == Some(TOLD)).then_some(&self.ours_told);
        let peers = [&self.python, &self.python_threads].into_iter().filter(|_| self.with_peer);
        std::iter::once(&self.ours).chain(&self.other_build).chain(told).chain(peers).collect()
    }

    /// Builds what is in Rust as a release, and makes a Python environment for the peer.
    ///
    /// # Errors
    /// Something cannot be built; what the builder says has gone to standard error by then.
    pub(crate) fn build(&self, root: &Path, python: &str) -> Result<(), Failure> {
        // The floor by itself: built with it, ours would get the features of its dependencies.
        for packages in [["gold-cascade", "dependency-check"].as_slice(), &["floor"]] {
            let mut cargo = Command::new("cargo");
            cargo.current_dir(root).args(["build", "--release", "--quiet"]);
            run(cargo.args(packages.iter().flat_map(|name| ["--package", name])))?;
        }
        if self.with_peer { install_the_peer(root, python) } else { Ok(()) }
    }
}

fn python_folder(root: &Path) -> PathBuf {
    root.join("target/bench/python")
}

fn install_the_peer(root: &Path, python: &str) -> Result<(), Failure> {
    let folder = python_folder(root);
    let wanted = std::fs::read_to_string(root.join("bench/peer/requirements.txt"))?;
    let stamp = folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(root.join("bench/peer/requirements.txt")))?;
        std::fs::write(&stamp, wanted)?;
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}
