//! Decimal digits, eight at a time.
//!
//! Eight bytes of text are one number of the machine, the first byte its lowest. What is done to one byte of it is done to
//! all eight at once.

/// Ten to the power of the index.
pub(crate) const POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut n = 1;
    while n < 19 {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
const HIGHEST_BITS: u64 = u64::from_le_bytes([0x80; 8]);
/// Takes every value above nine to the highest bit of its byte.
const ABOVE_NINE: u64 = u64::from_le_bytes([0x80 - 10; 8]);

/// Eight characters. A digit stands for its value, everything else for something above nine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Eight(u64);

impl Eight {
    /// The first eight characters of a text that has so many.
    #[inline]
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        Some(Self(u64::from_le_bytes(*text.first_chunk()?) ^ ZEROS))
    }

    /// How many digits there are before anything else.
    #[inline]
    pub(crate) const fn count(self) -> usize {
        self.strangers().trailing_zeros() as usize / 8
    }

    #[inline]
    pub(crate) const fn are_digits(self) -> bool {
        self.strangers() == 0
    }

    /// A bit for every character that is no digit. Such a one may add a bit of its own right behind it, never before.
    #[inline]
    const fn strangers(self) -> u64 {
        (self.0.wrapping_add(ABOVE_NINE) | self.0) & HIGHEST_BITS
    }

    /// The first `count` characters, at most eight, with zeros before them.
    #[inline]
    pub(crate) const fn first(self, count: usize) -> Self {
        Self(self.0.unbounded_shl(64 - 8 * count as u32))
    }

    /// True when the characters from `from` on, as far as `to`, are zeros.
    #[inline]
    pub(crate) const fn is_zero_between(self, from: usize, to: usize) -> bool {
        self.first(to).0.unbounded_shr(64 - 8 * to as u32).unbounded_shr(8 * from as u32) == 0
    }

    /// The number that eight digits make.
    #[inline]
    pub(crate) const fn number(self) -> u64 {
        // Digits to pairs, in every other byte; pairs to fours, and these to eight, in the higher half of a product.
        let pairs = self.0.wrapping_mul(10).wrapping_add(self.0 >> 8);
        let (first, second) = (pairs & 0x0000_00ff_0000_00ff, pairs >> 16 & 0x0000_00ff_0000_00ff);
        let eight = first.wrapping_mul(100 + (1_000_000 << 32)).wrapping_add(second.wrapping_mul(1 + (10_000 << 32)));
        eight >> 32
    }
}

/// The whole number at the head of a text, and its length. `None` without a digit, or when it is too large.
#[inline]
pub(crate) fn whole(text: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut len) = (0_u64, 0);
    // Sixteen digits are still far from the largest number.
    while len <= 8
        && let Some(eight) = Eight::of(text.get(len..)?)
    {
        let count = eight.count();
        number = number * POWERS[count] + eight.first(count).number();
        len += count;
        if count < 8 {
            return (len > 0).then_some((number, len));
        }
    }
    while let Some(digit) = text.get(len).filter(|byte| byte.is_ascii_digit()) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        len += 1;
    }
    (len > 0).then_some((number, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn eight_digits_are_their_number(number in 0u64..100_000_000, count in 0usize..=8) {
            let text = format!("{number:08}");
            let eight = Eight::of(text.as_bytes()).expect("eight characters");
            proptest::prop_assert!(eight.are_digits());
            proptest::prop_assert_eq!(eight.number(), number);
            let first = text[..count].parse().unwrap_or(0);
            proptest::prop_assert_eq!(eight.first(count).number(), first);
        }

        #[test]
        fn digits_are_counted_up_to_the_first_other_byte(bytes: [u8; 8], digits in 0usize..=8) {
            let mut bytes = bytes;
            bytes[..digits].iter_mut().for_each(|byte| *byte = b'0' + *byte % 10);
            let eight = Eight::of(&bytes).expect("eight bytes");
            let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            proptest::prop_assert_eq!((eight.count(), eight.are_digits()), (count, count == 8));
            for to in 0..=8 {
                for from in 0..=to {
                    let zeros = bytes[from..to].iter().all(|byte| *byte == b'0');
                    proptest::prop_assert_eq!(eight.is_zero_between(from, to), zeros, "{} {}", from, to);
                }
            }
        }
    }

    #[test]
    fn fewer_than_eight_characters_are_left_to_others() {
        assert_eq!(Eight::of(b"1234567"), None);
    }
}
