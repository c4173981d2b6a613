//! Where an object is to stand.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::proto::v1;

const SCHEME: &str = "lakefs://";

/// A path on a branch of a repository: `lakefs://REPOSITORY/BRANCH/PATH`.
///
/// The path is all that follows the slash behind the branch, byte for byte:
/// nothing in it is decoded, and further slashes, `?`, `#` and `%` are part of it.
///
/// ```
/// # use lakefs_staging::Target;
/// let target: Target = "lakefs://repo/main/data/a b.csv".parse()?;
/// assert_eq!(target, Target::new("repo", "main", "data/a b.csv"));
/// # Ok::<_, lakefs_staging::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    repository: String,
    branch: String,
    path: String,
}

impl Target {
    /// The target that these three name. What the gateway does not take as a
    /// name it refuses at the call.
    pub fn new(
        repository: impl Into<String>,
        branch: impl Into<String>,
        path: impl Into<String>,
    ) -> Self {
        Self {
            repository: repository.into(),
            branch: branch.into(),
            path: path.into(),
        }
    }

    /// Name of the repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Name of the branch.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Path of the object relative to the branch.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn to_proto(&self) -> v1::ObjectPath {
        v1::ObjectPath {
            repository: self.repository.clone(),
            branch: self.branch.clone(),
            path: self.path.clone(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{SCHEME}{}/{}/{}",
            self.repository, self.branch, self.path
        )
    }
}

impl FromStr for Target {
    type Err = Error;

    /// Errors: INVALID_REQUEST where `uri` is not of this form.
    fn from_str(uri: &str) -> Result<Self, Error> {
        let wrong = |what: &str| {
            Error::invalid_request(format!(
                "{uri:?} {what}; write {SCHEME}repository/branch/path"
            ))
        };
        let rest = uri
            .strip_prefix(SCHEME)
            .ok_or_else(|| wrong("does not begin with lakefs://"))?;
        let (repository, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let (branch, path) = rest.split_once('/').unwrap_or((rest, ""));
        for (part, name) in [
            (repository, "repository"),
            (branch, "branch"),
            (path, "path"),
        ] {
            if part.is_empty() {
                return Err(wrong(&format!("names no {name}")));
            }
        }
        Ok(Self::new(repository, branch, path))
    }
}

impl TryFrom<&str> for Target {
    type Error = Error;

    fn try_from(uri: &str) -> Result<Self, Error> {
        uri.parse()
    }
}

impl TryFrom<String> for Target {
    type Error = Error;

    fn try_from(uri: String) -> Result<Self, Error> {
        uri.parse()
    }
}

impl TryFrom<&String> for Target {
    type Error = Error;

    fn try_from(uri: &String) -> Result<Self, Error> {
        uri.parse()
    }
}

impl TryFrom<&[u8]> for Target {
    type Error = Error;

    /// Errors: INVALID_REQUEST where `uri` is not UTF-8, or not of the form.
    fn try_from(uri: &[u8]) -> Result<Self, Error> {
        match std::str::from_utf8(uri) {
            Ok(uri) => uri.parse(),
            Err(_) => Err(Error::invalid_request(format!(
                "\"{}\" is not UTF-8",
                uri.escape_ascii()
            ))),
        }
    }
}

impl From<&Target> for Target {
    fn from(target: &Target) -> Self {
        target.clone()
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_kept_byte_for_byte() {
        for path in ["a", "/a", "a//b/", "a?b#c%20", "ä/😀", " a "] {
            let uri = format!("lakefs://repo/main/{path}");
            let target: Target = uri.parse().unwrap();
            assert_eq!(target.path(), path);
            assert_eq!(target.to_string(), uri);
        }
    }

    #[test]
    fn what_is_no_target_is_an_invalid_request() {
        for uri in [
            "",
            "repo/main/a",
            "lakefs://",
            "lakefs:///main/a",
            "lakefs://repo",
            "lakefs://repo/main",
            "lakefs://repo/main/",
            "lakefs://repo//a",
            "s3://b/c/d",
        ] {
            let error = uri.parse::<Target>().unwrap_err();
            assert_eq!(error.reason(), "INVALID_REQUEST", "{uri}");
            assert!(error.message().contains(&format!("{uri:?}")), "{error}");
            assert!(error.nothing_linked());
        }
        let error = Target::try_from(&b"lakefs://repo/main/\xff"[..]).unwrap_err();
        assert_eq!(error.reason(), "INVALID_REQUEST");
        assert!(error.message().contains("UTF-8"), "{error}");
    }
}
