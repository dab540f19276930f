//! Keeps the browser's elements equal to those of a page that are data.
//!
//! Leptos tells when something that was read has changed. What is drawn then is compared with what was drawn before, and only
//! what differs is written: elements keep their identity, focus and selection. Every `view!` becomes code of its own for its
//! own shape; this is one loop for all shapes.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Reflect;
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{Element, Event, HtmlDialogElement, PointerEvent};
use wire::ClientMessage;

use super::ask::Desk;
use super::browser;
use super::store::Store;
use super::theme::Theme;
use crate::address::slug;
use crate::format::plain;
use crate::markup::{Does, Node, Step, steps};
use crate::pages::Plot;

/// What a chosen key is told to.
pub(super) type Choose = Rc<dyn Fn(String)>;

/// Elements in a `div` of this class, made anew whenever something that `make` reads has changed.
pub(super) fn live(class: &'static str, make: Box<dyn Fn() -> Vec<Node>>, choose: Choose) -> AnyView {
    let (desk, store, theme) = (expect_context::<Desk>(), Store::of_page(), expect_context::<Theme>());
    let place = NodeRef::<Div>::new();
    let act: Act = Rc::new(move |does, event| act(does, event, (desk, store, theme), &choose));
    let drawn = RefCell::new(Vec::new());
    Effect::new(move |_| {
        let Some(place) = place.get() else { return };
        patch(&place, &mut drawn.borrow_mut(), make(), &act);
    });
    view! { <div class=class node_ref=place></div> }.into_any()
}

type Act = Rc<dyn Fn(&Does, &Event)>;

/// What the browser shows of a node.
struct Drawn {
    /// The node, without its children.
    node: Node,
    shown: web_sys::Node,
    children: Vec<Drawn>,
    /// What it does, in the order of the node's events.
    does: Vec<Handler>,
}

/// What is called on an event, and what is done then.
struct Handler {
    does: Rc<RefCell<Does>>,
    _call: Closure<dyn FnMut(Event)>,
}

/// Makes the children of an element those that are wanted.
fn patch(parent: &web_sys::Node, drawn: &mut Vec<Drawn>, wanted: Vec<Node>, act: &Act) {
    let before: Vec<&Node> = drawn.iter().map(|drawn| &drawn.node).collect();
    for step in steps(&before, &wanted) {
        match step {
            Step::Remove(place) => {
                let _ = parent.remove_child(&drawn.remove(place).shown);
            }
            Step::Move(to, from) => {
                let moved = drawn.remove(from);
                insert(parent, drawn, to, moved);
            }
            Step::Make(place) => {
                let made = make(parent, &wanted[place], act);
                insert(parent, drawn, place, made);
            }
        }
    }
    for (drawn, wanted) in drawn.iter_mut().zip(wanted) {
        update(drawn, wanted, act);
    }
}

fn insert(parent: &web_sys::Node, drawn: &mut Vec<Drawn>, place: usize, it: Drawn) {
    let _ = parent.insert_before(&it.shown, drawn.get(place).map(|next| &next.shown));
    drawn.insert(place, it);
}

/// An element without attributes and children.
fn make(parent: &web_sys::Node, wanted: &Node, act: &Act) -> Drawn {
    const SVG: &str = "http://www.w3.org/2000/svg";
    let node = Node { tag: wanted.tag, key: wanted.key.clone(), does: wanted.does.clone(), ..Node::default() };
    let shown: web_sys::Node = match wanted.tag {
        "" => document().create_text_node("").into(),
        tag => {
            let is_svg = tag == "svg" || parent.unchecked_ref::<Element>().namespace_uri().as_deref() == Some(SVG);
            let space = if is_svg { SVG } else { "http://www.w3.org/1999/xhtml" };
            document().create_element_ns(Some(space), tag).expect("tags are written here").into()
        }
    };
    let handler = |(event, does): &(&'static str, Does)| {
        let does = Rc::new(RefCell::new(does.clone()));
        let (act, now) = (act.clone(), does.clone());
        let call = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            let does = now.borrow().clone();
            act(&does, &event);
        });
        let _ = shown.add_event_listener_with_callback(event, call.as_ref().unchecked_ref());
        Handler { does, _call: call }
    };
    let does = wanted.does.iter().map(handler).collect();
    Drawn { node, shown, children: Vec::new(), does }
}

/// Makes an element the one that is wanted, of the same tag, key and events.
fn update(drawn: &mut Drawn, mut wanted: Node, act: &Act) {
    if wanted.tag.is_empty() {
        if drawn.node.text != wanted.text {
            drawn.shown.set_node_value(Some(&wanted.text));
            drawn.node = wanted;
        }
        return;
    }
    patch(&drawn.shown, &mut drawn.children, std::mem::take(&mut wanted.children), act);
    for (handler, (_, does)) in drawn.does.iter().zip(&wanted.does) {
        does.clone_into(&mut handler.does.borrow_mut());
    }
    let element: &Element = drawn.shown.unchecked_ref();
    for (name, value) in &wanted.attributes {
        if !drawn.node.attributes.iter().any(|(before, old)| before == name && old == value) {
            set(element, name, value);
        }
    }
    for (name, _) in &drawn.node.attributes {
        if !wanted.attributes.iter().any(|(after, _)| after == name) {
            let _ = element.remove_attribute(name);
        }
    }
    drawn.node = wanted;
}

fn set(element: &Element, name: &str, value: &str) {
    let text = JsValue::from_str(value);
    match name {
        // As an attribute the page's own security policy would refuse it.
        "style" => {
            if let Ok(style) = Reflect::get(element, &JsValue::from_str("style")) {
                let _ = Reflect::set(&style, &JsValue::from_str("cssText"), &text);
            }
        }
        // What is chosen, and not only what was at first.
        "value" => {
            let _ = Reflect::set(element, &JsValue::from_str("value"), &text);
        }
        _ => {
            let _ = element.set_attribute(name, value);
        }
    }
}

fn act(does: &Does, event: &Event, (desk, store, theme): (Desk, Store, Theme), choose: &Choose) {
    let target = event.current_target().and_then(|target| target.dyn_into::<Element>().ok());
    match (does, target) {
        (Does::Ask(action), _) => desk.ask((**action).clone()),
        (Does::Show(id), _) => {
            let dialog = document().get_element_by_id(id).and_then(|found| found.dyn_into::<HtmlDialogElement>().ok());
            let _ = dialog.map(|dialog| dialog.show_modal());
        }
        (Does::Trade(on), _) => {
            store.send(ClientMessage::Trading { on: *on });
        }
        (Does::Choose(key), _) => choose(key.clone()),
        (Does::Pick, _) => choose(event_target_value(event)),
        (Does::Save(plot), _) => {
            let _ = browser::save(&format!("{}.csv", slug(&plot.name)), "text/csv", &plot.csv());
        }
        (Does::Look(plot), Some(area)) => look(plot, &area, event.unchecked_ref()),
        (Does::Leave, Some(area)) => point(&area, None),
        (Does::Theme, _) => theme.toggle(),
        (Does::Dismiss, _) => store.dismiss(),
        (Does::Reload, _) => {
            let _ = window().location().reload();
        }
        _ => {}
    }
}

fn look(plot: &Plot, area: &Element, event: &PointerEvent) {
    let place = area.get_bounding_client_rect();
    let share = (f64::from(event.client_x()) - place.left()) / place.width().max(1.0);
    point(area, plot.at(share));
}

/// Puts the cross and what is read there. Both are none of the page's: they live as long as the pointer is there.
fn point(area: &Element, at: Option<(f64, String)>) {
    let (place, read) = at.unzip();
    if let Some(cross) = area.last_element_child() {
        set(
            &cross,
            "style",
            &place.map(|x| format!("display:block;left:{}%", plain(x * 100.0, 2))).unwrap_or_default(),
        );
    }
    let readout = area.next_element_sibling().and_then(|legend| legend.query_selector(".readout-here").ok().flatten());
    if let Some(readout) = readout {
        readout.set_text_content(Some(&read.unwrap_or_default()));
    }
}
