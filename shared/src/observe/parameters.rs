//! What does the Parameter Store say, of parents and of the control parameter?

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::aws::Clients;
use crate::aws::parameter_store::parents;
use crate::decide::gate::switch::Switch;
use crate::error::{Chain, RequestError};
use crate::model::fleet::{Fleet, Member};
use crate::model::pipeline::PipelineStatus;
use crate::settings::Settings;

/// Whether the decision depends on the value of a parameter.
pub(super) fn needs_parameter(member: &Member) -> bool {
    member.pipeline.status == PipelineStatus::Enabled && member.parameter_name().is_some()
}

/// What the Parameter Store says.
pub(super) struct Parameters {
    /// What the control parameter says.
    pub(super) switch: Switch,
    /// Why that cannot be read.
    pub(super) control_problem: Option<String>,
    /// The error that kept the parents from being read, which is then a failure of each pipeline that
    /// needs one.
    pub(super) unread: Option<RequestError>,
}

/// The fleet with the values of its parameters, and what the control parameter says, which is read with
/// them.
pub(super) async fn read_parameters(
    clients: &Clients,
    settings: &Settings,
    now: Timestamp,
    fleet: Fleet,
) -> (Fleet, Parameters) {
    let mut names: BTreeSet<_> = fleet
        .members()
        .filter(|member| needs_parameter(member))
        .filter_map(Member::parameter_name)
        .cloned()
        .collect();
    names.extend(settings.control_parameter.clone());
    let (values, unread) = match clients.parameters(&names).await {
        Ok(values) => (values, None),
        Err(error) => (BTreeMap::new(), Some(error)),
    };
    let (mut switch, mut control_problem) = (Switch::Unset, None);
    if let Some(name) = &settings.control_parameter {
        let value = match (&unread, values.get(name)) {
            (Some(error), _) => Err(Chain(error).to_string()),
            (None, Some(Ok(text))) => Ok(text.value.clone()),
            (None, Some(Err(problem))) => Err(problem.clone()),
            (None, None) => Err("it was not read".to_owned()),
        };
        switch = Switch::read(name, value.as_deref().map_err(String::as_str), now);
        if let Switch::Off(off) = &switch {
            control_problem = off.problem.as_ref().map(|_| off.to_string());
        }
    }
    let fleet = fleet.with_parameters(&parents(values));
    (fleet, Parameters { switch, control_problem, unread })
}
