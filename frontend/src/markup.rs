//! Elements as data. What a page looks like is decided and tested without a browser; `ui::dom` keeps the browser's own tree
//! equal to it.

use std::sync::Arc;

use crate::pages::{Action, Plot};

/// An element, or a text where it has no tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its tag.
    pub tag: &'static str,
    /// What tells it apart from others of its tag beside it, so that it stays itself when its place changes; may be empty.
    pub key: String,
    /// The text of a text.
    pub text: String,
    /// Names and values.
    pub attributes: Vec<(&'static str, String)>,
    /// What is in it.
    pub children: Vec<Node>,
    /// What it does, by event.
    pub does: Vec<(&'static str, Does)>,
}

/// What an element does when something happens to it.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    /// Asks the user, and has it done.
    Ask(Box<Action>),
    /// Shows the dialog of this id.
    Show(&'static str),
    /// Allows new paper orders, or stops them.
    Trade(bool),
    /// Chooses one of a few.
    Choose(String),
    /// Chooses the one of its list.
    Pick,
    /// Reads a picture where the pointer is.
    Look(Arc<Plot>),
    /// Looks away again.
    Leave,
    /// Saves a picture's points as a file.
    Save(Arc<Plot>),
    /// Changes between dark and light.
    Theme,
    /// Loads the page anew.
    Reload,
    /// Puts a refusal away.
    Dismiss,
}

/// An element with its classes; may be empty.
#[must_use]
#[inline(never)]
pub fn node(tag: &'static str, class: &str) -> Node {
    Node { tag, ..Node::default() }.set("class", class)
}

/// An element with nothing but a text in it.
#[must_use]
#[inline(never)]
pub fn text(tag: &'static str, class: &str, text: &str) -> Node {
    node(tag, class).say(text)
}

impl Node {
    /// With an attribute. One without a value is left out.
    #[must_use]
    #[inline(never)]
    pub fn set(mut self, name: &'static str, value: &str) -> Self {
        if !value.is_empty() {
            self.attributes.push((name, value.to_owned()));
        }
        self
    }

    /// With an attribute that needs no value, where it holds.
    #[must_use]
    pub fn flag(mut self, name: &'static str, holds: bool) -> Self {
        if holds {
            self.attributes.push((name, String::new()));
        }
        self
    }

    /// Found by tests under this name; may be empty.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.set("data-testid", id)
    }

    /// Told apart from others beside it.
    #[must_use]
    #[inline(never)]
    pub fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// With a text more; may be empty.
    #[must_use]
    #[inline(never)]
    pub fn say(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.children.push(Self { text: text.to_owned(), ..Self::default() });
        }
        self
    }

    /// With an element more.
    #[must_use]
    #[inline(never)]
    pub fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// With elements more.
    #[must_use]
    #[inline(never)]
    pub fn all(mut self, children: Vec<Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// Does something on an event.
    #[must_use]
    pub fn on(mut self, event: &'static str, does: Does) -> Self {
        self.does.push((event, does));
        self
    }

    /// Whether the browser's element of the one can become that of the other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let events = self.does.iter().map(|(event, _)| event).eq(other.does.iter().map(|(event, _)| event));
        self.tag == other.tag && self.key == other.key && events
    }

    /// All that is read in it, one text after the other.
    #[must_use]
    pub fn read(&self) -> String {
        let mut read = self.text.clone();
        for child in &self.children {
            read.push_str(&child.read());
        }
        read
    }

    /// The first element with a test id, itself or in it.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Self> {
        let is_it = self.attributes.iter().any(|(name, value)| *name == "data-testid" && value == id);
        if is_it { Some(self) } else { self.children.iter().find_map(|child| child.find(id)) }
    }

    /// The value of an attribute; empty where it has none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.attributes.iter().find(|(of, _)| *of == name).map_or("", |(_, value)| value)
    }
}

/// What the browser has to do with the children of an element, in this order, so that they become those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Take the one at this place away.
    Remove(usize),
    /// Put the one at the second place before the one at the first.
    Move(usize, usize),
    /// Make one at this place.
    Make(usize),
}

/// The steps from children to other ones. What stays is not touched, so it keeps focus and selection.
#[must_use]
pub fn steps(before: &[&Node], after: &[Node]) -> Vec<Step> {
    let mut steps = Vec::new();
    if before.len() == after.len() && before.iter().zip(after).all(|(old, new)| old.is_same(new)) {
        return steps;
    }
    let mut here: Vec<&Node> = before.to_vec();
    for place in (0..here.len()).rev() {
        let wanted = after.iter().filter(|node| node.is_same(here[place])).count();
        if here[..=place].iter().filter(|node| node.is_same(here[place])).count() > wanted {
            here.remove(place);
            steps.push(Step::Remove(place));
        }
    }
    for (place, node) in after.iter().enumerate() {
        match here[place..].iter().position(|old| old.is_same(node)) {
            Some(0) => {}
            Some(ahead) => {
                let moved = here.remove(place + ahead);
                here.insert(place, moved);
                steps.push(Step::Move(place, place + ahead));
            }
            None => {
                here.insert(place, node);
                steps.push(Step::Make(place));
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &str) -> Vec<Node> {
        names.chars().map(|name| node("li", "").key(&name.to_string())).collect()
    }

    /// The steps lead to what is wanted, and so many elements are made, moved or taken away.
    #[track_caller]
    fn check(before: &str, after: &str, expected: usize) {
        let (old, new) = (named(before), named(after));
        let steps = steps(&old.iter().collect::<Vec<_>>(), &new);
        let mut here = old;
        for step in &steps {
            match *step {
                Step::Remove(place) => drop(here.remove(place)),
                Step::Move(to, from) => {
                    let moved = here.remove(from);
                    here.insert(to, moved);
                }
                Step::Make(place) => here.insert(place, new[place].clone()),
            }
        }
        assert_eq!(here, new, "{before} to {after}");
        assert_eq!(steps.len(), expected, "{before} to {after}: {steps:?}");
    }

    #[test]
    fn only_what_changed_is_touched() {
        check("abc", "abc", 0);
        check("", "ab", 2);
        check("abc", "", 3);
        check("abc", "xabc", 1);
        check("abcd", "xabc", 2);
        check("abc", "bc", 1);
        check("abc", "cab", 1);
        check("abc", "xbz", 4);
        check("aab", "ab", 1);
        check("ab", "aab", 1);
        check("abcdef", "fedcba", 5);
    }

    #[test]
    fn an_element_that_does_something_else_is_another_one() {
        let (quiet, button) = (node("button", ""), node("button", "").on("click", Does::Pick));
        assert!(!quiet.is_same(&button) && button.is_same(&button.clone().set("class", "primary")));
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let drawn = text("p", "", "").set("title", "").id("").with(text("b", "up", "+1"));
        assert_eq!((drawn.attributes.len(), drawn.children.len(), drawn.read().as_str()), (0, 1, "+1"));
        assert_eq!(node("a", "").flag("download", true).attributes, [("download", String::new())]);
    }
}
