//! Lambda: functions as processes, invoked as Lambda does it.
//!
//! A function is the real binary. It runs as a process of its own that speaks the Runtime API to
//! a loopback port of its own (`environment.rs`). Asynchronous invocations are tried three times
//! and then kept in the dead-letter queue.

mod environment;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Semaphore, mpsc, oneshot};

use environment::Environment;

use crate::account::partition;
use crate::clock::Clock;

/// How often an asynchronous invocation is tried again.
const RETRIES: u32 = 2;

/// How many environments of one function run at once.
const ENVIRONMENTS: usize = 10;

/// The variable that tells a program by how many milliseconds the account's time is ahead of the real
/// one.
pub const CLOCK_AHEAD: &str = "EMULATED_CLOCK_AHEAD";

/// What a function is deployed with.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// What runs.
    pub code: Code,
    /// Its environment variables, beyond what Lambda itself sets.
    pub variables: BTreeMap<String, String>,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// The pause before the first retry of an asynchronous invocation; it doubles for the second.
    /// Lambda's own is a minute.
    pub retry_pause: Duration,
    /// Keeps what could not be handled.
    pub dead_letter_queue: Option<String>,
}

/// What a function runs.
#[derive(Clone)]
pub enum Code {
    /// A program, as a process of its own.
    Program {
        /// The executable file.
        path: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// A handler in this process, for runs with a paused clock. It gets the access key that its
    /// calls must have, and the event; an error's text is what Lambda reports.
    Handler(Handler),
}

/// See [`Code::Handler`].
pub type Handler =
    Arc<dyn Fn(String, Value) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Program { path, arguments } => {
                f.debug_struct("Program").field("path", path).field("arguments", arguments).finish()
            }
            Self::Handler(_) => f.write_str("Handler"),
        }
    }
}

/// What came of an invocation.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// The function's answer, or the error that it or Lambda reports.
    pub payload: Value,
    /// Whether it is an error.
    pub failed: bool,
    /// What the function logged meanwhile.
    pub log: String,
}

/// An event that could not be handled, on its way to a queue.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The queue's ARN.
    pub queue: String,
    /// The event.
    pub event: Value,
    /// What the last try reported.
    pub error: String,
}

/// What an invocation causes in other services, or in what is recorded of it.
#[derive(Debug)]
pub enum Effect {
    /// An event could not be handled.
    DeadLetter(DeadLetter),
    /// An invocation has ended.
    InvocationEnded {
        /// The function.
        function: String,
        /// What came of it.
        result: Invoked,
    },
}

/// The functions of one account and Region.
#[derive(Debug, Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    account: String,
    region: String,
    clock: Clock,
    functions: Mutex<BTreeMap<String, Arc<Function>>>,
    kills: Mutex<BTreeMap<String, mpsc::Sender<oneshot::Sender<()>>>>,
    effects: mpsc::UnboundedSender<Effect>,
    counter: AtomicU64,
    /// Asynchronous invocations that have not ended.
    pending: AtomicU64,
    /// Deleted with the last handle.
    logs: TempDir,
}

#[derive(Debug)]
struct Function {
    deployment: Deployment,
    permits: Semaphore,
    idle: Mutex<Vec<Environment>>,
}

/// Locks what a panic elsewhere may have poisoned: the data is still whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lambda {
    /// No functions yet. `effects` receives what invocations cause elsewhere.
    ///
    /// # Errors
    /// The folder for the functions' logs cannot be made.
    pub fn new(
        account: &str,
        region: &str,
        clock: Clock,
        effects: mpsc::UnboundedSender<Effect>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            inner: Arc::new(Inner {
                account: account.to_owned(),
                region: region.to_owned(),
                clock,
                functions: Mutex::new(BTreeMap::new()),
                kills: Mutex::new(BTreeMap::new()),
                effects,
                counter: AtomicU64::new(0),
                pending: AtomicU64::new(0),
                logs: tempfile::Builder::new().prefix("image-cascade-").tempdir()?,
            }),
        })
    }

    /// Deploys a function, or deploys it anew.
    pub fn deploy(&self, deployment: Deployment) {
        let function = Function {
            permits: Semaphore::new(ENVIRONMENTS),
            idle: Mutex::new(Vec::new()),
            deployment,
        };
        lock(&self.inner.functions).insert(function.deployment.name.clone(), Arc::new(function));
    }

    /// The functions' names.
    pub fn names(&self) -> Vec<String> {
        lock(&self.inner.functions).keys().cloned().collect()
    }

    /// The ARN of the function with this name.
    pub fn arn(&self, name: &str) -> String {
        let Inner { account, region, .. } = &*self.inner;
        format!("arn:{}:lambda:{region}:{account}:function:{name}", partition(region))
    }

    /// How many asynchronous invocations have not ended, and how many effects are not applied yet.
    pub fn pending(&self) -> u64 {
        self.inner.pending.load(Ordering::SeqCst)
    }

    /// Invokes a function and waits for its answer. `None` if there is no such function.
    pub async fn invoke(&self, name: &str, event: &Value) -> Option<Invoked> {
        let function = lock(&self.inner.functions).get(name).cloned()?;
        Some(self.run(&function, event).await)
    }

    /// Invokes a function asynchronously: with retries, and a dead letter at the end. False if
    /// there is no such function.
    pub fn invoke_later(&self, name: &str, event: Value) -> bool {
        let Some(function) = lock(&self.inner.functions).get(name).cloned() else { return false };
        self.inner.pending.fetch_add(1, Ordering::SeqCst);
        let this = self.clone();
        tokio::spawn(async move {
            this.run_until_done(&function, event).await;
            this.inner.pending.fetch_sub(1, Ordering::SeqCst);
        });
        true
    }

    /// Sends an effect, which is pending until [`Self::effect_applied`].
    fn emit(&self, effect: Effect) {
        self.inner.pending.fetch_add(1, Ordering::SeqCst);
        if self.inner.effects.send(effect).is_err() {
            // The receiver is gone: the emulator is shutting down.
            self.effect_applied();
        }
    }

    /// An effect has been applied.
    pub fn effect_applied(&self) {
        self.inner.pending.fetch_sub(1, Ordering::SeqCst);
    }

    async fn run_until_done(&self, function: &Function, event: Value) {
        let mut pause = function.deployment.retry_pause;
        for attempt in 0..=RETRIES {
            let result = self.run(function, &event).await;
            if !result.failed {
                return;
            }
            if attempt < RETRIES {
                tokio::time::sleep(pause).await;
                pause *= 2;
            } else if let Some(queue) = function.deployment.dead_letter_queue.clone() {
                let error = result.payload.to_string();
                self.emit(Effect::DeadLetter(DeadLetter { queue, event, error }));
                return;
            }
        }
    }

    async fn run(&self, function: &Function, event: &Value) -> Invoked {
        let result = match self.try_run(function, event).await {
            Ok(result) => result,
            Err(error) => Invoked {
                payload: json!({
                    "errorType": "Runtime.InvalidEntrypoint",
                    "errorMessage": format!("cannot start {}: {error}", function.deployment.name),
                }),
                failed: true,
                log: String::new(),
            },
        };
        let function = function.deployment.name.clone();
        self.emit(Effect::InvocationEnded { function, result: result.clone() });
        result
    }

    async fn try_run(&self, function: &Function, event: &Value) -> std::io::Result<Invoked> {
        // The semaphore is never closed.
        let _permit = function.permits.acquire().await.map_err(std::io::Error::other)?;
        let (program, arguments) = match &function.deployment.code {
            Code::Program { path, arguments } => (path, arguments),
            Code::Handler(handler) => return Ok(self.run_here(function, handler, event).await),
        };
        let ahead = self.inner.clock.moved();
        let idle = loop {
            let environment = lock(&function.idle).pop();
            match environment {
                // One that was started before time was moved goes by an earlier time, and ends here.
                Some(mut environment) => {
                    if environment.ahead() == ahead && environment.is_alive() {
                        break Some(environment);
                    }
                }
                None => break None,
            }
        };
        let mut environment = match idle {
            Some(environment) => environment,
            None => self.start(function, program, arguments, ahead).await?,
        };
        let id = self.next_id();
        let (kill, killed) = mpsc::channel(1);
        lock(&self.inner.kills).insert(environment.caller().to_owned(), kill);
        let request = format!("00000000-0000-4000-a000-{id:012x}");
        let result = environment.invoke(&request, event, killed).await;
        lock(&self.inner.kills).remove(environment.caller());
        if environment.is_alive() {
            lock(&function.idle).push(environment);
        }
        Ok(result)
    }

    /// Runs a handler in this process, with the same deadline and the same death.
    async fn run_here(&self, function: &Function, handler: &Handler, event: &Value) -> Invoked {
        let caller = format!("{}.{}", function.deployment.name, self.next_id());
        let (kill, mut killed) = mpsc::channel::<oneshot::Sender<()>>(1);
        lock(&self.inner.kills).insert(caller.clone(), kill);
        let failure =
            |kind: &str, message: String| json!({ "errorType": kind, "errorMessage": message });
        let work = handler(caller.clone(), event.clone());
        let result = tokio::select! {
            // In a fixed order, so that a run can be repeated.
            biased;
            result = work => result.map_err(|error| failure("Handler", error)),
            Some(done) = killed.recv() => {
                // The receiver is gone if the connection of the call is.
                let _ = done.send(());
                Err(failure("Runtime.ExitError", "Runtime exited: killed".to_owned()))
            }
            () = tokio::time::sleep(function.deployment.timeout) => {
                Err(failure("Sandbox.Timedout", "Task timed out".to_owned()))
            }
        };
        lock(&self.inner.kills).remove(&caller);
        let failed = result.is_err();
        Invoked { payload: result.unwrap_or_else(|error| error), failed, log: String::new() }
    }

    async fn start(
        &self,
        function: &Function,
        program: &Path,
        arguments: &[String],
        ahead: Duration,
    ) -> std::io::Result<Environment> {
        let id = self.next_id();
        let caller = format!("{}.{id}", function.deployment.name);
        let mut variables = BTreeMap::from([
            ("AWS_REGION".to_owned(), self.inner.region.clone()),
            ("AWS_DEFAULT_REGION".to_owned(), self.inner.region.clone()),
            // The access key names the environment, so that a call can be traced to its process.
            ("AWS_ACCESS_KEY_ID".to_owned(), caller.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "emulated".to_owned()),
            ("AWS_SESSION_TOKEN".to_owned(), "emulated".to_owned()),
        ]);
        if !ahead.is_zero() {
            variables.insert(CLOCK_AHEAD.to_owned(), ahead.as_millis().to_string());
        }
        variables.extend(function.deployment.variables.clone());
        let log = self.inner.logs.path().join(format!("{caller}.log"));
        let arn = self.arn(&function.deployment.name);
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(variables);
        Environment::start(command, &function.deployment, caller, log, arn, ahead).await
    }

    fn next_id(&self) -> u64 {
        self.inner.counter.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Kills the process of the environment that makes a call with this access key, and returns
    /// when it is dead.
    pub async fn kill(&self, caller: &str) {
        let kill = lock(&self.inner.kills).get(caller).cloned();
        if let Some(kill) = kill {
            let (done, dead) = oneshot::channel();
            if kill.send(done).await.is_ok() {
                // An error means that the environment is gone, which is what was wanted.
                let _ = dead.await;
            }
        }
    }
}
