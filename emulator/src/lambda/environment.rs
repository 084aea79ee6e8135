//! One execution environment: a process, and the Runtime API that it speaks to.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Deployment, Invoked};

/// The longest answer that Lambda takes, in bytes (AWS Lambda Developer Guide, "Lambda quotas").
const LONGEST_ANSWER: usize = 6_291_556;

/// A running function.
#[derive(Debug)]
pub(super) struct Environment {
    caller: String,
    child: Child,
    timeout: Duration,
    ahead: Duration,
    invocations: mpsc::Sender<Invocation>,
    answers: mpsc::Receiver<Answer>,
    log: PathBuf,
    log_read: u64,
    api: JoinHandle<()>,
}

#[derive(Debug)]
struct Invocation {
    request: String,
    event: Bytes,
    deadline: SystemTime,
}

#[derive(Debug)]
struct Answer {
    /// Absent for an error during the function's start.
    request: Option<String>,
    payload: Bytes,
    failed: bool,
}

#[derive(Debug)]
struct Api {
    invocations: Mutex<mpsc::Receiver<Invocation>>,
    answers: mpsc::Sender<Answer>,
    arn: String,
}

impl Environment {
    /// Starts the process of `command`, which has the function's own variables. Its time is `ahead` of
    /// the real one.
    pub(super) async fn start(
        mut command: Command,
        deployment: &Deployment,
        caller: String,
        log: PathBuf,
        arn: String,
        ahead: Duration,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (invocations, waiting) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(4);
        let api = Arc::new(Api { invocations: Mutex::new(waiting), answers: answered, arn });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{request}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{request}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(LONGEST_ANSWER))
            .with_state(api);
        let api = tokio::spawn(async move {
            // It ends with the environment; an error on one connection ends that connection only.
            let _ = axum::serve(listener, routes).await;
        });
        let output = std::fs::File::create(&log)?;
        let child = command
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &deployment.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", deployment.name))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", &caller)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn();
        let child = child.inspect_err(|_| api.abort())?;
        Ok(Self {
            caller,
            child,
            timeout: deployment.timeout,
            ahead,
            invocations,
            answers,
            log,
            log_read: 0,
            api,
        })
    }

    /// The access key of the calls that this environment makes.
    pub(super) fn caller(&self) -> &str {
        &self.caller
    }

    /// By how much its time is ahead of the real one.
    pub(super) fn ahead(&self) -> Duration {
        self.ahead
    }

    /// Whether the process runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Hands over one event and waits for the end: an answer, an error, the deadline, or the
    /// death of the process. After the latter two the environment is not alive any more.
    pub(super) async fn invoke(
        &mut self,
        request: &str,
        event: &Value,
        mut kill: mpsc::Receiver<oneshot::Sender<()>>,
    ) -> Invoked {
        let deadline = tokio::time::Instant::now() + self.timeout;
        #[expect(
            clippy::disallowed_methods,
            reason = "the Runtime API tells deadlines in wall-clock time"
        )]
        let invocation = Invocation {
            request: request.to_owned(),
            event: event.to_string().into(),
            deadline: SystemTime::now() + self.timeout + self.ahead,
        };
        // The channel is closed only with the Runtime API's task, that is never while we live.
        let _ = self.invocations.send(invocation).await;
        let (payload, failed) = loop {
            tokio::select! {
                answer = self.answers.recv() => match answer {
                    Some(answer) if answer.request.as_deref().is_none_or(|id| id == request) => {
                        if answer.request.is_none() {
                            self.stop().await;
                        }
                        let payload = serde_json::from_slice(&answer.payload)
                            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&answer.payload)));
                        break (payload, answer.failed);
                    }
                    // A late answer to an earlier request.
                    Some(_) => {}
                    None => break (error_payload("Runtime.Unknown", "the Runtime API has ended"), true),
                },
                status = self.child.wait() => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    let why = format!("RequestId: {request} Error: Runtime exited: {status}");
                    break (error_payload("Runtime.ExitError", &why), true);
                }
                Some(done) = kill.recv() => {
                    self.stop().await;
                    // The receiver is gone if the connection of the call is.
                    let _ = done.send(());
                    let why = format!("RequestId: {request} Error: Runtime exited: killed");
                    break (error_payload("Runtime.ExitError", &why), true);
                }
                () = tokio::time::sleep_until(deadline) => {
                    self.stop().await;
                    let why = format!("RequestId: {request} Error: Task timed out after {:.2} seconds", self.timeout.as_secs_f64());
                    break (error_payload("Sandbox.Timedout", &why), true);
                }
            }
        };
        Invoked { payload, failed, log: self.new_log() }
    }

    async fn stop(&mut self) {
        // An error means that it is dead already.
        let _ = self.child.kill().await;
    }

    /// What was logged since the last look. The process writes straight to the file, so all that
    /// it wrote before it answered is there.
    fn new_log(&mut self) -> String {
        let mut text = Vec::new();
        let read = std::fs::File::open(&self.log).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.log_read))?;
            file.read_to_end(&mut text)
        });
        match read {
            Ok(_) => {
                self.log_read += text.len() as u64;
                String::from_utf8_lossy(&text).into_owned()
            }
            Err(error) => format!("(the log cannot be read: {error})\n"),
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.api.abort();
    }
}

fn error_payload(kind: &str, message: &str) -> Value {
    json!({ "errorType": kind, "errorMessage": message })
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let Some(invocation) = api.invocations.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = invocation.deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    (
        [
            ("content-type", "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", invocation.request),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", api.arn.clone()),
            (
                "lambda-runtime-trace-id",
                "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned(),
            ),
        ],
        invocation.event,
    )
        .into_response()
}

async fn response(
    State(api): State<Arc<Api>>,
    Path(request): Path<String>,
    payload: Bytes,
) -> StatusCode {
    accept(&api, Some(request), payload, false).await
}

async fn error(
    State(api): State<Arc<Api>>,
    Path(request): Path<String>,
    payload: Bytes,
) -> StatusCode {
    accept(&api, Some(request), payload, true).await
}

async fn init_error(State(api): State<Arc<Api>>, payload: Bytes) -> StatusCode {
    accept(&api, None, payload, true).await
}

async fn accept(api: &Api, request: Option<String>, payload: Bytes, failed: bool) -> StatusCode {
    match api.answers.send(Answer { request, payload, failed }).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}
