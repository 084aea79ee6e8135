//! What is kept by name, version and build, and which of it does an ARN name?

use std::collections::BTreeMap;

use super::semver::{self, Numbers};

/// Things with a version and builds, under the ARN's part before the version.
#[derive(Debug, Clone)]
pub(super) struct Versioned<T> {
    kept: BTreeMap<String, BTreeMap<Numbers, Version<T>>>,
    /// The highest build number of each version whose numbers are not given again.
    given: BTreeMap<(String, Numbers), u64>,
    again: bool,
}

#[derive(Debug, Clone)]
struct Version<T> {
    text: String,
    builds: BTreeMap<u64, T>,
}

impl<T> Default for Versioned<T> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), given: BTreeMap::new(), again: true }
    }
}

/// An ARN cut after the name: what comes before the version, the version, and the build.
pub(super) fn cut(arn: &str) -> Option<(String, &str, Option<u64>)> {
    // The kind of a workflow has two parts: `workflow/build`.
    let parts_of_head = if arn.contains(":workflow/") { 3 } else { 2 };
    let (end, _) = arn.match_indices('/').nth(parts_of_head - 1)?;
    let (head, rest) = arn.split_at(end);
    let mut parts = rest[1..].split('/');
    let version = parts.next()?;
    let build = parts.next().map(str::parse).transpose().ok()?;
    Some((head.to_owned(), version, build))
}

impl<T> Versioned<T> {
    /// Keeps `thing` as the next build of `version`, and gives that build's number.
    pub(super) fn push(
        &mut self,
        head: &str,
        version: &str,
        make: impl FnOnce(u64) -> T,
    ) -> Option<u64> {
        let numbers = semver::numbers(version)?;
        let versions = self.kept.entry(head.to_owned()).or_default();
        let entry = versions
            .entry(numbers)
            .or_insert_with(|| Version { text: version.to_owned(), builds: BTreeMap::new() });
        let there = entry.builds.keys().next_back().copied().unwrap_or_default();
        let given = self.given.entry((head.to_owned(), numbers)).or_default();
        let build = 1 + if self.again { there } else { there.max(*given) };
        *given = build.max(*given);
        entry.builds.insert(build, make(build));
        Some(build)
    }

    /// Keeps a thing under the build's number that is named, or as the next one; as nothing, if `version`
    /// is none.
    pub(super) fn keep(
        &mut self,
        head: &str,
        version: &str,
        build: Option<u64>,
        make: impl FnOnce(u64) -> T,
    ) {
        let Some(numbers) = semver::numbers(version) else { return };
        let Some(build) = build else {
            self.push(head, version, make);
            return;
        };
        let versions = self.kept.entry(head.to_owned()).or_default();
        let entry = versions
            .entry(numbers)
            .or_insert_with(|| Version { text: version.to_owned(), builds: BTreeMap::new() });
        entry.builds.insert(build, make(build));
        let given = self.given.entry((head.to_owned(), numbers)).or_default();
        *given = build.max(*given);
    }

    /// Whether a number whose build was removed is given again.
    pub(super) fn give_numbers_again(&mut self, again: bool) {
        self.again = again;
    }

    /// The one that `arn` names: a build, or the newest usable one of the versions it selects.
    pub(super) fn find(&self, arn: &str, usable: impl Fn(&T) -> bool) -> Option<&T> {
        let (head, version, build) = cut(arn)?;
        let versions = self.kept.get(&head)?;
        if let Some(build) = build {
            return versions.get(&semver::numbers(version)?)?.builds.get(&build);
        }
        versions
            .iter()
            .rev()
            .filter(|(numbers, _)| semver::selects(version, **numbers) == Some(true))
            .find_map(|(_, version)| version.builds.values().rev().find(|thing| usable(thing)))
    }

    /// The build that `arn` names exactly.
    pub(super) fn find_mut(&mut self, arn: &str) -> Option<&mut T> {
        let (head, version, build) = cut(arn)?;
        self.kept.get_mut(&head)?.get_mut(&semver::numbers(version)?)?.builds.get_mut(&build?)
    }

    /// Takes out the build that `arn` names exactly.
    pub(super) fn remove(&mut self, arn: &str) -> Option<T> {
        let (head, version, build) = cut(arn)?;
        let versions = self.kept.get_mut(&head)?;
        let number = semver::numbers(version)?;
        let builds = &mut versions.get_mut(&number)?.builds;
        let removed = builds.remove(&build?);
        if builds.is_empty() {
            versions.remove(&number);
        }
        removed
    }

    /// The newest version of each name with its newest build: the version's ARN comes with it.
    pub(super) fn newest_versions(&self) -> impl Iterator<Item = (String, &T)> {
        self.kept.iter().filter_map(|(head, versions)| {
            let version = versions.values().next_back()?;
            let newest = version.builds.values().next_back()?;
            Some((format!("{head}/{}", version.text), newest))
        })
    }

    /// Every version with its newest build: the version's ARN comes with it.
    pub(super) fn versions(&self) -> impl Iterator<Item = (String, &T)> {
        self.kept.iter().flat_map(|(head, versions)| {
            versions.values().filter_map(move |version| {
                let newest = version.builds.values().next_back()?;
                Some((format!("{head}/{}", version.text), newest))
            })
        })
    }

    /// Every build of every version.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.kept.values().flat_map(BTreeMap::values).flat_map(|version| version.builds.values())
    }

    /// The version numbers that exist under `head`.
    pub(super) fn numbers_of(&self, head: &str) -> impl Iterator<Item = Numbers> {
        self.kept.get(head).into_iter().flat_map(|versions| versions.keys().copied())
    }
}
