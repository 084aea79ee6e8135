//! Which parameters of the Parameter Store does a stack find?

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::cloud::Cloud;
use crate::image_builder::ec2_id;
use crate::template::{Template, TemplateError};

/// The version of the resources that `cdk bootstrap` makes. Output of the CDK asks for one above 5.
const BOOTSTRAP_VERSION: &str = "30";

/// The Parameter Store of the account. Parameters of AWS that it lacks are put there when a stack asks
/// for one.
#[derive(Debug)]
pub(super) struct Store<'a> {
    cloud: &'a Cloud,
    notes: RefCell<Vec<String>>,
}

impl<'a> Store<'a> {
    pub(super) fn new(cloud: &'a Cloud) -> Self {
        Self { cloud, notes: RefCell::default() }
    }

    /// What a parameter holds, by name, with or without a version behind a colon.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let parameters = self.cloud.state().parameters.clone();
        if let Some(value) = parameters.value(name) {
            if parameters.is_public(name) {
                self.note_made_up(name, &value);
            }
            return Some(value);
        }
        let value = if name.starts_with("/aws/service/") {
            ec2_id("ami", name)
        } else if name.starts_with("/cdk-bootstrap/") && name.ends_with("/version") {
            BOOTSTRAP_VERSION.to_owned()
        } else {
            return None;
        };
        self.make_up(name, &value);
        Some(value)
    }

    /// Makes up the image that a parameter holds, if it holds nothing: Image Builder accepts no recipe
    /// whose parent is a parameter that is not there.
    pub(super) fn image(&self, name: &str) {
        if self.value(name).is_none() && !name.starts_with("arn:") {
            self.make_up(name, &ec2_id("ami", name));
        }
    }

    fn make_up(&self, name: &str, value: &str) {
        self.cloud.state().parameters.put(name, value, self.cloud.now());
        self.cloud.wake();
        self.note_made_up(name, value);
    }

    fn note_made_up(&self, name: &str, value: &str) {
        let note = format!("the parameter {name} is made up: {value}");
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// One line for each parameter that was made up.
    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes.into_inner()
    }
}

/// Gives the parameters of a template their values. Returns one line for each that is made up.
///
/// # Errors
/// A value is missing or not allowed, or the Parameter Store does not have it.
pub fn bind(
    cloud: &Cloud,
    template: &mut Template,
    given: &BTreeMap<String, String>,
) -> Result<Vec<String>, TemplateError> {
    let store = Store::new(cloud);
    let mut notes = template.bind(given, &|name| store.value(name))?;
    notes.extend(store.into_notes());
    Ok(notes)
}
