//! What does a function do in an execution environment, and how long does it take?

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::Failure;
use crate::contestants::Contestant;
use crate::service::Service;
use crate::share::Share;

/// How long a function may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_mins(10);

/// A process of a function, and Lambda's Runtime API that it speaks to.
pub(crate) struct Environment {
    child: Child,
    api: JoinHandle<()>,
    invocations: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Answer>,
    spawned: Instant,
    ready: Option<oneshot::Receiver<Instant>>,
}

struct Answer {
    at: Instant,
    payload: Bytes,
    failed: bool,
}

struct Api {
    invocations: Mutex<mpsc::Receiver<Bytes>>,
    answers: mpsc::Sender<Answer>,
    ready: Mutex<Option<oneshot::Sender<Instant>>>,
}

impl Environment {
    /// Starts a contestant's process, within a share of a processor if one is given.
    pub(crate) async fn start(
        contestant: &Contestant,
        service: &Service,
        share: Option<&Share>,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (invocations, waiting) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let (is_ready, ready) = oneshot::channel();
        let api = Arc::new(Api {
            invocations: Mutex::new(waiting),
            answers: answered,
            ready: Mutex::new(Some(is_ready)),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{request}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error_at_init))
            // Lambda takes six megabytes; what is too much is to be seen.
            .layer(DefaultBodyLimit::disable())
            .with_state(api);
        let api = tokio::spawn(async move {
            // It ends with the environment.
            let _ = axum::serve(listener, routes).await;
        });
        let mut command = if let Some(share) = share {
            // A shell that becomes the function: so all that the function does is within.
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(share.door());
            shell.args(&contestant.command);
            shell
        } else {
            let mut command = Command::new(&contestant.command[0]);
            command.args(&contestant.command[1..]);
            command
        };
        command
            .env_clear()
            .envs(variables(service))
            .envs(contestant.variables.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let spawned = Instant::now();
        let child = command.spawn().inspect_err(|_| api.abort())?;
        Ok(Self { child, api, invocations, answers, spawned, ready: Some(ready) })
    }

    /// Waits until the function asks for its first event: how long it took since its start.
    pub(crate) async fn ready(&mut self) -> Result<Duration, Failure> {
        let ready = self.ready.take().ok_or("it has been waited for already")?;
        let ready = tokio::time::timeout(PATIENCE, ready).await??;
        Ok(ready - self.spawned)
    }

    /// Invokes the function: what it answers, and when.
    ///
    /// # Errors
    /// The function fails, ends, or takes longer than the timeout.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<(Value, Instant), Failure> {
        self.invocations.send(event.to_string().into()).await?;
        let answer = tokio::select! {
            answer = tokio::time::timeout(PATIENCE, self.answers.recv()) => answer?,
            status = self.child.wait() => return Err(format!("the function ended: {}", status?).into()),
        };
        let Answer { at, payload, failed } = answer.ok_or("the Runtime API has ended")?;
        if failed {
            return Err(
                format!("the function failed: {}", String::from_utf8_lossy(&payload)).into()
            );
        }
        Ok((serde_json::from_slice(&payload)?, at))
    }

    /// When the process was started.
    pub(crate) fn spawned(&self) -> Instant {
        self.spawned
    }

    /// The most memory that the process has had resident, in MiB, and the processor time of its
    /// threads.
    pub(crate) fn used(&self) -> Result<(f64, Duration), Failure> {
        let id = self.child.id().ok_or("the function has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|it| it.trim().split(' ').next()).ok_or("no VmHWM in /proc")?;
        // Of each thread the first number is the nanoseconds that it has run.
        let mut processor = Duration::ZERO;
        for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
            let spent = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let spent = spent.split(' ').next().unwrap_or_default();
            processor += Duration::from_nanos(spent.parse()?);
        }
        Ok((peak.parse::<f64>()? / 1024.0, processor))
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.api.abort();
    }
}

fn variables(service: &Service) -> BTreeMap<&'static str, String> {
    let roots = service.roots.display().to_string();
    BTreeMap::from([
        ("AWS_ACCESS_KEY_ID", "bench".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
        ("AWS_REGION", emulator::account::REGION.to_owned()),
        ("AWS_DEFAULT_REGION", emulator::account::REGION.to_owned()),
        ("AWS_ENDPOINT_URL", service.endpoint.clone()),
        // For rustls and for botocore.
        ("SSL_CERT_FILE", roots.clone()),
        ("AWS_CA_BUNDLE", roots),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".to_owned()),
        ("PATH", "/usr/bin:/bin".to_owned()),
    ])
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    if let Some(ready) = api.ready.lock().await.take() {
        // The receiver is gone after the first answer if no other one counts.
        let _ = ready.send(Instant::now());
    }
    let Some(event) = api.invocations.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    #[expect(clippy::disallowed_methods, reason = "the Runtime API tells deadlines in real time")]
    let deadline = SystemTime::now() + Duration::from_mins(15);
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    (
        [
            ("content-type", "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000".to_owned()),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:bench".to_owned(),
            ),
        ],
        event,
    )
        .into_response()
}

async fn response(
    State(api): State<Arc<Api>>,
    Path(_): Path<String>,
    payload: Bytes,
) -> StatusCode {
    accept(&api, payload, false).await
}

async fn error(State(api): State<Arc<Api>>, Path(_): Path<String>, payload: Bytes) -> StatusCode {
    accept(&api, payload, true).await
}

async fn error_at_init(State(api): State<Arc<Api>>, payload: Bytes) -> StatusCode {
    accept(&api, payload, true).await
}

async fn accept(api: &Api, payload: Bytes, failed: bool) -> StatusCode {
    let at = Instant::now();
    match api.answers.send(Answer { at, payload, failed }).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}
