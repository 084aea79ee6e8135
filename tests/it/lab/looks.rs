//! What does a person see of the account?

use std::fmt::Write as _;

use image_cascade::Clients;
use image_cascade::deadline::Deadline;
use image_cascade::invocation::Invocation;
use image_cascade::scope::Selection;
use image_cascade::settings::Settings;
use image_cascade::view::{Survey, Why};
use tests::wire::sdk_config;

use super::Lab;

impl Lab {
    /// Surveys the pipelines of these names, or all, with settings and with the rights of the lab.
    pub(crate) async fn survey(&self, names: &[&str], settings: &[(&str, &str)]) -> Survey {
        let lookup = |name: &str| {
            let value = settings.iter().find(|(key, _)| *key == name);
            value.map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings { dry_run: true, ..Settings::from_lookup(lookup).unwrap() };
        let clients = Clients::new(sdk_config(&self.cloud, "test"), &settings);
        let deadline = Deadline::none(self.cloud.now());
        let invocation = Invocation { clients: &clients, settings: &settings, deadline };
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        invocation.survey(&Selection::parse(&names).unwrap()).await.unwrap()
    }

    /// Why one pipeline stands as it does, a row a line.
    pub(crate) async fn why(&self, name: &str, settings: &[(&str, &str)]) -> String {
        let survey = self.survey(&[name], settings).await;
        let pipeline = emulator::fleet::pipeline_arn(name).parse().unwrap();
        let why = Why::of(&survey, &pipeline).unwrap();
        let mut said = format!("{} {}: {}\n", why.state.mark(), why.name, why.headline);
        for row in &why.rows {
            writeln!(said, "{}: {}", row.label, row.text).unwrap();
        }
        said.trim_end().to_owned()
    }
}
