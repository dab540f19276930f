//! Who asks, and what they may.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::secret::Digest;

/// A kind of thing that may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scope {
    /// To see.
    Read,
    /// To trade, to give models their place, to make and take away backups.
    Control,
    /// To add models and to give them their place.
    Models,
    /// To say who may what.
    Owner,
}

impl Scope {
    pub(crate) const ALL: [Self; 4] = [Self::Read, Self::Control, Self::Models, Self::Owner];

    /// As people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Control => "control",
            Self::Models => "models",
            Self::Owner => "owner",
        }
    }
}

/// Which scopes somebody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub(crate) struct Scopes(u8);

impl Scopes {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const READ: Self = Self(1);
    pub(crate) const ALL: Self = Self(0b1111);

    pub(crate) fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

/// Who changes something also sees it.
impl Scopes {
    /// In words.
    pub(crate) fn names(self) -> Vec<String> {
        Vec::<Scope>::from(self).into_iter().map(|scope| scope.name().to_owned()).collect()
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        let bits = scopes.iter().fold(0, |bits, scope| bits | 1 << *scope as u8);
        Self(if bits == 0 { 0 } else { bits | Self::READ.0 })
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        Scope::ALL.into_iter().filter(|scope| scopes.has(*scope)).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Vec::from(*self).into_iter().map(Scope::name).collect();
        f.write_str(&names.join(", "))
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nobody that the box knows.
    Nobody,
    /// Anybody, where the box is open.
    Everyone,
    /// Who has the password, by the id of the session.
    Owner(String),
    /// A program, by the name of its token.
    Token(String),
    /// Who has the guest link.
    Guest,
    /// Who sits at the box itself.
    Box,
}

impl Who {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Everyone => "everyone",
            Self::Owner(_) => "owner",
            Self::Token(_) => "token",
            Self::Guest => "guest",
            Self::Box => "box",
        }
    }

    /// Id of the session or name of the token.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Owner(name) | Self::Token(name) => Some(name),
            _ => None,
        }
    }
}

/// Who asks, what they may, and by what they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    pub(crate) who: Who,
    pub(crate) scopes: Scopes,
    /// Of the secret that was shown.
    pub(super) key: Option<Digest>,
}

impl Visitor {
    pub(crate) const NOBODY: Self = Self { who: Who::Nobody, scopes: Scopes::NONE, key: None };
    pub(super) const EVERYONE: Self = Self { who: Who::Everyone, scopes: Scopes::ALL, key: None };

    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_lists_outside_and_include_reading() {
        let scopes: Scopes = serde_json::from_str(r#"["models"]"#).unwrap();
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["read","models"]"#);
        assert!(scopes.has(Scope::Read) && scopes.has(Scope::Models));
        assert!(!scopes.has(Scope::Control) && !scopes.has(Scope::Owner));
        assert_eq!(serde_json::from_str::<Scopes>("[]").unwrap(), Scopes::NONE);
        assert!(serde_json::from_str::<Scopes>(r#"["all"]"#).is_err());
        assert_eq!(Scopes::from(Scope::ALL.to_vec()), Scopes::ALL);
    }
}
