//! Which of two versions is newer, and what does a pattern select?
//!
//! Written apart from the product's own versions on purpose: the emulator is what the product is
//! proved against, and must not share its mistakes.

/// Three numbers. The ARN keeps the version's text.
pub(super) type Numbers = [u64; 3];

/// The largest number of a node (API model, `semanticVersion`).
const MAX_NODE: u64 = (1 << 30) - 1;

/// Reads `1.2.3`.
pub(super) fn numbers(text: &str) -> Option<Numbers> {
    let node = |node: &str| node.parse().ok().filter(|number| *number <= MAX_NODE);
    let numbers: Option<Vec<u64>> = text.split('.').map(node).collect();
    numbers?.try_into().ok()
}

/// Whether a version is one that `pattern`, such as `1.x.x`, selects from. `None` if it is no
/// pattern: wildcards may only stand at the end.
pub(super) fn selects(pattern: &str, version: Numbers) -> Option<bool> {
    let nodes: Vec<&str> = pattern.split('.').collect();
    if nodes.len() != 3 {
        return None;
    }
    let fixed: Vec<u64> = nodes
        .iter()
        .take_while(|node| **node != "x")
        .map(|node| node.parse().ok())
        .collect::<Option<_>>()?;
    if nodes.iter().skip(fixed.len()).any(|node| *node != "x") {
        return None;
    }
    Some(fixed.iter().zip(version).all(|(wanted, found)| *wanted == found))
}

/// The next version that a pattern such as `1.0.x` stands for when a recipe is created by it,
/// given those that exist.
pub(super) fn next(pattern: &str, existing: impl Iterator<Item = Numbers>) -> Option<Numbers> {
    let nodes: Vec<&str> = pattern.split('.').collect();
    let place = nodes.iter().position(|node| *node == "x")?;
    let newest = existing.filter(|version| selects(pattern, *version) == Some(true)).max();
    let mut version = [0; 3];
    for (number, node) in version.iter_mut().zip(&nodes) {
        *number = node.parse().unwrap_or(0);
    }
    if let Some(newest) = newest {
        version = newest;
        // The last node counts up, as every node from the first wildcard on is free.
        version[2] += 1;
    } else if place == 0 {
        version = [1, 0, 0];
    }
    Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_the_user_guides_example_then_it_resolves_as_documented() {
        let versions = [[2, 2, 4], [1, 7, 8], [1, 6, 8]];
        let newest =
            |pattern| versions.into_iter().filter(|v| selects(pattern, *v) == Some(true)).max();
        assert_eq!(newest("x.x.x"), Some([2, 2, 4]));
        assert_eq!(newest("1.x.x"), Some([1, 7, 8]));
        assert_eq!(newest("1.6.x"), Some([1, 6, 8]));
        assert_eq!(selects("1.x.8", [1, 6, 8]), None);
        assert_eq!(selects("x.2.x", [1, 2, 8]), None);
    }

    #[test]
    fn given_a_node_beyond_thirty_bits_then_it_is_no_version() {
        assert_eq!(numbers("1.0.1073741823"), Some([1, 0, 1_073_741_823]));
        assert_eq!(numbers("1.0.1073741824"), None);
    }

    #[test]
    fn given_a_recipe_created_by_pattern_then_it_gets_the_next_version() {
        assert_eq!(next("1.0.x", [[1, 0, 4], [1, 1, 9]].into_iter()), Some([1, 0, 5]));
        assert_eq!(next("x.x.x", [].into_iter()), Some([1, 0, 0]));
        assert_eq!(next("2.1.x", [].into_iter()), Some([2, 1, 0]));
    }
}
