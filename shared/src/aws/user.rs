//! With which credentials does a person's own program call AWS?

use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileLoadError, load};
use aws_config::provider_config::ProviderConfig;
use aws_config::{ConfigLoader, Region, SdkConfig};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_imagebuilder::config::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};
use thiserror::Error;

/// What a person's command line says about the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The profile; if absent, the environment's credentials, its profile, or the default one.
    pub profile: Option<String>,
    /// The Region; that of the environment or of the profile, if absent.
    pub region: Option<String>,
    /// Another endpoint than those of AWS, for all services.
    pub endpoint: Option<Endpoint>,
}

/// An endpoint that takes any credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its URL.
    pub url: String,
    /// The access key, by which it knows the caller.
    pub access_key: String,
}

/// A profile that cannot be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// No file has it.
    #[error("there is no profile `{name}` in the AWS configuration files; there is {there}")]
    Missing {
        /// The profile.
        name: String,
        /// The profiles that there are.
        there: String,
    },
    /// The files cannot be read.
    #[error("the AWS configuration files cannot be read")]
    Files(#[from] Box<ProfileFileLoadError>),
}

impl User {
    /// Adds to `loader` what the command line says. A profile that it names comes before credentials in
    /// the environment, as for the AWS CLI.
    ///
    /// # Errors
    /// The profile does not exist, or the files are not readable.
    pub(super) async fn load(
        &self,
        loader: ConfigLoader,
        http_client: SharedHttpClient,
    ) -> Result<SdkConfig, ProfileError> {
        let mut loader = loader;
        let region = self.region.clone().map(Region::new);
        if let Some(name) = &self.profile {
            check(name, &Fs::real(), &Env::real()).await?;
            let config = ProviderConfig::without_region()
                .with_http_client(http_client)
                .with_region(region.clone())
                .load_default_region()
                .await;
            let profile = ProfileFileCredentialsProvider::builder()
                .configure(&config)
                .profile_name(name)
                .build();
            loader = loader.profile_name(name).credentials_provider(profile);
        }
        if let Some(region) = region {
            loader = loader.region(region);
        }
        if let Some(Endpoint { url, access_key }) = &self.endpoint {
            let caller = Credentials::new(access_key, "local", None, None, "local");
            loader = loader.endpoint_url(url).credentials_provider(caller);
        }
        Ok(loader.load().await)
    }
}

/// Whether the configuration files have a profile.
async fn check(name: &str, fs: &Fs, env: &Env) -> Result<(), ProfileError> {
    let files = EnvConfigFiles::default();
    let profiles = load(fs, env, &files, Some(name.to_owned().into())).await;
    let profiles = profiles.map_err(Box::new)?;
    if profiles.get_profile(name).is_some() {
        return Ok(());
    }
    let mut there: Vec<&str> = profiles.profiles().collect();
    there.sort_unstable();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    Err(ProfileError::Missing { name: name.to_owned(), there })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn given_a_profile_then_the_files_have_it_or_the_error_names_those_that_they_have() {
        let env = Env::from_slice(&[("HOME", "/home/me")]);
        let config = "[default]\nregion = us-east-1\n[profile work]\nregion = us-east-1\n";
        let read = async |name: &str, files: &[(&str, &str)]| match check(
            name,
            &Fs::from_slice(files),
            &env,
        )
        .await
        {
            Ok(()) => format!("{name}: there"),
            Err(error) => format!("{name}: {error}"),
        };
        let files = [("/home/me/.aws/config", config)];
        let broken = [("/home/me/.aws/config", "[default\n")];
        let said = [
            read("work", &files).await,
            read("default", &files).await,
            read("home", &files).await,
            read("home", &[]).await,
            read("work", &broken).await,
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        work: there
        default: there
        home: there is no profile `home` in the AWS configuration files; there is default, work
        home: there is no profile `home` in the AWS configuration files; there is none
        work: the AWS configuration files cannot be read
        ");
    }
}
