//! Names that repeat cost nothing: checked when the program is compiled, handed over as a pointer.

use super::check::{is_event_name, is_reserved};
use super::text::Text;

/// The name of an event or an attribute.
///
/// Any text converts into one and is checked when the event is published. A constant is checked when the program is
/// compiled, and its bytes are never copied:
///
/// ```
/// use veribus_core::{event, Name};
///
/// const LOGIN: Name = Name::new("login");
/// const TENANT: Name = Name::new("tenant.id");
///
/// let draft = event::authentication(LOGIN).attribute(TENANT, "t-42").attribute("given", "as text");
/// ```
///
/// A constant of another alphabet does not compile:
///
/// ```compile_fail
/// const WRONG: veribus_core::Name = veribus_core::Name::new("Tenant ID");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    text: &'a str,
    constant: bool,
}

impl Name<'static> {
    /// A constant name: 1 to 128 of `a-z 0-9 _ - .`, beginning with a letter or digit, and none of the bus's own.
    ///
    /// # Panics
    /// If it is not; in a `const` that is an error of the compiler.
    pub const fn new(text: &'static str) -> Self {
        assert!(is_event_name(text.as_bytes()), "a name is 1 to 128 of a-z, 0-9, _, - and .");
        assert!(!is_reserved(text.as_bytes()), "this name belongs to the bus");
        Name { text, constant: true }
    }
}

impl<'a> Name<'a> {
    /// Where no name is given yet.
    pub(super) const NONE: Name<'static> = Name { text: "", constant: false };

    /// The name as text.
    #[inline(always)]
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// The text of a constant, which lives as long as the program.
    #[inline(always)]
    pub(crate) fn is_constant(self) -> bool {
        self.constant
    }
}

impl<'a> From<&'a str> for Name<'a> {
    #[inline(always)]
    fn from(text: &'a str) -> Self {
        Name { text, constant: false }
    }
}

impl<'a> From<&'a String> for Name<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

impl<'a> From<&'a Text> for Name<'a> {
    fn from(text: &'a Text) -> Self {
        text.as_str().into()
    }
}

impl<'a> From<&'a &'a str> for Name<'a> {
    fn from(text: &'a &'a str) -> Self {
        (*text).into()
    }
}
