//! Which form does an ARN of Image Builder have?

/// The parts of `arn:PARTITION:imagebuilder:REGION:OWNER:KIND/NAME/VERSION/BUILD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) owner: &'a str,
    pub(super) name: &'a str,
    pub(super) version: Option<&'a str>,
    pub(super) build: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Reads an ARN; a text of another form has none.
    pub(super) fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        if (parts.next()?, parts.nth(1)?) != ("arn", "imagebuilder") {
            return None;
        }
        let owner = parts.nth(1)?;
        let mut resource = parts.next()?.split('/');
        let name = resource.nth(1)?;
        Some(Self { owner, name, version: resource.next(), build: resource.next() })
    }

    /// Whether it names an exact build, without a pattern.
    pub(super) fn is_exact(&self) -> bool {
        self.build.is_some() && self.version.is_some_and(|version| !version.contains('x'))
    }

    /// Whether the other names the same, whatever their owners are called.
    pub(super) fn is_same_but_for_owner(&self, other: &Self) -> bool {
        (self.name, self.version, self.build) == (other.name, other.version, other.build)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_forms_of_arns_then_exact_builds_are_told_from_patterns() {
        let exact = "arn:aws-cn:imagebuilder:cn-north-1:aws:image/linux/2026.1.1/3";
        let exact = Parts::of(exact).unwrap();
        assert_eq!((exact.owner, exact.name, exact.build), ("aws", "linux", Some("3")));
        let number = Parts::of("arn:aws:imagebuilder:r:12:image/linux/2026.1.1/3").unwrap();
        assert!(exact.is_exact() && exact.is_same_but_for_owner(&number));
        for pattern in ["image/linux/x.x.x", "image/linux/x.x.x/1", "image/linux/1.0.0"] {
            let arn = format!("arn:aws:imagebuilder:r:12:{pattern}");
            assert!(!Parts::of(&arn).unwrap().is_exact(), "{pattern}");
        }
        assert_eq!(Parts::of("ami-0abc"), None);
        assert_eq!(Parts::of("arn:aws:ec2:r:1:image/ami-1"), None);
    }
}
