//! Chance that is the same for the same seed, on every machine and in every version: SplitMix64.
//! <https://prng.di.unimi.it/splitmix64.c>

/// A stream of draws.
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// A stream of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A whole number below `count`, which is not zero.
    pub fn below(&mut self, count: u64) -> u64 {
        let scaled = (u128::from(self.bits()) * u128::from(count)) >> 64;
        u64::try_from(scaled).unwrap_or_default()
    }

    /// A whole number within bounds, both of them in.
    pub fn whole(&mut self, least: i64, most: i64) -> i64 {
        let count = most.saturating_sub(least).unsigned_abs().saturating_add(1);
        least.saturating_add_unsigned(self.below(count))
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_its_authors() {
        // The first outputs for the seed 1234567, as published with the algorithm.
        let mut draw = Draw::new(1_234_567);
        assert_eq!(draw.bits(), 6_457_827_717_110_365_317);
        assert_eq!(draw.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_are_within_their_bounds() {
        let mut draw = Draw::new(1);
        let mut hit = [false; 3];
        for _ in 0..1000 {
            let value = draw.whole(-1, 1);
            hit[usize::try_from(value + 1).unwrap()] = true;
            assert!((0.0..1.0).contains(&draw.unit()));
        }
        assert_eq!(hit, [true; 3]);
    }
}
