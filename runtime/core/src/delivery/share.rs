//! How evenly a shared subscription's messages went to its members.

/// What each member of a shared group got, known once its last member has closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupShare {
    /// The group's name.
    pub group: String,
    /// The filter its members share.
    pub filter: String,
    /// Messages a member, in the order in which they left. At most [`Self::MOST_MEMBERS`]; later ones are in the last.
    pub members: Vec<u64>,
}

impl GroupShare {
    /// The most members that are listed one by one.
    pub const MOST_MEMBERS: usize = 10_000;

    /// Jain's fairness index, from `1 / members` (one got everything) to 1 (all got the same): `sum² / (n · sum of
    /// squares)`, R. Jain, D. Chiu, W. Hawe, DEC-TR-301, 1984. 1 when nothing came.
    #[must_use]
    pub fn fairness(&self) -> f64 {
        let sum: f64 = self.members.iter().map(|count| *count as f64).sum();
        let squares: f64 = self.members.iter().map(|count| (*count as f64).powi(2)).sum();
        if squares == 0.0 { 1.0 } else { sum * sum / (self.members.len() as f64 * squares) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fairness_is_one_when_even_and_one_nth_when_one_has_all() {
        let of =
            |members: &[u64]| GroupShare { members: members.to_vec(), ..GroupShare::default() }.fairness();
        for (members, expected) in
            [(&[5_u64, 5, 5, 5][..], 1.0), (&[8, 0, 0, 0], 0.25), (&[], 1.0), (&[0, 0], 1.0), (&[1, 3], 0.8)]
        {
            assert!((of(members) - expected).abs() < 1e-12, "{members:?}");
        }
    }
}
