//! How do the services work together?
//!
//! Image Builder publishes to SNS, SNS delivers to Lambda and SQS, Lambda's dead letters go to
//! SQS. A task of the runtime advances time in Image Builder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::account::{ACCOUNT, OBSERVER, REGION, partition};
use crate::answer_listener::AnswerListener;
use crate::call_listener::{Call, CallListener};
use crate::clock::Clock;
use crate::events::EventBus;
use crate::failure::Failure;
use crate::faults::{Fault, Faults, Kind};
use crate::iam::{Need, Role};
use crate::image_builder::{ApiError, Doc, ImageBuilder, Input, Notice, ResponseFault};
use crate::lambda::{Effect, Invoked, Lambda};
use crate::latency::Latency;
use crate::rate_limit::RateLimit;
use crate::scheduler::Scheduler;
use crate::sns::{Delivery, Message, Sns};
use crate::sqs::Sqs;
use crate::ssm::{Documents, ParameterStore};

/// Image Builder, as requests are signed for it.
const SERVICE: &str = "imagebuilder";

/// All services of one account and Region. Cloning gives another handle to the same.
#[derive(Debug, Clone)]
pub struct Cloud {
    shared: Arc<Shared>,
    driver: Arc<Driver>,
}

/// A handle that does not keep the services alive, for what they themselves hold: the handler of a
/// function, for example. See [`Cloud::downgrade`].
#[derive(Debug, Clone)]
pub struct WeakCloud {
    shared: Weak<Shared>,
    driver: Weak<Driver>,
}

#[derive(Debug)]
struct Shared {
    region: String,
    clock: Clock,
    state: Mutex<State>,
    /// There may be something due sooner.
    changed: Notify,
    lambda: Lambda,
    /// Messages that are on their way to the topics.
    publishing: AtomicU64,
    /// How many requests were answered.
    answered: AtomicU64,
}

/// The state of all services but Lambda.
#[derive(Debug)]
pub struct State {
    /// Image Builder.
    pub image_builder: ImageBuilder,
    /// The Parameter Store.
    pub parameters: ParameterStore,
    /// The documents of Systems Manager: Change Calendars.
    pub documents: Documents,
    /// How many calls a second Image Builder accepts; all of them if none.
    pub rate_limit: Option<RateLimit>,
    /// How many items a page of Image Builder's lists has at most, whatever `maxResults` says. Pages
    /// may be short (`docs/image-builder.md`, Pages and filters).
    pub longest_page: Option<u64>,
    /// How long calls to Image Builder take; no time if none.
    pub latency: Option<Latency>,
    /// Is called for every call to Image Builder.
    pub call_listener: Option<Box<dyn CallListener>>,
    /// Is called for every answer in JSON.
    pub answer_listener: Option<Box<dyn AnswerListener>>,
    /// What each function may do. A caller without an entry may do everything.
    pub roles: BTreeMap<String, Role>,
    /// Refused actions, in order: the function's name and the action.
    pub refused: Vec<(String, String)>,
    /// The calls of other services than Image Builder that a fault has left without a good answer:
    /// the caller, and the operation as a fault names it.
    pub unanswered: Vec<(String, String)>,
    /// EventBridge.
    pub bus: EventBus,
    /// EventBridge Scheduler.
    pub scheduler: Scheduler,
    /// SNS.
    pub sns: Sns,
    /// SQS.
    pub sqs: Sqs,
    /// What is to go wrong.
    pub faults: Faults,
    /// Every call to Image Builder and the Parameter Store, by operation.
    pub calls: BTreeMap<String, u64>,
    /// The invocations that have ended, oldest first.
    pub invocations: Vec<(String, Invoked)>,
}

/// The tasks that end with the last handle.
#[derive(Debug)]
struct Driver(Vec<JoinHandle<()>>);

impl Drop for Driver {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl WeakCloud {
    /// The services, unless their last handle is gone.
    pub fn upgrade(&self) -> Option<Cloud> {
        Some(Cloud { shared: self.shared.upgrade()?, driver: self.driver.upgrade()? })
    }
}

impl Cloud {
    /// An empty account whose builds take `build_time`. Must be called within a runtime.
    ///
    /// # Errors
    /// The folder for the functions' logs cannot be made.
    pub fn new(clock: Clock, build_time: Duration) -> std::io::Result<Self> {
        Self::in_region(REGION, clock, build_time)
    }

    /// The same in another Region, and so in the partition that this one lies in.
    ///
    /// # Errors
    /// The folder for the functions' logs cannot be made.
    pub fn in_region(region: &str, clock: Clock, build_time: Duration) -> std::io::Result<Self> {
        let (effects, received) = mpsc::unbounded_channel();
        let bus = EventBus::new(region);
        let parameters = ParameterStore::new(ACCOUNT, region, bus.clone(), clock.now());
        let shared = Arc::new(Shared {
            region: region.to_owned(),
            state: Mutex::new(State {
                image_builder: ImageBuilder::new(
                    ACCOUNT,
                    region,
                    build_time,
                    parameters.clone(),
                    bus.clone(),
                    clock.now(),
                ),
                parameters,
                documents: Documents::new(ACCOUNT, region, bus.clone()),
                rate_limit: None,
                longest_page: None,
                latency: None,
                call_listener: None,
                answer_listener: None,
                roles: BTreeMap::new(),
                refused: Vec::new(),
                unanswered: Vec::new(),
                bus,
                scheduler: Scheduler::default(),
                sns: Sns::default(),
                sqs: Sqs::default(),
                faults: Faults::default(),
                calls: BTreeMap::new(),
                invocations: Vec::new(),
            }),
            changed: Notify::new(),
            publishing: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            lambda: Lambda::new(ACCOUNT, region, clock.clone(), effects)?,
            clock,
        });
        let driver = Driver(vec![
            tokio::spawn(advance_time(Arc::clone(&shared))),
            tokio::spawn(apply_effects(Arc::clone(&shared), received)),
        ]);
        Ok(Self { shared, driver: Arc::new(driver) })
    }

    /// A handle that does not keep the services alive.
    pub fn downgrade(&self) -> WeakCloud {
        let (shared, driver) = (Arc::downgrade(&self.shared), Arc::downgrade(&self.driver));
        WeakCloud { shared, driver }
    }

    /// The state of the services. Hold it briefly.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// Where the account is.
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// The emulator's time.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Lambda.
    pub fn lambda(&self) -> &Lambda {
        &self.shared.lambda
    }

    /// An id for the next answer: another one each time, and the same ones in each run.
    pub(crate) fn next_request_id(&self) -> String {
        let number = self.shared.answered.fetch_add(1, Ordering::Relaxed);
        format!("00000000-0000-4000-b000-{number:012x}")
    }

    /// Whether no fault is to strike.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.state().faults.is_empty()
    }

    /// Shows an answer to the listener.
    pub(crate) fn answered(&self, service: &str, operation: &str, answer: Result<&Value, &str>) {
        if let Some(listener) = &mut self.state().answer_listener {
            listener.answered(service, operation, answer);
        }
    }

    /// Makes the task of time look again: something may be due sooner.
    pub fn wake(&self) {
        self.shared.changed.notify_one();
    }

    /// Writes a Change Calendar from its iCalendar text: a new one, or the next version of one.
    ///
    /// # Errors
    /// As Systems Manager refuses it.
    pub fn put_calendar(&self, name: &str, text: &str) -> Result<(), String> {
        let now = self.now();
        let written = self.state().documents.put_calendar(name, text, now);
        self.wake();
        written
    }

    /// Delivers what SNS has to deliver.
    pub fn deliver(&self, deliveries: Vec<Delivery>) {
        self.shared.deliver(deliveries);
    }

    /// Whether nothing happens any more by itself: no build runs, no message and no invocation is
    /// on its way.
    pub fn is_at_rest(&self) -> bool {
        // In the order in which one leads to the next, so that nothing slips by.
        self.state().image_builder.next_step().is_none() && self.shared.is_delivered()
    }

    /// Waits until [`Self::is_at_rest`].
    pub async fn rest(&self) {
        while !self.is_at_rest() {
            let next = self.state().image_builder.next_step();
            match next {
                Some(at) => tokio::time::sleep_until(self.shared.clock.instant(at)).await,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            // Other tasks that the same instant wakes run first.
            tokio::task::yield_now().await;
        }
    }

    /// Invokes a function each `period` with the event of that time.
    pub fn schedule(
        &self,
        function: &str,
        period: Duration,
        event: impl Fn(Timestamp) -> Value + Send + Sync + 'static,
    ) {
        let now = self.now();
        self.state().scheduler.add(function, period, event, now);
        self.wake();
    }

    /// Moves time forward by `duration`: to each moment on the way at which something happens by itself,
    /// and then to the end. Time moves on once each message and invocation that follows has ended; what
    /// a fault or a retry holds back is waited for in real time.
    ///
    /// # Errors
    /// There is no such time.
    pub async fn advance(&self, duration: Duration) -> Result<(), jiff::Error> {
        let end = self.now().checked_add(duration)?;
        loop {
            while !self.shared.is_settled() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let next = self.shared.next_event().filter(|at| *at <= end);
            self.shared.clock.move_to(next.unwrap_or(end));
            self.wake();
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether the caller may do what a call needs; if not, the refusal.
    ///
    /// # Errors
    /// In the words of AWS, which name the action.
    pub fn authorize(&self, caller: &str, needs: &[Need]) -> Result<(), String> {
        let function = caller.split('.').next().unwrap_or_default();
        let mut state = self.state();
        let Some(role) = state.roles.get(function) else { return Ok(()) };
        let Some(Need { action, resource, .. }) = needs.iter().find(|need| !role.allows(need))
        else {
            return Ok(());
        };
        state.refused.push((function.to_owned(), action.clone()));
        let partition = partition(self.region());
        Err(format!(
            "User: arn:{partition}:sts::{ACCOUNT}:assumed-role/{function}/{function} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
        ))
    }

    /// Carries out one operation of Image Builder, with the faults that strike it.
    ///
    /// # Errors
    /// The service's refusal, or [`Failure::Lost`] where the caller gets no answer.
    pub async fn image_builder(
        &self,
        operation: &str,
        input: &Input,
        caller: &str,
    ) -> Result<Doc, Failure> {
        if caller == OBSERVER {
            let now = self.now();
            let mut state = self.state();
            let answer = state.image_builder.call(operation, input, ResponseFault::default(), now);
            return answer.map_err(Failure::Refused);
        }
        let latency = self.state().latency.as_mut().map(Latency::next_call);
        if let Some(latency) = latency {
            tokio::time::sleep(latency).await;
        }
        let call = |fault| Call { at: self.now(), caller, operation, input, fault };
        let fault = {
            let mut state = self.state();
            *state.calls.entry(operation.to_owned()).or_default() += 1;
            let now = self.now();
            if state.rate_limit.as_mut().is_some_and(|limit| !limit.admits(now)) {
                if let Some(listener) = &mut state.call_listener {
                    listener.prevented(&call(None));
                }
                return Err(throttled());
            }
            state.faults.strike(SERVICE, operation)
        };
        let kind = fault.as_ref().map(|fault| fault.kind);
        if let Some(kind) = kind.filter(|kind| kind.prevents_effect())
            && let Some(listener) = &mut self.state().call_listener
        {
            listener.prevented(&call(Some(kind)));
        }
        self.before(SERVICE, fault.as_ref(), caller).await?;
        let answer = {
            let mut state = self.state();
            let response_fault = ResponseFault {
                short_pages: kind == Some(Kind::ShortPages),
                empty_page: kind == Some(Kind::EmptyPage),
                unreadable_item: kind == Some(Kind::UnreadableItem),
                longest_page: state.longest_page,
                as_of: fault.as_ref().and_then(|fault| fault.shows(self.now())),
                lies: state.faults.lies(operation),
            };
            let State { image_builder, call_listener, faults, .. } = &mut *state;
            let call = call(kind);
            if let Some(listener) = call_listener {
                listener.before(&call, image_builder);
            }
            let answer = image_builder.call(operation, input, response_fault, call.at);
            for lie in image_builder.lies_told(operation, input, response_fault) {
                faults.note(lie);
            }
            if let Some(listener) = call_listener {
                listener.after(&call, &answer, image_builder);
            }
            answer
        };
        self.wake();
        self.after(kind, caller).await?;
        answer.map_err(Failure::Refused)
    }

    /// What strikes a call of another service than Image Builder, which goes on as
    /// [`Self::before`] and [`Self::after`] say.
    pub fn strike(&self, service: &str, operation: &str) -> Option<Fault> {
        self.state().faults.strike(service, operation)
    }

    /// What a fault does before a call has its effect.
    ///
    /// # Errors
    /// The call has none, and is answered so.
    pub async fn before(
        &self,
        service: &str,
        fault: Option<&Fault>,
        caller: &str,
    ) -> Result<(), Failure> {
        let Some(fault) = fault else { return Ok(()) };
        if let Some((status, code, message)) = fault.kind.refusal(service) {
            let message = fault.message.as_deref().unwrap_or(message);
            return Err(Failure::Refused(ApiError::with_status(status, code, message)));
        }
        match fault.kind {
            Kind::KillBefore => {
                self.lambda().kill(caller).await;
                Err(Failure::Lost)
            }
            Kind::Slow => {
                tokio::time::sleep(fault.duration()).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What a fault does after a call has had its effect.
    ///
    /// # Errors
    /// The caller gets no answer.
    pub async fn after(&self, kind: Option<Kind>, caller: &str) -> Result<(), Failure> {
        match kind {
            Some(Kind::LostReply) => Err(Failure::Lost),
            Some(Kind::KillAfter) => {
                self.lambda().kill(caller).await;
                Err(Failure::Lost)
            }
            _ => Ok(()),
        }
    }
}

/// What Image Builder answers above its rate limit.
fn throttled() -> Failure {
    let (status, code, message) = Kind::Throttle.refusal(SERVICE).unwrap_or_default();
    Failure::Refused(ApiError::with_status(status, code, message))
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            match delivery {
                Delivery::Function(function, event) => {
                    // A subscription may outlive its function; then the event is lost.
                    self.lambda.invoke_later(&function, event);
                }
                Delivery::Queue(queue, body) => {
                    let now = self.clock.now();
                    self.state().sqs.send(&queue, body, Map::new(), now);
                }
            }
        }
    }

    /// When something happens next by itself.
    fn next_event(&self) -> Option<Timestamp> {
        let State { image_builder, documents, scheduler, .. } = &*self.state();
        let next = [image_builder.next_event(), documents.next_event(), scheduler.next_event()];
        next.into_iter().flatten().min()
    }

    /// Whether all has happened that is due, and all that followed from it.
    fn is_settled(&self) -> bool {
        // In the order in which one leads to the next, so that nothing slips by.
        self.next_event().is_none_or(|at| at > self.clock.now()) && self.is_delivered()
    }

    /// Whether no event, message or invocation is on its way.
    fn is_delivered(&self) -> bool {
        // In the order in which one leads to the next, so that nothing slips by.
        self.state().bus.is_empty()
            && self.publishing.load(Ordering::SeqCst) == 0
            && self.lambda.pending() == 0
    }

    /// Invokes the functions that rules of EventBridge name.
    fn deliver_events(self: &Arc<Self>, state: &mut State) {
        for (function, event) in state.bus.take() {
            let fault = state.faults.strike("", "Event");
            match fault.as_ref().map(|fault| fault.kind) {
                Some(Kind::Drop) => {}
                Some(Kind::Delay) => {
                    let by = fault.as_ref().map(Fault::duration).unwrap_or_default();
                    self.publishing.fetch_add(1, Ordering::SeqCst);
                    let shared = Arc::clone(self);
                    tokio::spawn(async move {
                        tokio::time::sleep(by).await;
                        shared.lambda.invoke_later(&function, event);
                        shared.publishing.fetch_sub(1, Ordering::SeqCst);
                    });
                }
                Some(Kind::Duplicate) => {
                    self.lambda.invoke_later(&function, event.clone());
                    self.lambda.invoke_later(&function, event);
                }
                _ => {
                    self.lambda.invoke_later(&function, event);
                }
            }
        }
    }

    fn publish(&self, notice: Notice) {
        let message = Message { topic: notice.topic, body: notice.message, ..Message::default() };
        let now = self.clock.now();
        let published = self.state().sns.publish(&message, now);
        // To a topic that does not exist the message is lost, without an error, as in AWS.
        if let Ok((_, deliveries)) = published {
            self.deliver(deliveries);
        }
    }
}

async fn advance_time(shared: Arc<Shared>) {
    loop {
        match shared.next_event() {
            Some(at) => tokio::select! {
                biased;
                () = tokio::time::sleep_until(shared.clock.instant(at)) => {}
                () = shared.changed.notified() => {}
            },
            None => shared.changed.notified().await,
        }
        let now = shared.clock.now();
        let notices = {
            let mut state = shared.state();
            let notices = state.image_builder.advance(now);
            state.documents.advance(now);
            for (function, event) in state.scheduler.advance(now) {
                shared.lambda.invoke_later(&function, event);
            }
            shared.deliver_events(&mut state);
            shared.publishing.fetch_add(notices.len() as u64, Ordering::SeqCst);
            notices
        };
        for notice in notices {
            let fault = shared.state().faults.strike("", "Notification");
            publish_with(&shared, notice, fault.as_ref());
        }
    }
}

fn publish_with(shared: &Arc<Shared>, notice: Notice, fault: Option<&Fault>) {
    let sent = |shared: &Shared| shared.publishing.fetch_sub(1, Ordering::SeqCst);
    match fault.map(|fault| (fault.kind, fault.duration())) {
        Some((Kind::Drop, _)) => {}
        Some((Kind::Duplicate, _)) => {
            shared.publish(notice.clone());
            shared.publish(notice);
        }
        Some((Kind::Delay, by)) => {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                tokio::time::sleep(by).await;
                shared.publish(notice);
                sent(&shared);
            });
            return;
        }
        _ => shared.publish(notice),
    }
    sent(shared);
}

async fn apply_effects(shared: Arc<Shared>, mut effects: mpsc::UnboundedReceiver<Effect>) {
    while let Some(effect) = effects.recv().await {
        match effect {
            Effect::DeadLetter(letter) => {
                let attributes = json!({
                    "ErrorCode": { "DataType": "Number", "StringValue": "200" },
                    "ErrorMessage": { "DataType": "String", "StringValue": letter.error },
                });
                let attributes = attributes.as_object().cloned().unwrap_or_default();
                let event: Value = letter.event;
                let now = shared.clock.now();
                shared.state().sqs.send(&letter.queue, event.to_string(), attributes, now);
            }
            Effect::InvocationEnded { function, result } => {
                shared.state().invocations.push((function, result));
            }
        }
        shared.lambda.effect_applied();
    }
}
