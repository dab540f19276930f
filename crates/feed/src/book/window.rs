//! Quantities at consecutive ticks.

/// Ticks of a window: 2 621 dollars of Bitcoin, at a cent each.
const TICKS: usize = 1 << 18;
/// Ticks whose quantities stand together.
const GROUP: usize = 16;
/// Groups told by one word of bits.
const WORD: usize = u64::BITS as usize;
/// The largest step, so that a place times a step never overflows.
const STEP_MAX: u64 = 1 << 40;

/// A stretch of the number line with a quantity at every so-many-th number, most of them zero.
///
/// Setting one takes no search, however many there are. Sixteen ticks are a group; a group that holds something has a
/// page with their quantities, and the bits of all groups lead from one used tick to the next.
///
/// ```text
/// used_words   4 words   which words of `used` are not zero
/// used       256 words   which groups hold something
/// groups  16 384         which ticks of the group hold something, and on which page
/// ```
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The number at tick 0.
    first: i64,
    /// From one tick to the next.
    step: u64,
    /// Empty until the window is laid.
    groups: Vec<Group>,
    used: Vec<u64>,
    used_words: [u64; TICKS / GROUP / WORD / WORD],
    pages: Vec<[u64; GROUP]>,
    free: Vec<u16>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// A bit for each tick.
    ticks: u16,
    /// Valid while there are bits.
    page: u16,
}

/// Where a number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this tick.
    Tick(usize),
    /// Between two ticks.
    Between,
    /// Before the first or behind the last.
    Outside,
}

impl Window {
    /// One that nothing lies in.
    pub(super) const fn new() -> Self {
        Self {
            first: 0,
            step: 1,
            groups: Vec::new(),
            used: Vec::new(),
            used_words: [0; TICKS / GROUP / WORD / WORD],
            pages: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Forgets everything and lies around the highest of these numbers, so that as many of them as can be have a tick.
    pub(super) fn lay_for(&mut self, numbers: impl Iterator<Item = i64> + Clone) {
        let step = numbers.clone().fold(0, |step, number| common_divisor(number.unsigned_abs(), step));
        if let Some(highest) = numbers.max() {
            self.lay(highest, step.max(1));
        }
    }

    /// Forgets everything and lies somewhere else: three quarters of it below `anchor`. `step` must not be zero. A window
    /// that cannot be laid there holds nothing.
    fn lay(&mut self, anchor: i64, step: u64) {
        self.clear();
        let below = (TICKS as u64 / 4 * 3).checked_mul(step).and_then(|below| i64::try_from(below).ok());
        match below.and_then(|below| anchor.checked_sub(below)).filter(|_| step <= STEP_MAX) {
            Some(first) => {
                (self.first, self.step) = (first, step);
                self.groups.resize(TICKS / GROUP, Group::default());
                self.used.resize(TICKS / GROUP / WORD, 0);
            }
            None => self.groups = Vec::new(),
        }
    }

    /// Forgets the quantities.
    pub(super) fn clear(&mut self) {
        while let Some(tick) = self.highest() {
            self.set(tick, 0);
        }
    }

    /// The number at tick 0; what is less lies before the window.
    pub(super) const fn first(&self) -> i64 {
        self.first
    }

    #[inline]
    pub(super) fn place(&self, number: i64) -> Place {
        if number < self.first {
            return Place::Outside;
        }
        let distance = number.wrapping_sub(self.first) as u64;
        // Nearly always the numbers are ticks themselves.
        let (tick, rest) = if self.step == 1 { (distance, 0) } else { (distance / self.step, distance % self.step) };
        if tick >= (self.groups.len() * GROUP) as u64 {
            Place::Outside
        } else if rest == 0 {
            Place::Tick(tick as usize)
        } else {
            Place::Between
        }
    }

    /// The number at a tick.
    pub(super) fn number(&self, tick: usize) -> i64 {
        self.first + tick as i64 * self.step as i64
    }

    /// Sets the quantity at a tick; gives the one that was there.
    #[inline]
    pub(super) fn set(&mut self, tick: usize, qty: u64) -> u64 {
        let (index, slot) = (tick / GROUP, tick % GROUP);
        let group = self.groups[index];
        let bit = 1 << slot;
        let was_set = group.ticks & bit != 0;
        if qty == 0 {
            if !was_set {
                return 0;
            }
            let ticks = group.ticks & !bit;
            self.groups[index].ticks = ticks;
            if ticks == 0 {
                self.free.push(group.page);
                self.mark(index, false);
            }
            return self.pages[usize::from(group.page)][slot];
        }
        if group.ticks == 0 {
            let page = self.free_page();
            self.pages[usize::from(page)][slot] = qty;
            self.groups[index] = Group { ticks: bit, page };
            self.mark(index, true);
            return 0;
        }
        self.groups[index].ticks |= bit;
        let before = core::mem::replace(&mut self.pages[usize::from(group.page)][slot], qty);
        if was_set { before } else { 0 }
    }

    /// The quantity at a tick; zero where nothing is.
    pub(super) fn get(&self, tick: usize) -> u64 {
        let (group, slot) = (self.groups[tick / GROUP], tick % GROUP);
        if group.ticks & (1 << slot) == 0 { 0 } else { self.pages[usize::from(group.page)][slot] }
    }

    fn free_page(&mut self) -> u16 {
        self.free.pop().unwrap_or_else(|| {
            self.pages.push([0; GROUP]);
            // There are no more pages than groups.
            (self.pages.len() - 1) as u16
        })
    }

    #[inline]
    fn mark(&mut self, group: usize, is_used: bool) {
        let set = |word: &mut u64, bit: usize, is_set: bool| *word = *word & !(1 << bit) | u64::from(is_set) << bit;
        let word = &mut self.used[group / WORD];
        set(word, group % WORD, is_used);
        let is_word_used = *word != 0;
        set(&mut self.used_words[group / WORD / WORD], group / WORD % WORD, is_word_used);
    }

    /// The highest tick that holds something.
    #[inline]
    pub(super) fn highest(&self) -> Option<usize> {
        let group = self.used_below(self.groups.len())?;
        Some(group * GROUP + highest_bit(u64::from(self.groups[group].ticks)))
    }

    /// The lowest tick that holds something.
    pub(super) fn lowest(&self) -> Option<usize> {
        let lowest = |words: &[u64]| {
            let index = words.iter().position(|word| *word != 0)?;
            Some(index * WORD + words[index].trailing_zeros() as usize)
        };
        let word = lowest(&self.used_words)?;
        let group = word * WORD + self.used[word].trailing_zeros() as usize;
        Some(group * GROUP + self.groups[group].ticks.trailing_zeros() as usize)
    }

    /// The highest used group below this one.
    fn used_below(&self, group: usize) -> Option<usize> {
        let below = |word: u64, bit: usize| word & ((1 << bit) - 1);
        let (word, bit) = (group / WORD, group % WORD);
        if bit > 0
            && let bits = below(self.used[word], bit)
            && bits != 0
        {
            return Some(word * WORD + highest_bit(bits));
        }
        let (mut index, bit) = (word / WORD, word % WORD);
        let mut bits = if bit > 0 { below(self.used_words[index], bit) } else { 0 };
        while bits == 0 {
            index = index.checked_sub(1)?;
            bits = self.used_words[index];
        }
        let word = index * WORD + highest_bit(bits);
        Some(word * WORD + highest_bit(self.used[word]))
    }

    /// The used ticks with numbers below `limit`, if there is one, from the highest on; with their quantities.
    pub(super) fn below(&self, limit: Option<i64>) -> impl Iterator<Item = (usize, u64)> + '_ {
        let end = limit.map_or(TICKS as u64, |limit| match limit > self.first {
            true => (limit.wrapping_sub(self.first) as u64).div_ceil(self.step),
            false => 0,
        });
        let end = (end.min(TICKS as u64) as usize).min(self.groups.len() * GROUP);
        let mut group = end / GROUP;
        let below_end = (1 << (end % GROUP)) - 1;
        let mut ticks = self.groups.get(group).map_or(0, |group| group.ticks & below_end);
        core::iter::from_fn(move || {
            if ticks == 0 {
                group = self.used_below(group)?;
                ticks = self.groups[group].ticks;
            }
            let slot = highest_bit(u64::from(ticks));
            ticks &= !(1 << slot);
            Some((group * GROUP + slot, self.pages[usize::from(self.groups[group].page)][slot]))
        })
    }
}

/// The largest number that divides both; zero is divided by every number.
const fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The number of the highest bit; the word must not be zero.
const fn highest_bit(word: u64) -> usize {
    (u64::BITS - 1 - word.leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn numbers_have_ticks_by_first_and_step_and_the_rest_has_none() {
        let mut window = Window::new();
        assert_eq!(window.place(0), Place::Outside);
        window.lay(1_000, 5);
        let anchor = TICKS / 4 * 3;
        assert_eq!(window.place(1_000), Place::Tick(anchor));
        assert_eq!(window.place(1_001), Place::Between);
        assert_eq!((window.place(995), window.number(anchor - 1)), (Place::Tick(anchor - 1), 995));
        let last = window.number(TICKS - 1);
        assert_eq!((window.place(last), window.place(last + 1)), (Place::Tick(TICKS - 1), Place::Between));
        assert_eq!((window.place(last + 5), window.place(window.first() - 1)), (Place::Outside, Place::Outside));
        for number in [i64::MIN, -1_000_000_000, i64::MAX] {
            assert_eq!(window.place(number), Place::Outside, "{number}");
        }
    }

    #[test]
    fn where_a_window_would_leave_the_number_line_it_holds_nothing() {
        let mut window = Window::new();
        for (anchor, step) in [(i64::MIN + 9, 1), (0, STEP_MAX + 1), (0, u64::MAX)] {
            window.lay(5, 1);
            assert_eq!(window.place(5), Place::Tick(TICKS / 4 * 3));
            window.lay(anchor, step);
            assert_eq!((window.place(anchor), window.highest()), (Place::Outside, None), "{anchor} by {step}");
        }
        window.lay(i64::MAX, STEP_MAX);
        assert_eq!(window.place(i64::MAX), Place::Tick(TICKS / 4 * 3));
        assert_eq!(window.place(-i64::MAX), Place::Outside);
    }

    proptest::proptest! {
        #[test]
        fn a_window_is_a_sorted_map(
            steps in proptest::collection::vec((0usize..7, 0usize..40, 0u64..3), 0..300),
        ) {
            let mut window = Window::new();
            window.lay(0, 1);
            let mut naive = BTreeMap::new();
            for (region, offset, qty) in steps {
                let tick = [0, 10, 900, 1_000, 65_500, TICKS / 2, TICKS - 40][region] + offset;
                let before = if qty == 0 { naive.remove(&tick) } else { naive.insert(tick, qty) };
                proptest::prop_assert_eq!(window.get(tick), before.unwrap_or(0));
                proptest::prop_assert_eq!(window.set(tick, qty), before.unwrap_or(0));
                proptest::prop_assert_eq!(window.get(tick), qty);
                proptest::prop_assert_eq!(window.highest(), naive.last_key_value().map(|(tick, _)| *tick));
                proptest::prop_assert_eq!(window.lowest(), naive.first_key_value().map(|(tick, _)| *tick));
            }
            let all: Vec<_> = naive.iter().rev().map(|(tick, qty)| (*tick, *qty)).collect();
            proptest::prop_assert_eq!(window.below(None).collect::<Vec<_>>(), &all[..]);
            for (index, (tick, _)) in all.iter().enumerate() {
                let limit = window.number(*tick);
                proptest::prop_assert!(window.below(Some(limit)).eq(all[index + 1..].iter().copied()));
                proptest::prop_assert!(window.below(Some(limit + 1)).eq(all[index..].iter().copied()));
            }
            proptest::prop_assert!(window.pages.len() - window.free.len() <= naive.len());
            window.clear();
            proptest::prop_assert_eq!((window.highest(), window.free.len()), (None, window.pages.len()));
        }
    }
}
