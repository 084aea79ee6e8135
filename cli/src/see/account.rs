//! Which account is read, with which credentials and by which settings?

use image_cascade::deadline::Deadline;
use image_cascade::error::{Chain, ErrorKind, RequestError};
use image_cascade::invocation::Invocation;
use image_cascade::model::arn::PipelineArn;
use image_cascade::scope::Selection;
use image_cascade::settings::{self, Settings};
use image_cascade::view::Survey;
use image_cascade::{Clients, Endpoint, User};
use jiff::{SignedDuration, Timestamp};

use super::progress::Progress;
use crate::Error;
use crate::command_line;

/// Where `image-cascade serve` answers unless it is told otherwise.
const LOCAL: &str = "http://127.0.0.1:4580";

/// An account that is read.
pub(super) struct Account {
    pub(super) clients: Clients,
    settings: Settings,
    now: Timestamp,
    user: User,
}

impl Account {
    /// Reads the options, and finds Region and credentials. Calls nothing yet.
    pub(super) async fn of(options: &command_line::Account) -> Result<Self, Error> {
        let settings = read_settings(&options.settings)?;
        #[expect(clippy::disallowed_methods, reason = "a person's own program reads the clock")]
        let clock = Timestamp::now();
        let now = options.at.as_deref().map_or(Ok(clock), |text| time(text, clock))?;
        let user = user(&options.caller)?;
        let clients = Clients::of_user(&user, &settings).await?;
        check_region(clients.region())?;
        Ok(Self { clients, settings, now, user })
    }

    /// Reads and decides a selection, and shows how far it is.
    pub(super) async fn survey(&self, selection: &Selection) -> Result<Survey, Error> {
        let progress = Progress::start();
        let invocation = Invocation {
            clients: &self.clients,
            settings: &self.settings,
            deadline: Deadline::none(self.now),
        };
        let survey = invocation.survey(selection).await;
        progress.end();
        let survey = survey.map_err(|error| self.explained(&error))?;
        if !selection.is_everything() && survey.found.lines.is_empty() && survey.ignored.is_empty()
        {
            return Err(self.nothing_selected(&survey, selection).into());
        }
        Ok(survey)
    }

    /// The same for names, each of which has to select a pipeline.
    pub(super) async fn survey_of(&self, names: &[String]) -> Result<(Survey, Selection), Error> {
        let selection = select(names)?;
        let survey = self.survey(&selection).await?;
        for name in names {
            let one = select(std::slice::from_ref(name))?;
            if !survey.fleet.members().any(|it| one.selects(&it.pipeline.arn)) {
                return Err(self.nothing_selected(&survey, &one).into());
            }
        }
        Ok((survey, selection))
    }

    /// The one pipeline that a name selects.
    pub(super) fn only(&self, survey: &Survey, name: &str) -> Result<PipelineArn, Error> {
        let selection = select(&[name.to_owned()])?;
        let all = survey.fleet.members().map(|it| &it.pipeline.arn);
        let mut selected = all.filter(|it| selection.selects(it));
        match (selected.next(), selected.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => Err(self.nothing_selected(survey, &selection).into()),
            (Some(one), Some(other)) => Err(format!(
                "`{name}` selects several pipelines, such as {} and {}; name one",
                one.name(),
                other.name()
            )
            .into()),
        }
    }

    fn nothing_selected(&self, survey: &Survey, selection: &Selection) -> String {
        let mut names: Vec<&str> =
            survey.fleet.members().map(|it| it.pipeline.arn.name()).collect();
        if names.is_empty() {
            let region = self.clients.region().unwrap_or_default();
            return format!("there is no pipeline in {region} of {}", self.who());
        }
        let wanted = selection.to_string();
        // No more letters may differ than a slip of the finger or two explains.
        let is_similar =
            |name: &&str| strsim::damerau_levenshtein(name, &wanted) <= 2 || name.contains(&wanted);
        names.retain(is_similar);
        names.truncate(3);
        match names.as_slice() {
            [] => format!("there is no pipeline `{wanted}`; `image-cascade plan --all` lists all"),
            similar => {
                format!("there is no pipeline `{wanted}`; similar: {}", similar.join(", "))
            }
        }
    }

    /// An error of AWS, with the credentials in use and what to do.
    pub(super) fn explained(&self, error: &RequestError) -> Error {
        let text = Chain(error).to_string();
        let who = self.who();
        let hint = match error.kind() {
            ErrorKind::Forbidden => Some(format!(
                "{who} lacks a right; docs/operations.md has a policy with all that is read"
            )),
            _ if self.user.endpoint.is_some() => {
                Some("is `image-cascade serve` running on its usual port?".to_owned())
            }
            ErrorKind::Transient if endpoint().is_some() => {
                let (name, url) = endpoint().unwrap_or_default();
                Some(format!("the calls go to {url}, by {name}"))
            }
            ErrorKind::Unknown | ErrorKind::Transient if is_about_credentials(&text) => {
                Some(format!(
                    "{who} has no credentials that can be used: sign in (`aws sso login`), pass --profile, or read the emulator with --local"
                ))
            }
            _ => None,
        };
        match hint {
            Some(hint) => format!("{text}\n  {hint}").into(),
            None => text.into(),
        }
    }

    /// The credentials in use, in words.
    #[expect(clippy::disallowed_methods, reason = "a person's own program reads their environment")]
    fn who(&self) -> String {
        let variable = |name| std::env::var(name).ok();
        // In the order in which the SDK takes them.
        match (&self.user.profile, variable("AWS_ACCESS_KEY_ID"), variable("AWS_PROFILE")) {
            _ if self.user.endpoint.is_some() => format!("the emulator at {LOCAL}"),
            (Some(profile), ..) => format!("the profile {profile}"),
            (None, Some(_), _) => "the caller by AWS_ACCESS_KEY_ID".to_owned(),
            (None, None, Some(profile)) => format!("the profile {profile}"),
            (None, None, None) => "the default profile".to_owned(),
        }
    }
}

/// The caller that the options mean.
pub(crate) fn user(options: &command_line::Caller) -> Result<User, Error> {
    check_endpoints()?;
    let is_local = options.local;
    Ok(User {
        profile: options.profile.clone(),
        region: options.region.clone().or_else(|| is_local.then(|| "us-east-1".to_owned())),
        endpoint: is_local
            .then(|| Endpoint { url: LOCAL.to_owned(), access_key: "local".to_owned() }),
    })
}

/// Refuses a Region that is missing, or that cannot be one.
pub(crate) fn check_region(region: Option<&str>) -> Result<&str, Error> {
    match region {
        None => {
            Err("no Region is set: pass --region, or set AWS_REGION or the region of the profile"
                .into())
        }
        Some(region) if !is_region(region) => {
            Err(format!("`{region}` is no Region such as eu-central-1").into())
        }
        Some(region) => Ok(region),
    }
}

/// The variables that name other endpoints than those of AWS.
const ENDPOINTS: [&str; 3] =
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IMAGEBUILDER", "AWS_ENDPOINT_URL_SSM"];

/// The first of these that is set, with its value.
#[expect(clippy::disallowed_methods, reason = "a person's own program reads their environment")]
fn endpoint() -> Option<(&'static str, String)> {
    ENDPOINTS.iter().find_map(|name| Some((*name, std::env::var(name).ok()?)))
}

/// Refuses an endpoint that is no URL, which the SDK does not explain.
fn check_endpoints() -> Result<(), Error> {
    match endpoint() {
        Some((name, url)) if !url.starts_with("http://") && !url.starts_with("https://") => {
            Err(format!("{name} is `{url}`, which is no URL such as http://127.0.0.1:4580").into())
        }
        _ => Ok(()),
    }
}

fn is_region(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(fits)
}

/// Whether an error says that no credentials were found, or that they are not valid.
fn is_about_credentials(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["credential", "token", "sso", "security token", "signature"].iter().any(|it| text.contains(it))
}

/// The pipelines that texts select.
pub(super) fn select(texts: &[String]) -> Result<Selection, Error> {
    Ok(Selection::parse(texts)?)
}

/// The settings, all of which have names that exist. Nothing is written, whatever they say.
fn read_settings(pairs: &[(String, String)]) -> Result<Settings, Error> {
    for (name, _) in pairs {
        if !settings::ALL.contains(&name.as_str()) {
            return Err(format!(
                "there is no setting `{name}`; there is {}",
                settings::ALL.join(", ")
            )
            .into());
        }
    }
    let lookup = |name: &str| {
        let last = pairs.iter().rev().find(|(key, _)| key == name);
        last.map(|(_, value)| value.clone())
    };
    Ok(Settings { dry_run: true, ..Settings::from_lookup(lookup)? })
}

/// A time as `--at` takes it: a moment in UTC, a date, or a length of time from now on.
fn time(text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let date = || text.parse::<jiff::civil::Date>().ok();
    let midnight = || {
        let midnight = date()?.to_datetime(jiff::civil::Time::midnight());
        jiff::tz::TimeZone::UTC.to_timestamp(midnight).ok()
    };
    let length = text.strip_prefix('+').unwrap_or(text);
    let span = || now.checked_add(length.parse::<SignedDuration>().ok()?).ok();
    let moment: Option<Timestamp> = text.parse().ok().or_else(midnight).or_else(span);
    match moment {
        // What was there then is not known now.
        Some(moment) if moment < now => {
            Err(format!("{moment:.0} is past; --at takes a time that is to come").into())
        }
        Some(moment) => Ok(moment),
        None => {
            Err(format!("`{text}` is no time; write it as 2026-11-28T20:00Z, 2026-11-28 or +3h")
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_times_then_moments_dates_and_spans_are_read() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let read =
            |text: &str| time(text, now).map_or_else(|it| it.to_string(), |it| it.to_string());
        insta::assert_snapshot!(
            ["2026-11-28T20:00Z", "2026-11-28", "+3h", "90m", "-1h", "2026-11-28T20:00+01:00", "soon", "20:00"].map(read).join("\n"),
            @"
        2026-11-28T20:00:00Z
        2026-11-28T00:00:00Z
        2026-11-27T15:00:00Z
        2026-11-27T13:30:00Z
        2026-11-27T11:00:00Z is past; --at takes a time that is to come
        2026-11-28T19:00:00Z
        `soon` is no time; write it as 2026-11-28T20:00Z, 2026-11-28 or +3h
        `20:00` is no time; write it as 2026-11-28T20:00Z, 2026-11-28 or +3h
        "
        );
    }

    #[test]
    fn given_settings_then_an_unknown_name_is_refused() {
        let read = |name: &str, value: &str| {
            read_settings(&[(name.to_owned(), value.to_owned())]).map_err(|it| it.to_string())
        };
        assert_eq!(read("MAX_BUILDS", "5").unwrap().max_builds, Some(5));
        assert!(read("DRY_RUN", "false").unwrap().dry_run, "nothing is ever written");
        assert!(read("MAX_BILDS", "5").unwrap_err().starts_with("there is no setting `MAX_BILDS`"));
        assert!(read("MAX_BUILDS", "many").unwrap_err().contains("MAX_BUILDS"));
    }
}
