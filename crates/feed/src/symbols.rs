//! The venue's names of the wanted instruments.

/// Finds the index of an instrument by its name. It is asked with every message, so it is a table of twice the size.
#[derive(Clone, Debug)]
pub(crate) struct Symbols {
    names: Vec<Box<str>>,
    /// Indexes: where the hash of the name leads, or in the next free place behind. As many as a power of two.
    places: Vec<Option<usize>>,
}

impl Symbols {
    /// Of names in the order of their indexes, none of them twice.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<Box<str>> = names.map(Box::from).collect();
        let mut symbols = Self { places: vec![None; (2 * names.len()).next_power_of_two()], names };
        for index in 0..symbols.names.len() {
            let mut place = symbols.place(hash(&symbols.names[index]));
            while symbols.places[place].is_some() {
                place = symbols.place(place + 1);
            }
            symbols.places[place] = Some(index);
        }
        symbols
    }

    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        let mut place = self.place(hash(name));
        loop {
            let index = self.places[place]?;
            if *self.names[index] == *name {
                return Some(index);
            }
            place = self.place(place + 1);
        }
    }

    const fn place(&self, number: usize) -> usize {
        number & (self.places.len() - 1)
    }
}

/// Of the ends of a name: what is between them rarely makes the difference.
#[inline]
fn hash(name: &str) -> usize {
    let word = |bytes: Option<&[u8; 4]>| bytes.map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
    let ends = word(name.as_bytes().first_chunk()) | word(name.as_bytes().last_chunk()) << 32;
    (ends.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_name_leads_to_its_index_and_no_other_does(
            names in proptest::collection::btree_set("(1000)?[A-C/]{0,4}(USDT?)?", 0..40), other in "[A-C]{0,6}(USDT)?",
        ) {
            let symbols = Symbols::new(names.iter().map(String::as_str));
            for (index, name) in names.iter().enumerate() {
                proptest::prop_assert_eq!(symbols.get(name), Some(index));
            }
            proptest::prop_assert_eq!(symbols.get(&other), names.iter().position(|name| *name == other));
        }
    }
}
