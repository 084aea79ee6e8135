//! What does a browser see while the emulator is up?

use std::collections::BTreeMap;
use std::sync::Arc;

use emulator::account::{ACCOUNT, OBSERVER, short};
use emulator::cloud::Cloud;
use emulator::deploy;
use emulator::page::{FrontPage, describe};
use image_cascade::deadline::Deadline;
use image_cascade::error::Chain;
use image_cascade::invocation::Invocation;
use image_cascade::scope::Selection;
use image_cascade::settings::Settings;
use image_cascade::view::{FleetView, map};
use image_cascade::{Clients, Endpoint, User};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::Error;
use crate::account::Account;
use crate::log_line::message_of;

/// How many invocations and messages are shown, the newest first.
const SHOWN: usize = 20;

/// How the page is drawn: by the reads that a check makes, which the emulator does not count.
struct Page {
    cloud: Cloud,
    clients: Clients,
    settings: Settings,
}

/// The live page of an account.
///
/// # Errors
/// A setting that is not valid.
pub(crate) async fn front_page(
    account: &Account,
    settings: &[(String, String)],
) -> Result<FrontPage, Error> {
    let mut all: BTreeMap<String, String> = settings.iter().cloned().collect();
    all.entry("CONTROL_PARAMETER".to_owned()).or_insert(deploy::control_parameter()?);
    let settings = Settings::from_lookup(|name| all.get(name).cloned())?;
    let settings = Settings { dry_run: true, ..settings };
    let endpoint =
        Endpoint { url: format!("http://{}", account.address), access_key: OBSERVER.to_owned() };
    let user = User {
        profile: None,
        region: Some(account.cloud.region().to_owned()),
        endpoint: Some(endpoint),
    };
    let clients = Clients::of_user(&user, &settings).await?;
    let page = Arc::new(Page { cloud: account.cloud.clone(), clients, settings });
    Ok(FrontPage::new(move |host| {
        let page = Arc::clone(&page);
        async move { page.draw(&host).await }
    }))
}

impl Page {
    async fn draw(&self, host: &str) -> String {
        let map = match self.view().await {
            Ok(view) => map::fragment(&view),
            Err(problem) => html! { p.problem role="alert" { (problem) } },
        };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width";
                    title { "Image Cascade: " (ACCOUNT) ", " (self.cloud.region()) }
                    style { (PreEscaped(map::style())) (PreEscaped(STYLE)) }
                }
                body {
                    h1 { "Image fleet" small { "live, on this machine" } }
                    main id="live" {
                        (map)
                        section.activity {
                            (self.invocations())
                            (self.messages())
                            (self.dead_letters())
                            details id="controls" {
                                summary { "How to drive this emulator" }
                                pre { (describe(&self.cloud, host)) }
                            }
                        }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        page.into_string()
    }

    async fn view(&self) -> Result<FleetView, String> {
        let deadline = Deadline::none(self.cloud.now());
        let invocation = Invocation { clients: &self.clients, settings: &self.settings, deadline };
        match invocation.survey(&Selection::default()).await {
            Ok(survey) => Ok(FleetView::of(&survey)),
            Err(error) => Err(Chain(&error).to_string()),
        }
    }

    fn invocations(&self) -> Markup {
        let state = self.cloud.state();
        let all = state.invocations.len();
        let newest = state.invocations.iter().enumerate().rev().take(SHOWN);
        html! {
            h2 { "Invocations" small { (all) } }
            @if all == 0 { p.none { "None yet." } }
            @for (index, (function, result)) in newest {
                details id=(format!("invocation-{index}")) {
                    summary {
                        span.mark.failed[result.failed] { (if result.failed { "✕" } else { "✓" }) }
                        b { (function) } " "
                        span { (result.log.lines().rev().find_map(message_of).unwrap_or_default()) }
                    }
                    pre { (result.log.lines().filter_map(message_of).collect::<Vec<_>>().join("\n")) }
                }
            }
        }
    }

    fn messages(&self) -> Markup {
        let state = self.cloud.state();
        let published = state.sns.published();
        let newest = published.iter().enumerate().rev().take(SHOWN);
        html! {
            h2 { "Messages" small { (published.len()) } }
            @if published.is_empty() { p.none { "None yet." } }
            @for (index, message) in newest {
                details id=(format!("message-{index}")) {
                    summary {
                        time { (format!("{:.0}", message.at)) } " "
                        b { (message.topic.rsplit(':').next().unwrap_or_default()) } " "
                        span { (gist(message.subject.as_deref(), &message.message)) }
                    }
                    pre { (message.message) }
                }
            }
        }
    }

    fn dead_letters(&self) -> Markup {
        let state = self.cloud.state();
        let queues: Vec<_> =
            state.sqs.names().map(|name| (name.to_owned(), state.sqs.letters(name))).collect();
        html! {
            @for (name, letters) in queues {
                h2 { "Dead letters" small { (letters.len()) } }
                @if letters.is_empty() { p.none { "None in " (name) "." } }
                @for (index, letter) in letters.iter().enumerate().rev().take(SHOWN) {
                    details id=(format!("letter-{index}")) {
                        summary { span.mark.failed { "✕" } (name) }
                        pre { (letter.body) }
                    }
                }
            }
        }
    }
}

/// What a message is about: its subject, or the image and its status.
fn gist(subject: Option<&str>, message: &str) -> String {
    if let Some(subject) = subject {
        return subject.to_owned();
    }
    let message: serde_json::Value = serde_json::from_str(message).unwrap_or_default();
    let text = |pointer: &str| message.pointer(pointer).and_then(serde_json::Value::as_str);
    match (text("/arn"), text("/state/status")) {
        (Some(arn), Some(status)) => format!("{} is {status}", short(arn)),
        _ => String::new(),
    }
}

/// What the page has beside the map, in the map's own colours.
const STYLE: &str = "
body{margin:0;padding:28px 32px 48px;background:#fbfaf7;color:#1c2530;font:14px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
h1{font-size:19px;margin:0 0 2px}h1 small{font-size:13px;font-weight:400;color:#5b6673;margin-left:10px}
.activity h2{font-size:15px;margin:28px 0 8px}.activity h2 small{color:#5b6673;font-weight:400;margin-left:8px}
.activity details{border-top:1px solid #d9dcd6;max-width:1150px}.activity summary{cursor:pointer;padding:5px 0;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.activity summary time,.activity summary span,.none{color:#5b6673}.activity .mark{display:inline-block;width:20px;color:#0b7a5c}.activity .mark.failed,.problem{color:#b3261e}
.activity pre{margin:0 0 10px 20px;padding:10px 12px;border:1px solid #d9dcd6;border-radius:6px;background:#fff;font:12px/1.55 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere;max-height:420px;overflow:auto}
#controls{margin-top:28px}
@media(prefers-color-scheme:dark){body{background:#12181f;color:#e3e9f0}.activity details,.activity pre{border-color:#2c3743}.activity pre{background:#1a222c}
h1 small,.activity h2 small,.activity summary time,.activity summary span,.none{color:#93a0ae}.activity .mark{color:#3fc79a}.activity .mark.failed,.problem{color:#ff7a70}}
";

/// Reads the page again each second and a half, while it is visible, and keeps open what was open.
const SCRIPT: &str = "
const live = document.getElementById('live');
async function again() {
  if (!document.hidden) {
    try {
      const text = await (await fetch('/')).text();
      const next = new DOMParser().parseFromString(text, 'text/html').getElementById('live');
      for (const open of live.querySelectorAll('details[open][id]')) {
        next.querySelector('#' + CSS.escape(open.id))?.setAttribute('open', '');
      }
      live.replaceChildren(...next.childNodes);
      document.title = document.title.replace(/ \\(ended\\)$/, '');
    } catch {
      if (!document.title.endsWith(' (ended)')) document.title += ' (ended)';
    }
  }
  setTimeout(again, 1500);
}
setTimeout(again, 1500);
";
