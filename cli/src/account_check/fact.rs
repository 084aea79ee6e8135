//! Which facts are settled, and what leans on each?

/// What a fact needs to be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// The fleet alone.
    Fleet,
    /// A repository for container images.
    Repository,
    /// A key of the account.
    Key,
}

/// A fact about AWS that the code leans on.
#[derive(Debug)]
pub(super) struct Fact {
    /// For a program.
    pub(super) code: &'static str,
    /// The heading under which the document of facts has it.
    pub(super) heading: &'static str,
    /// What is expected.
    pub(super) expected: &'static str,
    /// What leans on it, and so has to change if it differs.
    pub(super) change: &'static str,
    /// What it needs.
    pub(super) needs: Needs,
}

/// The facts, in the order in which they are shown.
macro_rules! facts {
    ($($name:ident($needs:ident) $code:literal $heading:literal: $expected:literal, $change:literal;)*) => {
        $(pub(super) static $name: Fact = Fact {
            code: $code,
            heading: $heading,
            expected: $expected,
            change: $change,
            needs: Needs::$needs,
        };)*
        /// All facts.
        pub(super) static ALL: &[&Fact] = &[$(&$name),*];
    };
}

facts! {
    NAMES_IN_ARNS(Fleet) "names-in-arns" "Names in ARNs":
        "in an ARN a name is lower-case, and blanks and underscores are hyphens",
        "model/arn and scope compare names: add the spelling that was seen";
    FILTERS_BY_NAME(Fleet) "filters-by-name" "Names in ARNs":
        "a filter by name finds the original name, and not the name in the ARN",
        "observe/fleet sends names as filters: send the spelling that was found";
    SAME_CONTENT(Fleet) "same-content" "Resolution of components":
        "the same component again is refused as existing",
        "nothing: the code creates no component; emulator/src/image_builder/components.rs";
    OTHER_CONTENT(Fleet) "other-content" "Resolution of components":
        "other content under the same version is its build 2, and x.x.x resolves to it",
        "observe/pipeline resolves components with GetComponent: compare by date where this differs";
    RECIPE_PATTERN(Fleet) "recipe-pattern" "Patterns of recipe versions":
        "a pipeline takes image-recipe/NAME/x.x.x, and the list of pipelines shows it so",
        "observe/fleet matches recipes with pipelines: match what was seen";
    RECIPE_KEEPS_PATTERN(Fleet) "recipe-keeps-pattern" "Resolved parents in images":
        "a recipe shows its parent as it was written",
        "decide/tracking reads the recipe's parent: without the pattern no pipeline is tracked";
    AMAZONS_IMAGE(Fleet) "amazons-image" "Owner of Amazon's images":
        "GetImage resolves x.x.x of Amazon to an exact build of the owner aws",
        "model/arn: add the owner that was seen as a spelling of Amazon's";
    PUBLIC_PARAMETER(Fleet) "public-parameter" "Reading parameters":
        "a public parameter holds an AMI, and an unknown name is listed as invalid",
        "aws/parameter_store: how an unknown name is told from a failure";
    MISSING_RESOURCE(Fleet) "missing-resource" "Missing resources":
        "a Get of what is not there is refused as ResourceNotFoundException",
        "aws/request_error: add the code that was seen";
    EMPTY_LISTS(Fleet) "empty-lists" "Order of images in lists":
        "lists of an unknown version and of an unknown pipeline are empty, and no error",
        "observe/latest_images: treat the refusal that was seen as an empty list";
    TOKEN_AGAIN(Fleet) "token-again" "Client token":
        "the same token and tags again: the same build",
        "decide/start: overlapping invocations start two builds; put a start behind a lock (docs/decisions)";
    TOKEN_OTHER_TAGS(Fleet) "token-other-tags" "Client token":
        "the same token with other tags is refused as IdempotentParameterMismatchException",
        "execute: the outcome `started by another invocation` is read from this code";
    TOKEN_LATER(Fleet) "token-later" "Client token":
        "the token of the first start still means its build at the end of the check",
        "decide/start: invocations that overlap for longer than was seen could start two builds";
    DISABLED_STARTS(Fleet) "disabled-starts" "Disabled pipelines":
        "a disabled pipeline starts on request",
        "nothing: decide/rebuild skips disabled pipelines";
    NO_IMAGE_YET(Fleet) "no-image-yet" "Resolution of patterns":
        "x.x.x without an AVAILABLE build is refused as ResourceNotFoundException",
        "observe/resolve: a build in progress would be taken for the newest image";
    SECOND_BUILD(Fleet) "second-build" "Pipeline in use":
        "a second start while a build runs is accepted, or refused as ResourceInUseException",
        "aws/request_error: add the code, which another try can mend";
    CANCELLED(Fleet) "cancelled" "Build states":
        "a cancelled build ends as CANCELLED",
        "model/image: an unknown end makes a pipeline wait for it";
    LAST_RUN(Fleet) "last-run" "Status of the last run":
        "lastRunStatus of the list of pipelines is that of the newest build, also of a cancelled one",
        "decide/gate/budget counts builds in progress by it; emulator/src/image_builder/last_run.rs";
    DEPENDENT_RIGHTS(Fleet) "dependent-rights" "Permissions":
        "a start needs no imagebuilder:GetImagePipeline",
        "template.yaml: the roles must keep this permission, which they have in case it is needed";
    TAGS_OF_START(Fleet) "tags-of-start" "Tags of a started image":
        "an image has the tags of its start",
        "decide/start: pass the pipeline's image tags in another way";
    STATES(Fleet) "states" "Build states":
        "builds pass the documented states, in their order",
        "model/image: a state that is not known waits";
    MESSAGE(Fleet) "message" "States that are notified":
        "an AVAILABLE image is announced on the topic, and the message passes the filter on its body",
        "template.yaml: the filter of the subscription; until then only EventBridge and checks start builds";
    MESSAGE_FIELDS(Fleet) "message-fields" "Fields of a notification":
        "a message has arn, state.status and sourcePipelineArn",
        "model/notification: a message without the first two is unreadable";
    NO_ATTRIBUTES(Fleet) "no-attributes" "Filter on the message body":
        "a message has no attributes",
        "nothing: the filter reads the body";
    MESSAGE_OWNER(Fleet) "message-owner" "Dialect of a notification":
        "a message shows Amazon's parent under an account number",
        "nothing: the parent is read with GetImage; emulator/src/image_builder/notification.rs";
    SEMVER(Fleet) "semver" "Number semver":
        "semver packs version and build, thirty bits each",
        "nothing: nothing reads it; emulator/src/image_builder/semver.rs";
    CANCELLED_IS_SILENT(Fleet) "cancelled-is-silent" "States that are notified":
        "a cancelled build is not announced",
        "nothing: CANCELLED is decided like FAILED";
    PARENT(Fleet) "parent" "Resolved parents in images":
        "GetImage shows the exact build that Amazon's x.x.x resolved to as the parent",
        "decide/staleness: such images are compared by date; widen model/parent to the form that was seen";
    PARENT_OWNER(Fleet) "parent-owner" "Owner of Amazon's images":
        "GetImage shows parents and components of Amazon under the owner aws",
        "nothing as long as it is a number: model/arn takes both as one owner";
    COMPONENTS(Fleet) "components" "Resolved parents in images":
        "GetImage shows exact builds of the components",
        "decide/staleness: components are not compared; widen model/component to the form that was seen";
    END_OF_WORKFLOWS(Fleet) "end-of-workflows" "Moment of AVAILABLE":
        "the last workflow ends within two minutes of the message",
        "decide/staleness: whether a child began before its parent was AVAILABLE";
    LIST_OF_IMAGES(Fleet) "list-of-images" "Lag of lists":
        "ListImages shows a first image within two minutes of its message",
        "scope and view read this list: what is new is missing for a while";
    PATTERN_LAG(Fleet) "pattern-lag" "Lag of patterns":
        "x.x.x resolves to the new build within three minutes of its message",
        "template.yaml: Lambda's retries end before; raise them, or leave the start to the next check";
    PIPELINE_IMAGES_LAG(Fleet) "pipeline-images-lag" "Lag of lists":
        "ListImagePipelineImages shows the new build within two minutes of its message",
        "decide/start: until then a start has the token of a build that exists";
    BUILDS_LAG(Fleet) "builds-lag" "Lag of lists":
        "ListImageBuildVersions shows the new build within two minutes of its message",
        "decide/start: until then a start has the token of a build that exists";
    LAST_RUN_LAG(Fleet) "last-run-lag" "Lag of lists":
        "lastRunStatus is AVAILABLE within two minutes of the message",
        "observe/latest_images and the budget: a build counts as in progress for longer";
    CHILDS_PARENT(Fleet) "childs-parent" "Resolution of patterns":
        "a child on x.x.x is built on the exact build that x.x.x resolved to at its start",
        "decide/staleness: each build would count as without effect, and be reported as unverified";
    PARAMETERS_PARENT(Fleet) "parameters-parent" "Parent from a parameter":
        "GetImage shows the parameter, or the AMI that it held",
        "decide/staleness, decision 6: add the form that was seen";
    DELETED(Fleet) "deleted" "Resolution of patterns":
        "once the newest build is deleted, x.x.x resolves to the one before it",
        "observe/resolve: a deleted image would be taken for the newest";
    CONTAINERS_PARENT(Repository) "containers-parent" "Resolved parents in images":
        "GetImage shows the exact build of a container image's parent",
        "decide/staleness: containers are compared by date; widen model/parent to the form that was seen";
    CONTAINERS_MESSAGE(Repository) "containers-message" "Container images in notifications":
        "its message has containerRecipe, the type DOCKER and outputResources.containers",
        "nothing: model/notification needs none of them; events/container.json";
    CONTAINERS_TAGS(Repository) "containers-tags" "Container tags":
        "its outputs list the tag of its version and build",
        "model/outputs: a tag of a build's own number would not be found";
    ENCRYPTED_COMPONENT(Key) "encrypted-component" "Permissions":
        "GetComponent shows the data of a component that is encrypted with your key",
        "docs/operations.md: name the permission on the key that was missing";
    ENCRYPTED_TOPIC(Key) "encrypted-topic" "Encrypted topics":
        "a message passes a topic that is encrypted with your key",
        "template.yaml: the key policy for the service-linked role";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn given_the_facts_then_their_codes_differ() {
        let codes: BTreeSet<&str> = ALL.iter().map(|fact| fact.code).collect();
        assert_eq!(codes.len(), ALL.len());
    }
}
