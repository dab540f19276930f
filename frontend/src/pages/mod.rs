//! Pages as data: what each says is made here of the box's answers, without a browser. [`draw`] makes elements of it, `ui::dom`
//! keeps the browser's equal to them.
//!
//! A page is a list of [`Section`]s, a section a title and [`Block`]s. Everything that is read is text here already, so
//! that what people see is what the tests see.

pub mod access;
pub mod arbitrage;
pub mod data;
pub mod day;
pub mod draw;
pub mod forecasts;
pub mod home;
pub mod lamp;
pub mod market;
pub mod models;
pub mod news;
pub mod plot;
pub mod replay;
pub mod risk;
pub mod settings;
pub mod shell;
pub mod system;
pub mod trading;
pub mod welcome;

use crate::calendar::Zone;
use crate::format::{self, THIN_SPACE};
use crate::sentence::Tone;
pub use plot::{Heat, Plot};
use wire::api::{SettingChanges, SettingKind, SettingValue};

/// A card of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Class and test id.
    pub kind: &'static str,
    /// What is shown.
    pub title: String,
    /// At the right of the title; may be empty.
    pub note: String,
    /// A word in a rounded frame at the right of the title, with its test id.
    pub chip: Option<(Said, &'static str)>,
    /// The time of what is shown where that is not the present; may be empty.
    pub as_of: String,
    /// Whether it takes the whole width.
    pub wide: bool,
    /// Whether it is told in English in every language: names and texts of the program itself.
    pub english: bool,
    /// What is in it.
    pub blocks: Vec<Block>,
}

impl Section {
    /// A card of a kind, still empty.
    #[must_use]
    #[inline(never)]
    pub fn new(kind: &'static str, title: &str) -> Self {
        Self { kind, title: title.to_owned(), ..Self::default() }
    }

    /// Over the whole width.
    #[must_use]
    pub fn wide(self) -> Self {
        Self { wide: true, ..self }
    }

    /// Told in English in every language.
    #[must_use]
    pub fn english(self) -> Self {
        Self { english: true, ..self }
    }

    /// With something at the right of the title.
    #[must_use]
    #[inline(never)]
    pub fn note(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    /// With one block more.
    #[must_use]
    #[inline(never)]
    pub fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// With a quiet sentence: why there is nothing, or what to know.
    #[must_use]
    #[inline(never)]
    pub fn say(self, text: &str) -> Self {
        self.with(Block::Text(Said::quiet(text)))
    }

    /// With a sentence that means something.
    #[must_use]
    #[inline(never)]
    pub fn tell(self, text: &str, tone: Tone) -> Self {
        self.with(Block::Text(Said::toned(text, tone)))
    }

    /// With names and values.
    #[must_use]
    #[inline(never)]
    pub fn facts(self, facts: Vec<Fact>) -> Self {
        self.with(Block::Facts(facts))
    }

    /// With rows.
    #[must_use]
    #[inline(never)]
    pub fn table(self, name: &'static str, heads: &[&'static str], rows: Vec<Row>) -> Self {
        self.with(Block::Table(Table { name, heads: heads.to_vec(), rows }))
    }
}

/// What a visitor may do who may change nothing.
const OF_GUESTS: [&str; 2] = ["logout", "verify"];

/// Sections without what a visitor who may change nothing would be refused.
#[must_use]
pub fn for_guests(mut all: Vec<Section>) -> Vec<Section> {
    for block in all.iter_mut().flat_map(|section| &mut section.blocks) {
        if let Block::Actions(actions) = block {
            actions.retain(|action| OF_GUESTS.contains(&action.id));
        }
    }
    all
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A sentence.
    Text(Said),
    /// Names with values.
    Facts(Vec<Fact>),
    /// Rows.
    Table(Table),
    /// How far things are from their limits.
    Limits(Vec<Limit>),
    /// A picture with axes.
    Plot(Plot),
    /// Squares of one hue.
    Heat(Heat),
    /// What one may do.
    Actions(Vec<Action>),
    /// A number that is read first.
    Figure(Box<Figure>),
    /// A small picture.
    Picture(Picture),
    /// A sentence in parts.
    Words(Line),
    /// A list.
    Lines(Vec<Line>),
    /// A place in a row to choose.
    Slider(Slider),
}

/// A place in a row to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slider {
    /// Test id.
    pub id: &'static str,
    /// What it chooses.
    pub label: &'static str,
    /// The last place; the first is 0.
    pub most: usize,
    /// The chosen one.
    pub value: usize,
    /// What is at that place.
    pub read: String,
}

/// A number that is read first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figure {
    /// Test id.
    pub id: &'static str,
    /// The number.
    pub value: Said,
    /// Its unit; may be empty.
    pub unit: String,
    /// Another number at the right, and what it is; may be empty.
    pub beside: (Said, &'static str),
    /// A line below; may be empty.
    pub below: String,
    /// A probability at the right.
    pub gauge: Option<Gauge>,
}

/// A probability on a half circle.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// What it is the probability of, in a word.
    pub of: &'static str,
    /// The probability, where it is known.
    pub share: Option<f64>,
}

/// A small picture without axes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Class.
    pub class: &'static str,
    /// What is drawn, for screen readers.
    pub name: String,
    /// Width and height of the paths' plane.
    pub size: (u32, u32),
    /// Classes and path data, from back to front.
    pub paths: Vec<(&'static str, String)>,
}

/// A line in parts, each with its meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Test id.
    pub id: &'static str,
    /// What the whole line means.
    pub tone: Tone,
    /// The parts.
    pub parts: Vec<Said>,
}

/// A text and what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The text.
    pub text: String,
    /// Its meaning.
    pub tone: Tone,
}

impl Said {
    /// A plain text.
    #[must_use]
    #[inline(never)]
    pub fn plain(text: &str) -> Self {
        Self::toned(text, Tone::Plain)
    }

    /// A text in the secondary colour.
    #[must_use]
    #[inline(never)]
    pub fn quiet(text: &str) -> Self {
        Self::toned(text, Tone::Open)
    }

    /// A signed number: coloured as it reads.
    #[must_use]
    #[inline(never)]
    pub fn signed(text: &str) -> Self {
        let tone = match format::sign_class(text) {
            "up" => Tone::Good,
            "down" => Tone::Bad,
            _ => Tone::Plain,
        };
        Self::toned(text, tone)
    }

    /// A text with a meaning.
    #[must_use]
    #[inline(never)]
    pub fn toned(text: &str, tone: Tone) -> Self {
        Self { text: text.to_owned(), tone }
    }
}

/// A name with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: Said,
    /// What it means, on hover and for screen readers; may be empty.
    pub hint: &'static str,
}

/// A fact.
#[must_use]
#[inline(never)]
pub fn fact(name: &str, value: Said, hint: &'static str) -> Fact {
    Fact { name: name.to_owned(), value, hint }
}

/// A fact that is only a text.
#[must_use]
#[inline(never)]
pub fn plain(name: &str, value: &str, hint: &'static str) -> Fact {
    fact(name, Said::plain(value), hint)
}

/// Rows under heads. On a phone every row is a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Name, for screen readers and files.
    pub name: &'static str,
    /// Names of the columns; the first one tells what the row is.
    pub heads: Vec<&'static str>,
    /// As many cells in each as there are heads.
    pub rows: Vec<Row>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its cells.
    pub cells: Vec<Cell>,
    /// Where it leads; empty for nowhere.
    pub link: String,
    /// Test id; may be empty.
    pub id: &'static str,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What is read.
    pub said: Said,
    /// More, on hover; may be empty.
    pub hint: String,
    /// Whether it stands in a rounded frame.
    pub is_chip: bool,
    /// A smaller line below.
    pub below: Option<Box<Self>>,
}

impl From<Said> for Cell {
    #[inline(never)]
    fn from(said: Said) -> Self {
        Self { said, hint: String::new(), is_chip: false, below: None }
    }
}

impl From<String> for Cell {
    #[inline(never)]
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&str> for Cell {
    #[inline(never)]
    fn from(text: &str) -> Self {
        Said::plain(text).into()
    }
}

impl Cell {
    /// With more on hover.
    #[must_use]
    #[inline(never)]
    pub fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }

    /// In a rounded frame.
    #[must_use]
    pub fn chip(self) -> Self {
        Self { is_chip: true, ..self }
    }

    /// With a smaller line below.
    #[must_use]
    pub fn above(self, below: Self) -> Self {
        Self { below: Some(Box::new(below)), ..self }
    }
}

impl Row {
    /// A row that leads nowhere.
    #[must_use]
    pub fn of(cells: Vec<Cell>) -> Self {
        Self { cells, link: String::new(), id: "" }
    }

    /// Leading to another page.
    #[must_use]
    pub fn to(self, link: String) -> Self {
        Self { link, ..self }
    }
}

/// One of a few to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choosable {
    /// What tells it apart.
    pub key: String,
    /// What is read.
    pub label: String,
}

/// How far something is from its limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What is limited.
    pub name: String,
    /// Part of the limit that is used up, 0 to 1 and above.
    pub share: f64,
    /// `1.8 % of 20 %`.
    pub text: String,
}

/// Something that the user may have done, after a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Test id.
    pub id: &'static str,
    /// On the button.
    pub label: &'static str,
    /// What is asked before it is done.
    pub question: String,
    /// What will come of it.
    pub consequence: &'static str,
    /// `POST` or `DELETE`.
    pub method: &'static str,
    /// Where it goes.
    pub path: String,
    /// What the user is asked for besides.
    pub asks: Vec<Ask>,
    /// How that is sent.
    pub sends: Sends,
    /// What is said when it is done.
    pub done: &'static str,
}

/// Things in the order of a number of theirs. One sort for all of them: a page has hundreds at most, and code is sent to every browser.
#[must_use]
pub fn ordered<T>(things: Vec<T>, key: impl Fn(&T) -> i64) -> Vec<T> {
    let mut places: Vec<(i64, usize)> = things.iter().enumerate().map(|(place, thing)| (key(thing), place)).collect();
    places.sort_unstable();
    let mut things: Vec<Option<T>> = things.into_iter().map(Some).collect();
    places.into_iter().filter_map(|(_, place)| things[place].take()).collect()
}

/// How what was asked for is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sends {
    /// In the address.
    Address,
    /// As a JSON object, with these members more.
    Json(&'static str),
    /// As a change of this setting to a value of this kind; back to what it was without one.
    Setting(String, Option<SettingKind>),
}

impl Action {
    /// What is sent with these texts: the address, and a body.
    ///
    /// # Errors
    /// One sentence where a text cannot be what it has to be.
    pub fn request(
        &self,
        texts: &[String],
        encode: impl Fn(&str) -> String,
    ) -> Result<(String, Option<String>), String> {
        let given = || self.asks.iter().zip(texts);
        let text = |text: &String| SettingValue::Text(text.clone()).to_string();
        match &self.sends {
            Sends::Address => {
                let mut path = self.path.clone();
                for (ask, text) in given() {
                    let mark = if path.contains('?') { '&' } else { '?' };
                    path.push(mark);
                    path.push_str(ask.name);
                    path.push('=');
                    path.push_str(&encode(text));
                }
                Ok((path, None))
            }
            Sends::Json(more) => {
                let mut members: Vec<String> =
                    given().map(|(ask, given)| format!("\"{}\":{}", ask.name, text(given))).collect();
                if !more.is_empty() {
                    members.push((*more).to_owned());
                }
                Ok((self.path.clone(), Some(format!("{{{}}}", members.join(",")))))
            }
            Sends::Setting(key, kind) => {
                let given = texts.first().map(String::as_str).unwrap_or_default();
                let value = kind.as_ref().map(|kind| settings::value(kind, given)).transpose()?;
                let changes = SettingChanges { changes: [(key.clone(), value)].into() };
                Ok((self.path.clone(), Some(changes.to_string())))
            }
        }
    }
}

/// A line that the user is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its name for the box.
    pub name: &'static str,
    /// Its name for the user.
    pub label: &'static str,
    /// Whether it is not shown while it is typed.
    pub is_secret: bool,
}

impl Ask {
    /// A text.
    #[must_use]
    pub const fn text(name: &'static str, label: &'static str) -> Self {
        Self { name, label, is_secret: false }
    }

    /// A password.
    #[must_use]
    pub const fn secret(name: &'static str, label: &'static str) -> Self {
        Self { name, label, is_secret: true }
    }
}

/// Money given as decimal text, in dollars: `$10 214.36`.
#[must_use]
pub fn dollars(text: &str) -> String {
    format::cash(format::parse_cash(text))
}

/// The same with a sign.
#[must_use]
pub fn signed_dollars(text: &str) -> Said {
    Said::signed(&format::signed_cash(format::parse_cash(text)))
}

/// A fraction of one as percent: `1.8 %`.
#[must_use]
pub fn percent(share: f64, decimals: u8) -> String {
    format::percent(share * 1e6, decimals)
}

/// A fraction of one as percent with its sign.
#[must_use]
pub fn signed_percent(share: f64, decimals: u8) -> String {
    format::signed_percent(share * 1e6, decimals)
}

/// Basis points with their sign: `+1.2 bps`.
#[must_use]
pub fn bps(value: f64) -> String {
    format!("{}{THIN_SPACE}bps", format::signed_float(value, 1))
}

/// A value that may be missing.
#[must_use]
pub fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "–".into())
}

/// The beginning of a digest, which people tell models apart by.
#[must_use]
pub fn short(digest: &str) -> String {
    digest.chars().take(8).collect()
}

/// `Kraken BTC/USD` of `kraken:BTC/USD`.
#[must_use]
pub fn market(symbol: &str) -> String {
    match symbol.split_once(':') {
        Some((venue, pair)) => format!("{} {}", self::venue(venue), pair.replace('-', "/")),
        None => symbol.to_owned(),
    }
}

/// The venue's name of its short one.
#[must_use]
pub fn venue(slug: &str) -> &str {
    match slug {
        "binance-us" => "Binance.US",
        "coinbase" => "Coinbase",
        "kraken" => "Kraken",
        "kucoin" => "KuCoin",
        other => other,
    }
}

/// Day and time of day: `20 Nov 22:41`.
#[must_use]
pub fn moment(zone: Zone, at_ms: i64) -> String {
    format!("{} {}", zone.date(at_ms), zone.clock(at_ms))
}

/// A size in the unit that fits: `1.2 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let (value, unit) = match bytes as f64 {
        small if small < 1e3 => return format!("{bytes}{THIN_SPACE}B"),
        kilo if kilo < 1e6 => (kilo / 1e3, "kB"),
        mega if mega < 1e9 => (mega / 1e6, "MB"),
        giga => (giga / 1e9, "GB"),
    };
    format!("{}{THIN_SPACE}{unit}", format::float(value, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_goes_where_the_box_reads_it() {
        let action = |asks: Vec<Ask>, sends| Action {
            id: "x",
            label: "X",
            question: String::new(),
            consequence: "",
            method: "POST",
            path: "/p".into(),
            asks,
            sends,
            done: "",
        };
        let encode = |text: &str| text.replace(' ', "%20");
        let sent = |action: Action, texts: &[&str]| {
            action.request(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), encode)
        };
        let path = |path: &str, body: Option<&str>| Ok((path.to_owned(), body.map(str::to_owned)));
        let why = || vec![Ask::text("why", "")];
        assert_eq!(sent(action(why(), Sends::Address), &["a b"]), path("/p?why=a%20b", None));
        let json = sent(action(why(), Sends::Json("\"scopes\":[\"read\"]")), &["a\"b"]);
        assert_eq!(json, path("/p", Some("{\"why\":\"a\\\"b\",\"scopes\":[\"read\"]}")));
        let number = || Some(SettingKind::Number { min: 0, max: 9 });
        let set = sent(action(why(), Sends::Setting("a.b".into(), number())), &["7"]);
        assert_eq!(set, path("/p", Some("{\"changes\":{\"a.b\":7}}")));
        assert!(sent(action(why(), Sends::Setting("a.b".into(), number())), &["x"]).is_err());
        let back = sent(action(Vec::new(), Sends::Setting("a.b".into(), None)), &[]);
        assert_eq!(back, path("/p", Some("{\"changes\":{\"a.b\":null}}")));
    }

    #[test]
    fn names_and_amounts_are_read_as_people_write_them() {
        assert_eq!(market("binance-us:BTCUSDT"), "Binance.US BTCUSDT");
        assert_eq!(market("coinbase:BTC-USD"), "Coinbase BTC/USD");
        assert_eq!(dollars("10214.36500000"), "$10\u{202f}214.37");
        assert_eq!(signed_dollars("-1.27"), Said::toned("\u{2212}$1.27", Tone::Bad));
        assert_eq!(size(1_234_567), "1.2\u{202f}MB");
        assert_eq!(short("0123456789abcdef"), "01234567");
        assert_eq!(ordered(vec!["bb", "a", "cc", "d"], |text| -(text.len() as i64)), ["bb", "cc", "a", "d"]);
    }
}
